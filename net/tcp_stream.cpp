#include <edo/net/tcp_stream.h>

#include <edo/base/error.h>
#include <edo/base/seam/sys.h>
#include <edo/net/native/socket.h>

namespace edo::net {
namespace {

/// Whole seconds, rounded up, at least one: what the kernel's options take.
int seconds_of(duration span) noexcept {
    const auto whole = std::chrono::ceil<std::chrono::seconds>(span).count();
    if (whole < 1) return 1;
    constexpr std::int64_t most = 32767;  // the kernel's limit
    return static_cast<int>(whole < most ? whole : most);
}

int native_of(shutdown_how how) noexcept {
    switch (how) {
        case shutdown_how::read:
            return SHUT_RD;
        case shutdown_how::write:
            return SHUT_WR;
        case shutdown_how::both:
            break;
    }
    return SHUT_RDWR;
}

}  // namespace

result<tcp_stream> tcp_stream::from_fd(int fd) {
    if (const auto fits = detail::prepare_adopted(fd); !fits) return fits.error();
    if (const auto peer = detail::peer_addr_of(fd); !peer) return peer.error();
    return tcp_stream(
        detail::io_handle(detail::registration::create(fd, detail::farewell::stream)));
}

result<tcp_stream> tcp_stream::adopt(unique_fd fd) {
    auto made = from_fd(fd.get());
    if (made) static_cast<void>(fd.release());
    return made;
}

result<void> tcp_stream::shutdown(shutdown_how how) const noexcept {
    return detail::shut_down(handle_.fd(), native_of(how));
}

result<socket_addr> tcp_stream::local_addr() const noexcept {
    return detail::local_addr_of(handle_.fd());
}

result<socket_addr> tcp_stream::peer_addr() const noexcept {
    return detail::peer_addr_of(handle_.fd());
}

result<void> tcp_stream::set_nodelay(bool on) const noexcept {
    return detail::set_option(handle_.fd(), IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}

result<bool> tcp_stream::nodelay() const noexcept {
    return detail::get_option(handle_.fd(), IPPROTO_TCP, TCP_NODELAY).transform([](int on) {
        return on != 0;
    });
}

result<void> tcp_stream::set_keepalive(std::optional<keepalive_options> options) const noexcept {
    const int fd = handle_.fd();
    if (!options) return detail::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
    return detail::set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds_of(options->idle))
        .and_then([&] {
            return detail::set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL,
                                      seconds_of(options->interval));
        })
        .and_then([&] { return detail::set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, options->probes); })
        .and_then([&] { return detail::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1); });
}

result<bool> tcp_stream::keepalive() const noexcept {
    return detail::get_option(handle_.fd(), SOL_SOCKET, SO_KEEPALIVE).transform([](int on) {
        return on != 0;
    });
}

result<void> tcp_stream::set_linger(std::optional<duration> linger) const noexcept {
    if (handle_.fd() < 0) return errc::not_connected;
    if (linger && *linger != duration::zero()) return detail::system_error_of(-EINVAL);
    ::linger option{};
    option.l_onoff = linger ? 1 : 0;
    const int failed =
        detail::sys::setsockopt(handle_.fd(), SOL_SOCKET, SO_LINGER,
                                static_cast<const void*>(&option), socklen_t{sizeof option});
    if (failed < 0) return detail::system_error_of(failed);
    return {};
}

result<void> tcp_stream::set_receive_buffer_bytes(int bytes) const noexcept {
    return detail::set_option(handle_.fd(), SOL_SOCKET, SO_RCVBUF, bytes);
}

result<void> tcp_stream::set_send_buffer_bytes(int bytes) const noexcept {
    return detail::set_option(handle_.fd(), SOL_SOCKET, SO_SNDBUF, bytes);
}

result<void> tcp_stream::take_error() const noexcept {
    const result<int> number = detail::get_option(handle_.fd(), SOL_SOCKET, SO_ERROR);
    if (!number) return number.error();
    if (*number != 0) return detail::system_error_of(-*number);
    return {};
}

tcp_split tcp_stream::into_split() && noexcept {
    detail::io_handle shared = handle_.share();
    return tcp_split(tcp_read_half(std::move(handle_)), tcp_write_half(std::move(shared)));
}

result<socket_addr> tcp_read_half::local_addr() const noexcept {
    return detail::local_addr_of(handle_.fd());
}

result<socket_addr> tcp_read_half::peer_addr() const noexcept {
    return detail::peer_addr_of(handle_.fd());
}

bool tcp_read_half::is_pair_of(const tcp_write_half& writer) const noexcept {
    return handle_ && record() == writer.record();
}

tcp_write_half& tcp_write_half::operator=(tcp_write_half&& other) noexcept {
    if (this != &other) {
        finish();
        handle_ = std::move(other.handle_);
    }
    return *this;
}

void tcp_write_half::finish() noexcept {
    if (handle_) static_cast<void>(shutdown_write());
}

result<socket_addr> tcp_write_half::local_addr() const noexcept {
    return detail::local_addr_of(handle_.fd());
}

result<socket_addr> tcp_write_half::peer_addr() const noexcept {
    return detail::peer_addr_of(handle_.fd());
}

result<tcp_stream> reunite(tcp_read_half&& reader, tcp_write_half&& writer) noexcept {
    if (!reader.is_pair_of(writer)) return detail::system_error_of(-EINVAL);
    std::move(writer).forget();
    return tcp_stream(std::move(reader.handle_));
}

}  // namespace edo::net
