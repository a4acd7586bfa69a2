#include <edo/net/socket_addr.h>

#include <arpa/inet.h>
#include <charconv>
#include <cstring>

#include <edo/base/error.h>

namespace edo::net {
namespace {

/// A decimal number that is the whole of `text`, without sign or leading zero.
bool read_number(std::string_view text, std::uint32_t limit, std::uint32_t& number) noexcept {
    if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
    const char* const end = text.data() + text.size();
    const auto [stop, failed] = std::from_chars(text.data(), end, number);
    return failed == std::errc{} && stop == end && number <= limit;
}

/// inet_pton of a view; both kernel and libc want a terminating zero, and none in the middle.
bool read_bytes(int family, std::string_view text, void* to) noexcept {
    char copy[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return false;
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    return inet_pton(family, copy, to) == 1;
}

}  // namespace

socket_addr socket_addr::v4(std::array<std::uint8_t, 4> bytes, std::uint16_t port) noexcept {
    socket_addr made;
    std::memcpy(made.bytes_.data(), bytes.data(), bytes.size());
    made.port_ = port;
    return made;
}

socket_addr socket_addr::v6(std::array<std::uint8_t, 16> bytes,
                            std::uint16_t port,
                            std::uint32_t scope) noexcept {
    socket_addr made;
    made.bytes_ = bytes;
    made.port_ = port;
    made.scope_ = scope;
    made.is_v6_ = true;
    return made;
}

socket_addr socket_addr::loopback_v6(std::uint16_t port) noexcept {
    std::array<std::uint8_t, 16> one{};
    one[15] = 1;
    return v6(one, port);
}

socket_addr socket_addr::with_port(std::uint16_t port) const noexcept {
    socket_addr other = *this;
    other.port_ = port;
    return other;
}

bool socket_addr::is_loopback() const noexcept {
    return is_v6_ ? bytes_ == loopback_v6(0).bytes_ : bytes_[0] == 127;
}

result<socket_addr> socket_addr::parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return errc::invalid_address;
    std::uint32_t port = 0;
    if (!read_number(text.substr(colon + 1), 65535, port)) return errc::invalid_address;
    const std::string_view host = text.substr(0, colon);
    // Of IPv6 the brackets tell where the address ends.
    const bool has_brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (!has_brackets && host.find(':') != std::string_view::npos) return errc::invalid_address;
    if (has_brackets && host.find(':') == std::string_view::npos) return errc::invalid_address;
    return parse_ip(host, static_cast<std::uint16_t>(port));
}

result<socket_addr> socket_addr::parse_ip(std::string_view text, std::uint16_t port) {
    std::array<std::uint8_t, 4> four;
    if (read_bytes(AF_INET, text, four.data())) return v4(four, port);
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
        text = text.substr(1, text.size() - 2);
    std::uint32_t scope = 0;
    if (const std::size_t percent = text.find('%'); percent != std::string_view::npos) {
        if (!read_number(text.substr(percent + 1), UINT32_MAX, scope)) return errc::invalid_address;
        text = text.substr(0, percent);
    }
    std::array<std::uint8_t, 16> sixteen;
    if (!read_bytes(AF_INET6, text, sixteen.data())) return errc::invalid_address;
    return v6(sixteen, port, scope);
}

std::string socket_addr::ip_string() const {
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(is_v6_ ? AF_INET6 : AF_INET, bytes_.data(), text, sizeof text);
    std::string all = text;
    if (scope_ != 0) all += '%' + std::to_string(scope_);
    return all;
}

std::string socket_addr::to_string() const {
    const std::string port = std::to_string(port_);
    return is_v6_ ? '[' + ip_string() + "]:" + port : ip_string() + ':' + port;
}

}  // namespace edo::net
