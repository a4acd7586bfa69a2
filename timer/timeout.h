#pragma once

#include <chrono>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <edo/base/clock.h>
#include <edo/base/error.h>
#include <edo/base/result.h>
#include <edo/task/await/branch.h>
#include <edo/task/context.h>
#include <edo/timer/wheel/alarm.h>

namespace edo {
namespace detail {

/// Polls an operation or task until it is ready or a deadline has passed; see timeout().
///
///   polling ── the inner one is ready ──────────────────────► ready
///      └────── the alarm is due ──► ending ── it may go ────► timed out (or abandoned)
///
/// While ending, the inner one is asked to go; only one that owns tasks on other workers makes it
/// wait.
template <class A>
class [[nodiscard]] timeout_operation {
    using yielded = yielded_t<A>;
    static_assert(
        !std::is_reference_v<yielded>,
        "timeout yields a result, which holds no reference; let the task yield a pointer");

public:
    static constexpr bool is_combinator = true;
    static constexpr const char* wait_name = "timeout";

    timeout_operation(alarm&& limit, A&& inner)
        : inner_(std::forward<A>(inner)), alarm_(std::move(limit)) {}

    timeout_operation(timeout_operation&& other)
        : inner_(std::move(other.inner_)), alarm_(std::move(other.alarm_)) {}

    timeout_operation& operator=(timeout_operation&&) = delete;

    bool poll(context& cx) noexcept { return poll_inline(cx); }

    /// See select_combinator.
    [[gnu::always_inline]] bool poll_inline(context& cx) noexcept {
        if (stage_ == stage::polling) {
            // A task may compute for long before it waits for the first time: its time begins now.
            // With an operation that is ready at once, as most are, the clock is not read at all.
            if constexpr (!is_leaf) alarm_.resolve(cx.execution());
            if (!poll_inner(cx)) return false;
        }
        if (stage_ == stage::ready) return true;
        if (!inner_.prepare_drop()) return false;
        inner_.drop();
        return true;
    }

    flattened_t<yielded> take() {
        if (stage_ == stage::timed_out) return errc::timed_out;
        if (stage_ == stage::abandoned) return errc::runtime_shutdown;
        const drop_at_end guard(inner_);
        if constexpr (std::is_void_v<yielded>) {
            inner_.take();
            return {};
        } else {
            return inner_.take();
        }
    }

    bool prepare_drop() noexcept { return inner_.prepare_drop(); }

    void release_line() noexcept {
        inner_.release_line();
        alarm_.release_line();
    }

    void visit_branches(void (*seen)(void* to, const context& branch), void* to) {
        show_branch(inner_, seen, to);
    }

private:
    static constexpr bool is_leaf =
        operation<std::remove_reference_t<A>> && !combinator<std::remove_reference_t<A>>;
    enum class stage : std::uint8_t { polling, ready, timed_out, abandoned };

    /// Returns: true when the stage has changed.
    [[gnu::always_inline]] bool poll_inner(context& cx) noexcept {
        // The inner one first, and once more when time is up even if nobody has woken it: a value
        // that is there wins. The alarm spends no budget, so an inner one that never lets go runs
        // out of time too.
        const bool was_woken = inner_.is_woken();
        if (was_woken && inner_.poll(cx)) return be_ready();
        const auto status = alarm_.poll(cx);
        if (status == alarm::status::pending) return false;
        if (!was_woken && inner_.poll(cx)) return be_ready();
        stage_ = status == alarm::status::elapsed ? stage::timed_out : stage::abandoned;
        return true;
    }

    bool be_ready() noexcept {
        alarm_.disarm();
        stage_ = stage::ready;
        return true;
    }

    branch<A> inner_;
    alarm alarm_;
    stage stage_ = stage::polling;
};

}  // namespace detail

/// Waits for `inner`, an operation or a task, but not longer than `limit`, counted from the first
/// poll.
///
///     edo::result<std::size_t> n = co_await edo::timeout(2s, stream.read(buffer));
///     if (n.error() == edo::errc::timed_out) ...
///
/// What `inner` yields comes as an edo::result; if it is one already it is passed on as it is. An
/// exception of `inner` passes too. A value that is ready wins over a deadline that has passed:
/// with a limit of zero `inner` is polled once. When time is up `inner` is dropped before timeout()
/// is done; if it was passed as a variable (an lvalue) it survives, and goes on where it was when
/// it is awaited again.
///
/// Completes:    when `inner` does, or when the limit has passed; at once if `inner` is ready.
/// Errors:       errc::timed_out         the limit has passed; `inner` is gone
///               errc::runtime_shutdown  the runtime of its clock has ended; `inner` is gone
/// Cancellation: drops `inner`; what that loses is said there.
/// Thread-safe:  no.
/// Cost:         no allocation; reads the clock only if an operation is not ready at once.
template <class Rep, class Period, class A>
    requires detail::branch_operand<A>
[[nodiscard]] auto timeout(const std::chrono::duration<Rep, Period>& limit, A&& inner) {
    return detail::timeout_operation<A>(detail::alarm(to_duration(limit)), std::forward<A>(inner));
}

/// Waits for `inner` until `deadline` at most. See timeout().
template <class A>
    requires detail::branch_operand<A>
[[nodiscard]] auto timeout_at(instant deadline, A&& inner) {
    return detail::timeout_operation<A>(detail::alarm(deadline), std::forward<A>(inner));
}

}  // namespace edo
