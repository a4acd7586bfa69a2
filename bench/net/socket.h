#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace bench {

/// Owns one file descriptor.
class descriptor {
public:
    descriptor() noexcept = default;

    explicit descriptor(int fd) noexcept : fd_(fd) {}

    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }

    ~descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }

    int get() const noexcept { return fd_; }

    /// Leaves the descriptor to the caller.
    int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

/// Throws std::system_error with `what` and the code of the last system call.
[[noreturn]] void throw_last_error(const std::string& what);

/// Returns: the IPv4 address and port in the kernel's form.
/// Errors:  std::invalid_argument  `address` is not four numbers with dots
sockaddr_in to_sockaddr(const std::string& address, std::uint16_t port);

/// Opens a listening socket with SO_REUSEADDR and a backlog of 1024; port 0 lets the kernel choose.
descriptor listen_on(const std::string& address, std::uint16_t port);

/// Returns: the port that a bound socket has.
std::uint16_t local_port(int socket);

/// Connects, non-blocking from then on and without Nagle's delay.
descriptor connect_to(const sockaddr_in& server);

/// Begins to connect without waiting. Loopback connections start from one of many addresses of
/// 127.0.1.0/24, chosen by `turn`: a port stays taken for a while after a close, and one address
/// has only some 28,000.
descriptor begin_connect(const sockaddr_in& server, std::uint64_t turn);

void disable_nagle(int socket);
void make_non_blocking(int socket);

/// Allows this process as many descriptors as the system lets it have.
void raise_descriptor_limit();

}  // namespace bench
