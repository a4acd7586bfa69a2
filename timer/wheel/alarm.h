#pragma once

#include <cstdint>

#include <edo/base/clock.h>
#include <edo/task/context.h>
#include <edo/timer/wheel/wheel.h>

namespace edo::detail {

/// One deadline that one line of a task waits for; what sleep, interval and timeout are made of.
///
///   relative ── first poll, or resolve ──► set ── poll ──► waiting ── poll: due ──► elapsed
///                                           ▲                └─────── shutdown ───► abandoned
///                                           └──────── reset, from each ───────────────┘
///
/// Thread-safe: no; it belongs to whoever owns the task.
class alarm : timer_entry {
public:
    /// Due at `deadline`, `instant::max()` never.
    explicit alarm(instant deadline) noexcept : timer_entry(deadline), phase_(phase::set) {}

    /// Due `span` after the first poll or resolve().
    explicit alarm(duration span) noexcept : timer_entry(instant(span)), phase_(phase::relative) {}

    /// Requires: `other` does not wait.
    alarm(alarm&& other) noexcept;

    ~alarm() {
        if (is_known()) timer_wheel::cancel(*this);
    }

    enum class status { pending, elapsed, abandoned };
    /// Arms the alarm on the worker's wheel, or asks how it is doing. After another answer than
    /// pending it gives the same answer until reset().
    status poll(context& cx) noexcept;

    /// Lets the span begin now, by the clock of `exec`; nothing if the deadline is known already.
    void resolve(const execution& exec) noexcept;
    /// Moves the deadline, wherever it is: an armed alarm stays on its wheel.
    void reset(instant deadline) noexcept;
    /// Ends all interest early; a poll begins it again.
    void disarm() noexcept;

    /// See edo::release_line(). Nobody is woken meanwhile, so nothing need be armed.
    void release_line() noexcept { disarm(); }

    bool is_relative() const noexcept { return phase_ == phase::relative; }

    bool is_elapsed() const noexcept { return phase_ == phase::elapsed; }

    /// Requires: not is_relative().
    instant deadline() const noexcept { return deadline_; }

    /// Requires: is_relative().
    duration span() const noexcept { return deadline_.time_since_epoch(); }

private:
    enum class phase : std::uint8_t { relative, set, waiting, elapsed, abandoned };

    phase phase_;
};

}  // namespace edo::detail
