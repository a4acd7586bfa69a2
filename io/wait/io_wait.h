#pragma once

#include <cerrno>
#include <climits>
#include <cstddef>
#include <system_error>

#include <edo/base/error.h>
#include <edo/io/reactor/registration.h>
#include <edo/task/context.h>

namespace edo::detail {

/// An answer that is no kernel's: `code` in the range below -errno.
constexpr long answer_of(errc code) noexcept {
    return -4096 - static_cast<long>(code);
}

/// True when a call has moved less than it asked for, so that the next one would block.
inline bool took_all_there_is(long n, std::size_t wanted, readiness_view seen) noexcept {
    return n > 0 && static_cast<std::size_t>(n) < wanted && !seen.has_urgent_data();
}

/// The error in a negative answer of io_wait.
std::error_code error_of(long answer) noexcept;

/// What operations on descriptors have in common: try a call, wait for readiness if it would block.
///
/// An operation derives from it and polls in the form
///
///     const long n = attempt(cx, wanted, [&](int fd) { return sys::recv(fd, data, wanted, 0); });
///     if (n == pending) return false;
///
/// Nothing is remembered of a call that would have blocked, so dropping the operation between two
/// polls loses nothing; what a call has moved belongs to the operation, which says so.
/// May be moved until its first poll.
class io_wait : public io_waiter {
public:
    /// `r` is null for a socket that was closed or moved from: then every attempt fails.
    io_wait(registration* r, interest what) noexcept : io_waiter(what), record_(r) {}

    io_wait(io_wait&& other) noexcept : io_waiter(other.what_), record_(other.record_) {
        EDO_CHECK(!other.is_waiting_,
                  "an operation was moved after its first poll: it has told others where it lives; "
                  "keep it in place until it is done");
    }

    io_wait& operator=(io_wait&&) = delete;

    ~io_wait() { end_wait(); }

    // For the library, made public by the operations.

    using io_waiter::release_line;

    /// The operation goes on later though it need not wait: from now on it holds the record, as one
    /// that waits does, so that the socket may go meanwhile.
    void postpone(context& cx) noexcept;

protected:
    /// The answer of an attempt that has to wait.
    static constexpr long pending = LONG_MIN;

    /// Tries `call(fd)` as soon as that is worthwhile.
    ///
    /// `wanted` is the number of bytes the call asks for: a smaller positive answer means that the
    /// kernel has no more (or no more room) for now, which saves the call that would have said so.
    /// Zero where an answer says nothing about what is left.
    /// Returns: the call's answer; a negative error; or `pending`.
    template <class Call>
    long attempt(context& cx, std::size_t wanted, Call&& call) noexcept {
        if (record_ == nullptr) return answer_of(errc::not_connected);
        for (;;) {
            const readiness_view seen = record_->look();
            if (seen.is_dropped()) return answer_of(errc::closed);
            if (seen.allows(what_)) {
                const long n = call(record_->fd());
                if (n == -EAGAIN) {
                    record_->clear(what_, seen);
                } else if (n != -EINTR) {
                    if (took_all_there_is(n, wanted, seen)) record_->clear(what_, seen);
                    // The owner may have gone since the look, and its farewell be what has failed
                    // the call.
                    const bool is_farewell = n < 0 && record_->look().is_dropped();
                    return is_farewell ? answer_of(errc::closed) : n;
                } else {
                    continue;
                }
            }
            const long waits = wait(cx, seen);
            if (waits != 0) return waits;
        }
    }

    /// Ends all interest. For an operation that is done; the destructor does it too.
    void end_wait() noexcept {
        if (is_waiting_) record_->forget(*this);
    }

    registration* record() const noexcept { return record_; }

    void set_record(registration* r) noexcept { record_ = r; }

private:
    /// Returns: `pending`, an error, or 0 when something has happened since `seen`.
    long wait(context& cx, readiness_view seen) noexcept;

    registration* record_;
};

}  // namespace edo::detail
