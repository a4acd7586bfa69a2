#pragma once

#include <edo/base/result.h>
#include <edo/base/unique_fd.h>
#include <edo/net/socket_addr.h>

namespace edo::detail {

class io_handle;

/// A new non-blocking TCP socket for addresses like `addr`.
result<unique_fd> open_tcp_socket(const net::socket_addr& addr) noexcept;

/// The two ends of a socket; errc::not_connected for -1.
result<net::socket_addr> local_addr_of(int fd) noexcept;
result<net::socket_addr> peer_addr_of(int fd) noexcept;

result<void> set_option(int fd, int level, int name, int value) noexcept;
result<int> get_option(int fd, int level, int name) noexcept;

/// shutdown(2) with SHUT_RD, SHUT_WR or SHUT_RDWR; errc::not_connected for -1.
result<void> shut_down(int fd, int how) noexcept;

/// Checks that `fd` is a TCP socket and makes it non-blocking and closed on exec.
result<void> prepare_adopted(int fd) noexcept;

}  // namespace edo::detail
