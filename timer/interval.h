#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>

#include <edo/base/clock.h>
#include <edo/task/context.h>
#include <edo/timer/wheel/alarm.h>

namespace edo {

/// What an interval does when its ticks are taken too late. With a period of 10, when the tick due
/// at 20 is taken at 47:
enum class missed_tick : std::uint8_t {
    burst,  ///< catches up: the next ticks are due at 30, 40, 50, so two at once (the default)
    delay,  ///< counts from the late tick: 57, 67, 77
    skip,   ///< leaves out what was missed and stays in step: 50, 60, 70
};

/// Ticks at a steady pace: the first tick at once, then one each period.
///
///     auto ticks = edo::interval(16ms, edo::missed_tick::skip);
///     for (;;) {
///         co_await ticks.tick();
///         draw();
///     }
///
/// The instants are start + n * period, however long the work between two ticks takes, unless
/// missed_tick::delay says otherwise. There a tick counts as late when it is taken more than 5 ms,
/// or half a period if that is less, after it was due.
///
/// Requires:    it is not moved or destroyed while a tick waits.
/// Thread-safe: no.
class interval {
public:
    class tick_operation;

    /// Starts now; outside of a runtime with its first tick.
    /// Requires: `period` is greater than zero.
    template <class Rep, class Period>
    explicit interval(const std::chrono::duration<Rep, Period>& period,
                      missed_tick policy = missed_tick::burst,
                      std::source_location site = std::source_location::current()) noexcept
        : interval(to_duration(period), policy, site) {}

    explicit interval(duration period,
                      missed_tick policy = missed_tick::burst,
                      std::source_location site = std::source_location::current()) noexcept;
    /// The first tick is due at `start`. Requires: `period` is greater than zero.
    interval(instant start,
             duration period,
             missed_tick policy,
             std::source_location site = std::source_location::current()) noexcept;

    /// Waits for the next tick.
    ///
    /// Completes:    at once if it is due, else when it is, never earlier.
    /// Returns:      the instant at which the tick was due, edo::instant.
    /// Errors:       as sleep_operation
    /// Cancellation: loses nothing; the tick is still to be taken.
    [[nodiscard]] tick_operation tick() noexcept;

    /// The next tick is due one period from now. A reset reaches a tick that waits already when
    /// that is polled next, so in a select when it is passed again.
    void reset() noexcept { reset_after(period_); }

    /// The next tick is due now.
    void reset_immediately() noexcept;
    /// The next tick is due `span` from now.
    void reset_after(duration span) noexcept;
    /// The next tick is due at `at`.
    void reset_at(instant at) noexcept;

    duration period() const noexcept { return period_; }

    missed_tick policy() const noexcept { return policy_; }

    /// What is done about ticks that are taken too late, from the next one on.
    void set_policy(missed_tick policy) noexcept { policy_ = policy; }

private:
    /// Takes the tick that is due. Returns: when it was due.
    instant take_tick() noexcept;
    void start(const detail::execution& exec) noexcept;

    instant next_{};
    duration period_;
    missed_tick policy_;
    bool is_started_ = false;
    bool is_due_at_once_ = false;  // whatever the worker's time of this turn says
};

/// See interval::tick().
class interval::tick_operation {
public:
    static constexpr const char* wait_name = "tick";
    static constexpr bool is_waiting_at_first = true;

    explicit tick_operation(interval& ticks) noexcept : ticks_(&ticks), alarm_(ticks.next_) {}

    tick_operation(tick_operation&&) noexcept = default;
    tick_operation& operator=(tick_operation&&) = delete;

    bool poll(context& cx) noexcept;
    instant take();

    /// For the library; see edo::release_line().
    void release_line() noexcept { alarm_.release_line(); }

private:
    interval* ticks_;
    detail::alarm alarm_;
    bool is_abandoned_ = false;
};

inline interval::tick_operation interval::tick() noexcept {
    return tick_operation(*this);
}

/// Ticks at `start` for the first time, then once each period. See interval.
/// Requires: `period` is greater than zero.
template <class Rep, class Period>
[[nodiscard]] interval interval_at(
    instant start,
    const std::chrono::duration<Rep, Period>& period,
    missed_tick policy = missed_tick::burst,
    std::source_location site = std::source_location::current()) noexcept {
    return interval(start, to_duration(period), policy, site);
}

}  // namespace edo
