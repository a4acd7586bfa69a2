#pragma once

#include <cstdint>
#include <string_view>

namespace http {

/// The status codes this example speaks of; any other number from 100 to 599 may be cast to it.
enum class status : std::uint16_t {
    continue_ = 100,
    switching_protocols = 101,
    ok = 200,
    created = 201,
    no_content = 204,
    moved_permanently = 301,
    found = 302,
    not_modified = 304,
    bad_request = 400,
    forbidden = 403,
    not_found = 404,
    method_not_allowed = 405,
    request_timeout = 408,
    content_too_large = 413,
    uri_too_long = 414,
    expectation_failed = 417,
    header_fields_too_large = 431,
    internal_server_error = 500,
    not_implemented = 501,
    service_unavailable = 503,
    version_not_supported = 505,
};

/// The phrase that follows the number in a status line; empty for a code without a name here.
constexpr std::string_view reason_phrase(status code) noexcept {
    switch (code) {
        case status::continue_:
            return "Continue";
        case status::switching_protocols:
            return "Switching Protocols";
        case status::ok:
            return "OK";
        case status::created:
            return "Created";
        case status::no_content:
            return "No Content";
        case status::moved_permanently:
            return "Moved Permanently";
        case status::found:
            return "Found";
        case status::not_modified:
            return "Not Modified";
        case status::bad_request:
            return "Bad Request";
        case status::forbidden:
            return "Forbidden";
        case status::not_found:
            return "Not Found";
        case status::method_not_allowed:
            return "Method Not Allowed";
        case status::request_timeout:
            return "Request Timeout";
        case status::content_too_large:
            return "Content Too Large";
        case status::uri_too_long:
            return "URI Too Long";
        case status::expectation_failed:
            return "Expectation Failed";
        case status::header_fields_too_large:
            return "Request Header Fields Too Large";
        case status::internal_server_error:
            return "Internal Server Error";
        case status::not_implemented:
            return "Not Implemented";
        case status::service_unavailable:
            return "Service Unavailable";
        case status::version_not_supported:
            return "HTTP Version Not Supported";
    }
    return {};
}

}  // namespace http
