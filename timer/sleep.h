#pragma once

#include <chrono>

#include <edo/base/clock.h>
#include <edo/task/context.h>
#include <edo/timer/wheel/alarm.h>

namespace edo {

/// Waits until its deadline; what sleep() and sleep_until() return.
///
/// It can be awaited once, be a branch of select, and be moved to another deadline meanwhile:
///
///     auto idle = edo::sleep(30s);
///     for (;;) {
///         auto r = co_await edo::select(idle, stream.read(buffer));
///         if (r.index() == 0) break;               // nothing came for 30 s
///         idle.reset(edo::now() + 30s);
///     }
///
/// It counts on the clock of the runtime where it is first polled, and waits on that of its last
/// poll.
///
/// Requires:    once polled it is not moved.
/// Completes:   at once if the deadline has passed, else when it has, never earlier; on an idle
///              machine about 0.1 ms later. An `instant::max()` never comes.
/// Errors:      std::system_error with errc::runtime_shutdown is thrown when the runtime on whose
///              clock it counts ends first; only a task of another runtime can live to see that
/// Cancellation: loses nothing.
/// Thread-safe: no; the task that awaits it may move between threads.
/// Cost:        one reading of the clock, 48 bytes in the frame, no allocation; O(1).
class sleep_operation {
public:
    static constexpr const char* wait_name = "sleep";
    static constexpr bool is_waiting_at_first = true;

    /// Waits until `deadline`.
    explicit sleep_operation(instant deadline) noexcept : alarm_(deadline) {}

    /// Waits for `span`, counted from now; outside of a runtime from the first poll.
    explicit sleep_operation(duration span) noexcept;
    sleep_operation(sleep_operation&&) noexcept = default;
    sleep_operation& operator=(sleep_operation&&) = delete;

    bool poll(context& cx) noexcept { return alarm_.poll(cx) != detail::alarm::status::pending; }

    void take();

    /// For the library; see edo::release_line().
    void release_line() noexcept { alarm_.release_line(); }

    /// When it is due.
    instant deadline() const noexcept;
    /// True when the deadline has passed.
    bool is_elapsed() const noexcept;

    /// Moves the deadline: earlier, later, into the past; while it waits, before, and after it has
    /// elapsed, so that it can be awaited again. The last reset counts.
    void reset(instant deadline) noexcept { alarm_.reset(deadline); }

private:
    detail::alarm alarm_;
};

/// Waits for `span`.
///
///     co_await edo::sleep(250us);
///
/// Any chrono duration will do, rounded up to nanoseconds and clamped: zero or less is over at
/// once, and what lies more than 292 years ahead never comes. See sleep_operation for the rest.
template <class Rep, class Period>
[[nodiscard]] sleep_operation sleep(const std::chrono::duration<Rep, Period>& span) noexcept {
    return sleep_operation(to_duration(span));
}

/// Waits until `deadline`. See sleep_operation.
[[nodiscard]] inline sleep_operation sleep_until(instant deadline) noexcept {
    return sleep_operation(deadline);
}

}  // namespace edo
