#pragma once

#include <chrono>
#include <cstdint>

namespace edo {

/// A span of time in nanoseconds, about 292 years either way.
using duration = std::chrono::nanoseconds;

/// The clock of a runtime: monotonic, never set back, virtual in a paused runtime.
///
/// It has no now() of its own, on purpose: what time it is depends on the runtime; ask edo::now().
struct runtime_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<runtime_clock>;
    static constexpr bool is_steady = true;
};

/// A point in a runtime's time, in nanoseconds since an unspecified start.
using instant = runtime_clock::time_point;

/// Adds without overflow: an instant too far away becomes `instant::max()`, which means "never".
/// Thread-safe: yes.
constexpr instant saturating_add(instant at, duration span) noexcept {
    if (span > duration::zero() && at > instant::max() - span) return instant::max();
    if (span < duration::zero() && at < instant::min() - span) return instant::min();
    return at + span;
}

/// Turns any chrono duration into nanoseconds, rounded up and clamped to what `duration` can hold,
/// so that neither `hours::max()` nor a floating-point infinity wraps around. NaN becomes zero.
template <class Rep, class Period>
constexpr duration to_duration(const std::chrono::duration<Rep, Period>& span) noexcept {
    using seconds = std::chrono::duration<long double>;
    const long double s = std::chrono::duration_cast<seconds>(span).count();
    if (!(s == s)) return duration::zero();
    constexpr long double limit = 9.2e9L;
    if (s >= limit) return duration::max();
    if (s <= -limit) return duration::min();
    return std::chrono::ceil<duration>(span);
}

constexpr duration to_duration(duration span) noexcept {
    return span;
}

namespace detail {

/// The machine's monotonic clock. Reading it costs about 27 ns, more than any other step of a
/// task's life: a worker reads it once per turn of its loop and shares the value.
struct monotonic_clock {
    static instant read() noexcept;
};

}  // namespace detail
}  // namespace edo
