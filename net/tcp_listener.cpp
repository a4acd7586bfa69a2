#include <edo/net/tcp_listener.h>

#include <edo/base/error.h>
#include <edo/base/seam/sys.h>
#include <edo/net/native/sockaddr.h>
#include <edo/net/native/socket.h>

namespace edo::net {

result<tcp_listener> tcp_listener::bind(const socket_addr& addr, const options& opts) {
    result<unique_fd> opened = detail::open_tcp_socket(addr);
    if (!opened) return opened.error();
    const int fd = opened->get();
    if (opts.reuse_addr_) {
        if (auto set = detail::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1); !set)
            return set.error();
    }
    if (opts.reuse_port_) {
        if (auto set = detail::set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1); !set)
            return set.error();
    }
    if (addr.is_v6()) {
        const int only = opts.only_v6_ ? 1 : 0;
        if (auto set = detail::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, only); !set)
            return set.error();
    }
    const detail::native_addr at(addr);
    if (const int failed = detail::sys::bind(fd, at.data(), at.size()); failed < 0)
        return detail::system_error_of(failed);
    if (const int failed = detail::sys::listen(fd, opts.backlog_); failed < 0)
        return detail::system_error_of(failed);
    detail::io_handle handle(detail::registration::create(fd, detail::farewell::listen));
    static_cast<void>(opened->release());
    return tcp_listener(std::move(handle));
}

result<tcp_listener> tcp_listener::from_fd(int fd) {
    if (const auto fits = detail::prepare_adopted(fd); !fits) return fits.error();
    const result<int> listens = detail::get_option(fd, SOL_SOCKET, SO_ACCEPTCONN);
    if (!listens) return listens.error();
    if (*listens == 0) return detail::system_error_of(-EINVAL);
    return tcp_listener(
        detail::io_handle(detail::registration::create(fd, detail::farewell::listen)));
}

result<tcp_listener> tcp_listener::adopt(unique_fd fd) {
    auto made = from_fd(fd.get());
    if (made) static_cast<void>(fd.release());
    return made;
}

result<accepted> tcp_listener::try_accept() const {
    detail::registration* const r = handle_.record();
    if (r == nullptr) return errc::not_connected;
    for (;;) {
        const detail::readiness_view seen = r->look();
        if (r->is_attached() && !seen.is_orphaned() && !seen.allows(detail::interest::read))
            return errc::would_block;
        detail::io_handle taken;
        socket_addr peer;
        const long answer = detail::accept_once(r->fd(), taken, peer);
        if (answer == 0) return accepted(tcp_stream(std::move(taken)), peer);
        switch (detail::trouble_of(answer)) {
            case detail::accept_trouble::none_waiting:
                r->clear(detail::interest::read, seen);
                return errc::would_block;
            case detail::accept_trouble::one_connection:
                continue;
            case detail::accept_trouble::exhausted:
            case detail::accept_trouble::listener:
                return detail::system_error_of(answer);
        }
    }
}

result<socket_addr> tcp_listener::local_addr() const noexcept {
    return detail::local_addr_of(handle_.fd());
}

}  // namespace edo::net
