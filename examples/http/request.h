#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace http {

/// The registered methods that a server meets; method names are case-sensitive.
enum class request_method : std::uint8_t {
    get,
    head,
    post,
    put,
    delete_,
    connect,
    options,
    trace,
    patch,
    other,  ///< see request::method_name()
};

/// The versions that the parser accepts.
enum class protocol_version : std::uint8_t { http_1_0, http_1_1 };

/// The four shapes of a request target (RFC 9112, section 3.2).
enum class target_form : std::uint8_t {
    origin,     ///< `/path?query`
    absolute,   ///< `http://host/path?query`, as sent to proxies
    authority,  ///< `host:port`, with CONNECT only
    asterisk,   ///< `*`, with OPTIONS only
};

/// One field line: a name as it was sent, and a value without blanks around it.
struct field {
    std::string_view name;
    std::string_view value;
};

/// The head of one request, as views into the bytes that were given to the parser.
///
/// The views are valid until the owner of those bytes changes or moves them. What is not a view
/// (method, version, keep_alive() and the like) is valid until the next request begins.
///
/// Cost: nothing is copied or allocated; a field is two pairs of 16-bit offsets.
class request {
public:
    /// More than this many fields are never accepted, whatever the limits say.
    static constexpr std::size_t field_capacity = 100;

    request_method method() const noexcept { return method_; }

    std::string_view method_name() const noexcept { return view(method_name_); }

    protocol_version version() const noexcept { return version_; }

    /// The target as it was sent: every byte is one that RFC 3986 allows, every % starts a %XX.
    std::string_view target() const noexcept { return view(target_); }

    target_form form() const noexcept { return form_; }

    /// The path of the target, not decoded; "/" for an absolute target that has none, empty in the
    /// authority and asterisk forms.
    std::string_view path() const noexcept {
        const auto text = path_and_query();
        const auto path = text.substr(0, text.find('?'));
        return path.empty() && form_ == target_form::absolute ? std::string_view{"/"} : path;
    }

    /// What follows the first '?' of the target, not decoded; empty when there is none.
    std::string_view query() const noexcept {
        const auto text = path_and_query();
        const auto mark = text.find('?');
        return mark == std::string_view::npos ? std::string_view{} : text.substr(mark + 1);
    }

    /// The host, with its port if there was one, that the request is meant for: from an absolute
    /// target, else from the Host field. Empty if an HTTP/1.0 client named none.
    std::string_view host() const noexcept { return view(host_); }

    /// Whether the connection stays open after the response, as far as the client is concerned.
    bool keep_alive() const noexcept { return keep_alive_; }

    /// Whether content follows the head; `Content-Length: 0` counts as none.
    bool has_content() const noexcept { return is_chunked_ || content_length_ > 0; }

    bool is_chunked() const noexcept { return is_chunked_; }

    /// The announced length of the content: 0 when there is none, unknown when it is chunked.
    std::optional<std::uint64_t> content_length() const noexcept {
        if (is_chunked_) return std::nullopt;
        return content_length_;
    }

    /// Whether the client waits for `100 Continue` before it sends the content.
    bool expects_continue() const noexcept { return expects_continue_; }

    std::size_t field_count() const noexcept { return field_count_; }

    /// The field at `index`, in the order in which they were sent.
    /// Requires: index < field_count().
    field field_at(std::size_t index) const noexcept {
        return {.name = view(fields_[index].name), .value = view(fields_[index].value)};
    }

    /// The value of the first field called `name`, in any case; empty optional when there is none.
    std::optional<std::string_view> find(std::string_view name) const noexcept;

private:
    friend class request_parser;

    // Offsets instead of pointers: the owner of the bytes may move them while a head is incomplete.
    struct span {
        std::uint16_t begin = 0;
        std::uint16_t size = 0;
    };

    struct field_spans {
        span name;
        span value;
    };

    std::string_view view(span part) const noexcept { return {base_ + part.begin, part.size}; }

    std::string_view path_and_query() const noexcept {
        if (form_ == target_form::origin) return target();
        if (form_ == target_form::absolute) return target().substr(path_begin_);
        return {};
    }

    const char* base_ = nullptr;
    span method_name_;
    span target_;
    span host_;
    std::uint16_t path_begin_ = 0;  // in the absolute form: behind the authority, within the target
    std::uint16_t field_count_ = 0;
    std::uint64_t content_length_ = 0;
    request_method method_ = request_method::other;
    protocol_version version_ = protocol_version::http_1_1;
    target_form form_ = target_form::origin;
    bool keep_alive_ = false;
    bool is_chunked_ = false;
    bool expects_continue_ = false;
    std::array<field_spans, field_capacity> fields_;
};

}  // namespace http
