#include <edo/net/tcp/connect.h>

#include <new>

#include <edo/base/error.h>
#include <edo/base/seam/sys.h>
#include <edo/net/native/sockaddr.h>
#include <edo/net/native/socket.h>
#include <edo/net/tcp_stream.h>

namespace edo::net {

bool connect_operation::poll(context& cx) noexcept {
    for (;;) {
        if (!socket_) {
            if (next_ == addrs().size()) return true;
            if (begin(addrs()[next_++])) return true;
            continue;
        }
        // Writable says that the attempt is over, SO_ERROR how.
        const long state = attempt(cx, 0, [](int fd) noexcept -> long {
            const result<int> failed = detail::get_option(fd, SOL_SOCKET, SO_ERROR);
            if (!failed) return -failed.error().value();
            if (*failed != 0) return -*failed;
            const result<socket_addr> peer = detail::peer_addr_of(fd);
            // A hint that was wrong: not connected, and no error yet.
            if (!peer && peer.error().value() == ENOTCONN) return -EAGAIN;
            return 0;
        });
        if (state == pending) return false;
        end_wait();
        if (finish(addrs()[next_ - 1], state)) return true;
    }
}

// Starts an attempt. Returns: true when the connection stands already.
bool connect_operation::begin(const socket_addr& addr) noexcept {
    result<unique_fd> opened = detail::open_tcp_socket(addr);
    if (!opened) {
        error_ = -opened.error().value();
        return false;
    }
    const detail::native_addr to(addr);
    const int state = detail::sys::connect(opened->get(), to.data(), to.size());
    if (state < 0 && state != -EINPROGRESS && state != -EINTR) {
        error_ = state;
        return false;
    }
    try {
        detail::registration* record =
            detail::registration::create(opened->get(), detail::farewell::stream);
        static_cast<void>(opened->release());
        socket_ = detail::io_handle(record);
    } catch (const std::bad_alloc&) {
        error_ = -ENOMEM;
        return false;
    }
    set_record(socket_.record());
    if (state == 0) return finish(addr, 0);
    // Nothing can be written or read yet: the first event tells.
    socket_.record()->clear(detail::interest::write, socket_.record()->look());
    return false;
}

// Ends an attempt. Returns: true when the connection stands.
bool connect_operation::finish(const socket_addr& addr, long so_error) noexcept {
    if (so_error == 0) {
        // TCP lets a socket connect to itself when the kernel happens to choose the target's port
        // for it; then nobody listens there, and nobody could from now on.
        const result<socket_addr> local = detail::local_addr_of(socket_.fd());
        if (!local || *local != addr) return true;
        so_error = -ECONNREFUSED;
    }
    error_ = static_cast<std::int32_t>(so_error);
    set_record(nullptr);
    socket_ = {};
    return false;
}

result<tcp_stream> connect_operation::take() noexcept {
    if (socket_) return tcp_stream(std::move(socket_));
    if (error_ == 0) return errc::invalid_address;
    return detail::error_of(error_);
}

}  // namespace edo::net
