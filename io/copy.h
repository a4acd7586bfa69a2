#pragma once

#include <cstdint>
#include <utility>

#include <edo/base/result.h>
#include <edo/io/copy/pump.h>
#include <edo/io/stream.h>

namespace edo::io {

/// What copy() returns.
template <reader R, writer W>
class [[nodiscard]] copy_operation {
public:
    static constexpr const char* wait_name = "copy";

    copy_operation(R& from, W& to) : pump_(from, to) {}

    bool poll(context& cx) noexcept { return pump_.poll(cx); }

    /// For the library; see edo::release_line().
    void release_line() noexcept { pump_.release_line(); }

    result<std::uint64_t> take() noexcept {
        if (pump_.error()) return pump_.error();
        return pump_.transferred();
    }

    /// How many bytes have been written so far; also after an error or before a drop.
    std::uint64_t transferred() const noexcept { return pump_.transferred(); }

private:
    detail::pump<R, W> pump_;
};

/// Writes to `to` everything that is read from `from`, up to its end.
///
///     std::uint64_t n = co_await edo::io::copy(stream, file);
///
/// Requires:    both live until the operation is done or dropped.
/// Completes:   at the end of `from`, or at an error of either.
/// Returns:     how many bytes were written. Neither side is closed or ended.
/// Errors:      those of `from` and `to`; throws std::bad_alloc at the call.
/// Cancellation: loses what was read and not yet written, at most 16 KiB.
/// Cost:        one buffer of 16 KiB.
template <reader R, writer W>
copy_operation<R, W> copy(R& from, W& to) {
    return copy_operation<R, W>(from, to);
}

/// How much copy_bidirectional() has moved.
class copied {
public:
    copied(std::uint64_t there, std::uint64_t back) noexcept : a_to_b(there), b_to_a(back) {}

    std::uint64_t a_to_b;
    std::uint64_t b_to_a;
};

/// What copy_bidirectional() returns.
template <class A, class B>
    requires reader<A> && reader<B> && half_closable<A> && half_closable<B>
class [[nodiscard]] copy_bidirectional_operation {
public:
    static constexpr const char* wait_name = "copy_bidirectional";

    copy_bidirectional_operation(A& a, B& b) : there_(a, b), back_(b, a) {}

    bool poll(context& cx) noexcept {
        is_there_done_ = is_there_done_ || advance(there_, cx);
        is_back_done_ = is_back_done_ || advance(back_, cx);
        return (is_there_done_ && is_back_done_) || there_.error() || back_.error();
    }

    /// For the library; see edo::release_line().
    void release_line() noexcept {
        there_.release_line();
        back_.release_line();
    }

    result<copied> take() noexcept {
        if (there_.error()) return there_.error();
        if (back_.error()) return back_.error();
        return transferred();
    }

    /// How much has been written so far; also after an error or before a drop.
    copied transferred() const noexcept {
        return copied(there_.transferred(), back_.transferred());
    }

private:
    // Returns: true when the direction has ended; then the reader's end was passed on to the
    // writer.
    template <class Pump>
    static bool advance(Pump& pump, context& cx) noexcept {
        if (!pump.poll(cx)) return false;
        // A writer whose peer is gone cannot be ended any more, and need not be.
        if (!pump.error()) static_cast<void>(pump.to().shutdown_write());
        return true;
    }

    detail::pump<A, B> there_;
    detail::pump<B, A> back_;
    bool is_there_done_ = false;
    bool is_back_done_ = false;
};

/// Copies in both directions between two streams, as a proxy does.
///
///     auto moved = co_await edo::or_return(edo::io::copy_bidirectional(client, server));
///
/// When one side ends, what it sent before is still delivered, then the other side's output is
/// ended (half-close); the other direction goes on until it ends too.
///
/// Requires:    both live until the operation is done or dropped.
/// Completes:   when both directions have ended, or at the first error of any.
/// Errors:      those of the streams; transferred() of the operation says how far both directions
///              came.
/// Cancellation: loses what was read and not yet written, at most 16 KiB each way.
/// Cost:        two buffers of 16 KiB.
template <class A, class B>
copy_bidirectional_operation<A, B> copy_bidirectional(A& a, B& b) {
    return copy_bidirectional_operation<A, B>(a, b);
}

}  // namespace edo::io
