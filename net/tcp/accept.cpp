#include <edo/net/tcp/accept.h>

#include <new>

#include <edo/base/error.h>
#include <edo/base/seam/sys.h>
#include <edo/net/native/sockaddr.h>
#include <edo/net/tcp_listener.h>

namespace edo::detail {

accept_trouble trouble_of(long error) noexcept {
    switch (-error) {
        case EAGAIN:
            return accept_trouble::none_waiting;
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case EPERM:  // a firewall's rules forbid the connection
        // Linux passes on what the network said of the new connection; see accept(2).
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case ETIMEDOUT:
            return accept_trouble::one_connection;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            return accept_trouble::exhausted;
        default:
            return accept_trouble::listener;
    }
}

long accept_once(int listener, io_handle& taken, net::socket_addr& peer) noexcept {
    native_addr from;
    const int fd = sys::accept4(listener, from.data(), from.size_to_fill(),
                                int{SOCK_NONBLOCK} | int{SOCK_CLOEXEC});
    if (fd < 0) return fd;
    try {
        taken = io_handle(registration::create(fd, farewell::stream));
    } catch (const std::bad_alloc&) {
        sys::close(fd);
        return -ENOMEM;
    }
    peer = from.to_addr();
    return 0;
}

}  // namespace edo::detail

namespace edo::net {
namespace {

constexpr duration first_pause{5'000'000};
constexpr duration longest_pause{1'000'000'000};

}  // namespace

bool accept_operation::poll(context& cx) noexcept {
    for (;;) {
        if (pause_) {
            const detail::alarm::status paused = pause_->poll(cx);
            if (paused == detail::alarm::status::pending) {
                postpone(cx);
                return false;
            }
            pause_.reset();
            if (paused == detail::alarm::status::abandoned) {
                answer_ = detail::answer_of(errc::runtime_shutdown);
                break;
            }
        }
        answer_ = attempt(cx, 0, [this](int fd) noexcept -> long {
            return detail::accept_once(fd, taken_, peer_);
        });
        if (answer_ == pending) return false;
        if (answer_ == 0) break;
        const detail::accept_trouble trouble = detail::trouble_of(answer_);
        if (trouble == detail::accept_trouble::listener) break;
        if (trouble == detail::accept_trouble::exhausted) {
            next_pause_ = next_pause_ == duration::zero() ? first_pause : next_pause_ * 2;
            if (next_pause_ > longest_pause) next_pause_ = longest_pause;
            pause_.emplace(next_pause_);
        } else if (!cx.charge()) {
            postpone(cx);
            return false;  // a peer that aborts all its connections must not hold the worker
        }
    }
    end_wait();
    return true;
}

result<accepted> accept_operation::take() noexcept {
    if (answer_ < 0) return detail::error_of(answer_);
    return accepted(tcp_stream(std::move(taken_)), peer_);
}

}  // namespace edo::net
