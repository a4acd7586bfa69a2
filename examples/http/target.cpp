#include "http/characters.h"
#include "http/scan.h"
#include "http/target.h"

namespace http::detail {

namespace {

bool is_escape(std::string_view text, std::size_t at) noexcept {
    return text.size() - at >= 3 && is(byte_class::hex, text[at + 1]) &&
           is(byte_class::hex, text[at + 2]);
}

bool has_whole_escapes(std::string_view text) noexcept {
    for (auto at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 3)) {
        if (!is_escape(text, at)) return false;
    }
    return true;
}

/// The inside of [...]: an IPv6 address by its alphabet, or the form kept for future addresses.
bool is_ip_literal(std::string_view text) noexcept {
    if (!text.empty() && (text.front() == 'v' || text.front() == 'V')) {
        const auto dot = text.find('.');
        if (dot == std::string_view::npos || dot < 2 || dot + 1 == text.size()) return false;
        if (!all(byte_class::hex, text.substr(1, dot - 1))) return false;
        for (const char byte : text.substr(dot + 1)) {
            if (!is(byte_class::registered, byte) && byte != ':') return false;
        }
        return true;
    }
    bool has_colon = false;
    for (const char byte : text) {
        has_colon |= byte == ':';
        if (!is(byte_class::hex, byte) && byte != ':' && byte != '.') return false;
    }
    return has_colon && text.size() >= 2;
}

constexpr auto no_host = std::string_view::npos;

/// Where the host at the front of `text` ends, or no_host. An empty host ends at 0.
inline std::size_t end_of_host(std::string_view text) noexcept {
    if (!text.empty() && text.front() == '[') {
        const auto close = text.find(']');
        const bool is_whole = close != no_host && is_ip_literal(text.substr(1, close - 1));
        return is_whole ? close + 1 : no_host;
    }
    const char* const end = text.data() + text.size();
    const char* at = text.data();
    for (;;) {
        at = skip<byte_class::registered>(at, end);
        const auto size = static_cast<std::size_t>(at - text.data());
        if (at == end || *at == ':') return size;
        if (*at != '%' || !is_escape(text, size)) return no_host;
        at += 3;
    }
}

/// Whether `digits` is a port number; empty and 0 pass here, as the grammar of URIs has it.
bool is_port(std::string_view digits) noexcept {
    unsigned port = 0;
    for (const char digit : digits) {
        if (!is(byte_class::digit, digit)) return false;
        port = port * 10 + static_cast<unsigned>(digit - '0');
        if (port > 65535) return false;
    }
    return true;
}

/// A host that is not empty, then a port that names one: there is no default to fall back on.
bool is_connect_authority(std::string_view text) noexcept {
    const auto host_end = end_of_host(text);
    if (host_end == 0 || host_end >= text.size()) return false;
    const auto port = text.substr(host_end + 1);
    return text[host_end] == ':' && is_port(port) &&
           port.find_first_not_of('0') != std::string_view::npos;
}

/// How much of `text` is "http://" or "https://"; 0 when it begins with neither.
std::size_t web_scheme_size(std::string_view text) noexcept {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || text.substr(colon, 3) != "://") return 0;
    const auto scheme = text.substr(0, colon);
    if (!is_any_case(scheme, "http") && !is_any_case(scheme, "https")) return 0;
    return colon + 3;
}

}  // namespace

bool is_valid_host(std::string_view value) noexcept {
    const auto host_end = end_of_host(value);
    if (host_end == value.size()) return true;
    return host_end != no_host && host_end > 0 && value[host_end] == ':' &&
           is_port(value.substr(host_end + 1));
}

std::optional<target_parts> parse_target(std::string_view target, request_method method) noexcept {
    if (method == request_method::connect) {
        if (!is_connect_authority(target)) return std::nullopt;
        return target_parts{target_form::authority, 0, target.size()};
    }
    if (target.front() == '/') {
        if (!has_whole_escapes(target)) return std::nullopt;
        return target_parts{target_form::origin, 0, 0};
    }
    if (target == "*") {
        if (method != request_method::options) return std::nullopt;
        return target_parts{target_form::asterisk, 0, 0};
    }
    const auto begin = web_scheme_size(target);
    if (begin == 0) return std::nullopt;
    const auto authority = target.substr(begin, target.find_first_of("/?", begin) - begin);
    // A user name is not part of a host and is refused with it: in a request it only serves to
    // make one host look like another.
    if (authority.empty() || !is_valid_host(authority)) return std::nullopt;
    if (!has_whole_escapes(target.substr(begin + authority.size()))) return std::nullopt;
    return target_parts{target_form::absolute, begin, authority.size()};
}

}  // namespace http::detail
