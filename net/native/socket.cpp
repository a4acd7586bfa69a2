#include <edo/net/native/socket.h>

#include <edo/base/error.h>
#include <edo/base/seam/sys.h>
#include <edo/net/native/sockaddr.h>

namespace edo::detail {
namespace {

template <class Call>
result<net::socket_addr> addr_from(int fd, Call&& call) noexcept {
    if (fd < 0) return errc::not_connected;
    native_addr addr;
    const int failed = call(fd, addr.data(), addr.size_to_fill());
    if (failed < 0) return system_error_of(failed);
    return addr.to_addr();
}

result<void> done(int answer) noexcept {
    if (answer < 0) return system_error_of(answer);
    return {};
}

}  // namespace

result<unique_fd> open_tcp_socket(const net::socket_addr& addr) noexcept {
    const int family = addr.is_v4() ? AF_INET : AF_INET6;
    const int fd =
        sys::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, int{IPPROTO_TCP});
    if (fd < 0) return system_error_of(fd);
    return unique_fd(fd);
}

result<net::socket_addr> local_addr_of(int fd) noexcept {
    return addr_from(
        fd, [](int s, sockaddr* to, socklen_t* size) { return sys::getsockname(s, to, size); });
}

result<net::socket_addr> peer_addr_of(int fd) noexcept {
    return addr_from(
        fd, [](int s, sockaddr* to, socklen_t* size) { return sys::getpeername(s, to, size); });
}

result<void> set_option(int fd, int level, int name, int value) noexcept {
    if (fd < 0) return errc::not_connected;
    return done(sys::setsockopt(fd, level, name, static_cast<const void*>(&value),
                                socklen_t{sizeof value}));
}

result<int> get_option(int fd, int level, int name) noexcept {
    if (fd < 0) return errc::not_connected;
    int value = 0;
    socklen_t size = sizeof value;
    const int failed = sys::getsockopt(fd, level, name, static_cast<void*>(&value), &size);
    if (failed < 0) return system_error_of(failed);
    return value;
}

result<void> shut_down(int fd, int how) noexcept {
    if (fd < 0) return errc::not_connected;
    return done(sys::shutdown(fd, how));
}

result<void> prepare_adopted(int fd) noexcept {
    if (fd < 0) return system_error_of(-EBADF);
    const result<int> type = get_option(fd, SOL_SOCKET, SO_TYPE);
    if (!type) return type.error();
    if (*type != SOCK_STREAM) return system_error_of(-EPROTOTYPE);
    const result<int> domain = get_option(fd, SOL_SOCKET, SO_DOMAIN);
    if (!domain) return domain.error();
    if (*domain != AF_INET && *domain != AF_INET6) return system_error_of(-EAFNOSUPPORT);
    const result<int> protocol = get_option(fd, SOL_SOCKET, SO_PROTOCOL);
    if (!protocol) return protocol.error();
    if (*protocol != IPPROTO_TCP) return system_error_of(-EPROTOTYPE);
    const int flags = sys::fcntl(fd, F_GETFL, 0);
    if (flags < 0) return system_error_of(flags);
    if ((flags & O_NONBLOCK) == 0) {
        if (auto set = done(sys::fcntl(fd, F_SETFL, flags | O_NONBLOCK)); !set) return set;
    }
    return done(sys::fcntl(fd, F_SETFD, FD_CLOEXEC));
}

}  // namespace edo::detail
