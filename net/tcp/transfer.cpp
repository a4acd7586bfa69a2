#include <edo/net/tcp/transfer.h>

#include <climits>

#include <edo/base/error.h>
#include <edo/base/seam/fault.h>
#include <edo/base/seam/sys.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {
namespace {

/// How much of `size` to ask for: all, unless a test wants short transfers.
std::size_t portion(std::size_t size) noexcept {
    if (EDO_FAULT("net.short_transfer") && size > 1) return 1;
    return size;
}

/// The kernel's form of a list of buffers: as many as it takes in one call.
class native_list {
public:
    template <class Byte>
    explicit native_list(std::span<const std::span<Byte>> buffers, std::size_t skip = 0) noexcept {
        for (const std::span<Byte>& whole : buffers) {
            const std::span<Byte> piece = whole.subspan(skip);
            skip = 0;
            if (piece.empty()) continue;
            const std::size_t room = largest - bytes_;
            if (count_ == capacity || room == 0) break;
            entries_[count_].iov_base = const_cast<std::byte*>(piece.data());
            entries_[count_].iov_len = piece.size() < room ? piece.size() : room;
            bytes_ += entries_[count_].iov_len;
            ++count_;
        }
        if (count_ > 0 && portion(bytes_) < bytes_) {
            count_ = 1;
            bytes_ = entries_[0].iov_len = 1;
        }
    }

    std::size_t bytes() const noexcept { return bytes_; }

    msghdr message() noexcept {
        msghdr m{};
        m.msg_iov = entries_;
        m.msg_iovlen = count_;
        return m;
    }

private:
    // What Linux moves in one call at most, and how many pieces (IOV_MAX).
    static constexpr std::size_t largest = 0x7ffff000;
    static constexpr std::size_t capacity = tuning::pick<std::size_t>(1024, 2);

    iovec entries_[capacity];
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
};

/// Fails an operation on nothing, and one that moves no byte needs no call.
long empty_answer(const registration* r) noexcept {
    if (r == nullptr) return answer_of(errc::not_connected);
    return r->look().is_dropped() ? answer_of(errc::closed) : 0;
}

/// Once, without waiting. As long as no event can come only the call itself can tell.
template <class Call>
long try_once(registration* r, interest what, std::size_t wanted, Call&& call) noexcept {
    if (r == nullptr) return answer_of(errc::not_connected);
    for (;;) {
        const readiness_view seen = r->look();
        if (seen.is_dropped()) return answer_of(errc::closed);
        if (r->is_attached() && !seen.is_orphaned() && !seen.allows(what))
            return answer_of(errc::would_block);
        const long n = call(r->fd());
        if (n == -EINTR) continue;
        if (n == -EAGAIN || took_all_there_is(n, wanted, seen)) r->clear(what, seen);
        return n == -EAGAIN ? answer_of(errc::would_block) : n;
    }
}

}  // namespace

result<std::size_t> count_of(long answer) noexcept {
    if (answer < 0) return error_of(answer);
    return static_cast<std::size_t>(answer);
}

result<void> done_or_error(long answer) noexcept {
    if (answer < 0) return error_of(answer);
    return {};
}

long try_read(registration* r, std::span<std::byte> buffer) noexcept {
    if (buffer.empty()) return empty_answer(r);
    const std::size_t wanted = portion(buffer.size());
    return try_once(r, interest::read, wanted, [&](int fd) noexcept -> long {
        return sys::recv(fd, static_cast<void*>(buffer.data()), wanted, 0);
    });
}

long try_write(registration* r, std::span<const std::byte> data) noexcept {
    if (data.empty()) return empty_answer(r);
    const std::size_t wanted = portion(data.size());
    return try_once(r, interest::write, wanted, [&](int fd) noexcept -> long {
        return sys::send(fd, static_cast<const void*>(data.data()), wanted, int{MSG_NOSIGNAL});
    });
}

result<void> end_output(const registration* r) noexcept {
    if (r == nullptr) return errc::not_connected;
    return done_or_error(sys::shutdown(r->fd(), int{SHUT_WR}));
}

}  // namespace edo::detail

namespace edo::net {

using detail::answer_of, detail::interest, detail::native_list, detail::portion,
    detail::empty_answer;
namespace sys = detail::sys;

bool read_operation::poll(context& cx) noexcept {
    if (buffer_.empty()) return finish(empty_answer(record()));
    const std::size_t wanted = portion(buffer_.size());
    // What is only looked at stays there: less than asked for is then no sign that nothing is left.
    const bool looks = how_ == mode::look;
    return finish(attempt(cx, looks ? 0 : wanted, [&](int fd) noexcept -> long {
        return sys::recv(fd, static_cast<void*>(buffer_.data()), wanted, looks ? int{MSG_PEEK} : 0);
    }));
}

result<std::size_t> read_operation::take() noexcept {
    return detail::count_of(answer_);
}

bool read_vectored_operation::poll(context& cx) noexcept {
    native_list list(buffers_);
    if (list.bytes() == 0) return finish(empty_answer(record()));
    return finish(attempt(cx, list.bytes(), [&](int fd) noexcept -> long {
        msghdr message = list.message();
        return sys::recvmsg(fd, &message, 0);
    }));
}

result<std::size_t> read_vectored_operation::take() noexcept {
    return detail::count_of(answer_);
}

bool read_exact_operation::poll(context& cx) noexcept {
    if (buffer_.empty()) answer_ = empty_answer(record());
    while (done_ < buffer_.size()) {
        const std::span<std::byte> rest = buffer_.subspan(done_);
        const std::size_t wanted = portion(rest.size());
        const long n = attempt(cx, wanted, [&](int fd) noexcept -> long {
            return sys::recv(fd, static_cast<void*>(rest.data()), wanted, 0);
        });
        if (n == pending) return false;
        if (n <= 0) {
            answer_ = n < 0 ? n : answer_of(errc::unexpected_eof);
            break;
        }
        done_ += static_cast<std::size_t>(n);
        if (done_ < buffer_.size() && !cx.charge()) {
            postpone(cx);
            return false;
        }
    }
    return finish(answer_);
}

result<void> read_exact_operation::take() noexcept {
    return detail::done_or_error(answer_);
}

bool write_operation::poll(context& cx) noexcept {
    if (data_.empty()) return finish(empty_answer(record()));
    const std::size_t wanted = portion(data_.size());
    return finish(attempt(cx, wanted, [&](int fd) noexcept -> long {
        return sys::send(fd, static_cast<const void*>(data_.data()), wanted, int{MSG_NOSIGNAL});
    }));
}

result<std::size_t> write_operation::take() noexcept {
    return detail::count_of(answer_);
}

bool write_vectored_operation::poll(context& cx) noexcept {
    native_list list(data_);
    if (list.bytes() == 0) return finish(empty_answer(record()));
    return finish(attempt(cx, list.bytes(), [&](int fd) noexcept -> long {
        const msghdr message = list.message();
        return sys::sendmsg(fd, &message, int{MSG_NOSIGNAL});
    }));
}

result<std::size_t> write_vectored_operation::take() noexcept {
    return detail::count_of(answer_);
}

bool write_all_operation::poll(context& cx) noexcept {
    if (data_.empty()) answer_ = empty_answer(record());
    while (done_ < data_.size()) {
        const std::span<const std::byte> rest = data_.subspan(done_);
        const std::size_t wanted = portion(rest.size());
        const long n = attempt(cx, wanted, [&](int fd) noexcept -> long {
            return sys::send(fd, static_cast<const void*>(rest.data()), wanted, int{MSG_NOSIGNAL});
        });
        if (n == pending) return false;
        if (n <= 0) {
            answer_ = n < 0 ? n : answer_of(errc::write_zero);
            break;
        }
        done_ += static_cast<std::size_t>(n);
        if (done_ < data_.size() && !cx.charge()) {
            postpone(cx);
            return false;
        }
    }
    return finish(answer_);
}

result<void> write_all_operation::take() noexcept {
    return detail::done_or_error(answer_);
}

bool write_all_vectored_operation::poll(context& cx) noexcept {
    for (;;) {
        native_list list(data_, skip_);
        if (list.bytes() == 0) {
            if (done_ == 0) answer_ = empty_answer(record());
            break;
        }
        const long n = attempt(cx, list.bytes(), [&](int fd) noexcept -> long {
            const msghdr message = list.message();
            return sys::sendmsg(fd, &message, int{MSG_NOSIGNAL});
        });
        if (n == pending) return false;
        if (n <= 0) {
            answer_ = n < 0 ? n : answer_of(errc::write_zero);
            break;
        }
        advance(static_cast<std::size_t>(n));
        if (!data_.empty() && !cx.charge()) {
            postpone(cx);
            return false;
        }
    }
    return finish(answer_);
}

void write_all_vectored_operation::advance(std::size_t n) noexcept {
    done_ += n;
    skip_ += n;
    while (!data_.empty() && skip_ >= data_.front().size()) {
        skip_ -= data_.front().size();
        data_ = data_.subspan(1);
    }
}

result<void> write_all_vectored_operation::take() noexcept {
    return detail::done_or_error(answer_);
}

bool ready_operation::poll(context& cx) noexcept {
    return finish(attempt(cx, 0, [](int) noexcept -> long { return 0; }));
}

result<void> ready_operation::take() noexcept {
    return detail::done_or_error(answer_);
}

}  // namespace edo::net
