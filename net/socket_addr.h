#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <edo/base/result.h>

namespace edo::net {

/// An IPv4 or IPv6 address with a port: a value, like a number.
///
///     auto addr = edo::net::socket_addr::parse("127.0.0.1:7000").value();
///     auto any6 = edo::net::socket_addr::parse("[::]:80").value();
///
/// Thread-safe: as an int.
class socket_addr {
public:
    /// 0.0.0.0:0
    socket_addr() noexcept {}  // user-provided: safe as a temporary next to co_await on g++ 12

    /// The IPv4 address `bytes`, most significant first.
    static socket_addr v4(std::array<std::uint8_t, 4> bytes, std::uint16_t port) noexcept;
    /// The IPv6 address `bytes`; `scope` is the number of the interface of a link-local address.
    static socket_addr v6(std::array<std::uint8_t, 16> bytes,
                          std::uint16_t port,
                          std::uint32_t scope = 0) noexcept;

    /// 127.0.0.1, port 0 lets the kernel choose.
    static socket_addr loopback_v4(std::uint16_t port) noexcept { return v4({127, 0, 0, 1}, port); }

    /// [::1]
    static socket_addr loopback_v6(std::uint16_t port) noexcept;

    /// 0.0.0.0: every address of this machine
    static socket_addr any_v4(std::uint16_t port) noexcept { return v4({0, 0, 0, 0}, port); }

    /// [::]
    static socket_addr any_v6(std::uint16_t port) noexcept { return v6({}, port); }

    /// Reads "1.2.3.4:80", "[2001:db8::1]:80" or "[fe80::1%2]:80". Names are not looked up, and
    /// nothing may stand before, between or after. IPv4 takes four decimal numbers without leading
    /// zeros.
    /// Errors: errc::invalid_address
    static result<socket_addr> parse(std::string_view text);
    /// Reads an address without a port: "1.2.3.4", "2001:db8::1", with or without brackets.
    /// Errors: errc::invalid_address
    static result<socket_addr> parse_ip(std::string_view text, std::uint16_t port);

    bool is_v4() const noexcept { return !is_v6_; }

    bool is_v6() const noexcept { return is_v6_; }

    /// 127.0.0.0/8 or [::1].
    bool is_loopback() const noexcept;

    std::uint16_t port() const noexcept { return port_; }

    /// The same address with another port.
    socket_addr with_port(std::uint16_t port) const noexcept;

    /// The address bytes, most significant first; of IPv4 the first four.
    const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }

    /// The number of the interface of a link-local IPv6 address; 0 for all others.
    std::uint32_t scope() const noexcept { return scope_; }

    /// As parse() reads it.
    std::string to_string() const;
    /// Without brackets and port.
    std::string ip_string() const;

    friend bool operator==(const socket_addr&, const socket_addr&) noexcept = default;
    friend auto operator<=>(const socket_addr&, const socket_addr&) noexcept = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
    std::uint32_t scope_ = 0;
    std::uint16_t port_ = 0;
    bool is_v6_ = false;
};

}  // namespace edo::net
