#include <edo/timer/interval.h>

#include <algorithm>

#include <edo/base/check.h>
#include <edo/base/error.h>
#include <edo/base/result.h>
#include <edo/timer/now.h>

namespace edo {
namespace {

constexpr duration tolerated_lateness = std::chrono::milliseconds(5);

void check_period(duration period, std::source_location site) noexcept {
    if (period <= duration::zero())
        detail::fail(
            "an interval needs a period greater than zero; with less all ticks would be due at "
            "once",
            site);
}

/// How much later `b` is than `a`, also where a duration could not hold it; 0 if it is not.
std::uint64_t lateness(instant a, instant b) noexcept {
    if (b <= a) return 0;
    return static_cast<std::uint64_t>(b.time_since_epoch().count()) -
           static_cast<std::uint64_t>(a.time_since_epoch().count());
}

}  // namespace

interval::interval(duration period, missed_tick policy, std::source_location site) noexcept
    : period_(period), policy_(policy), is_due_at_once_(true) {
    check_period(period, site);
    if (const detail::execution* exec = detail::current_execution()) start(*exec);
}

interval::interval(instant start,
                   duration period,
                   missed_tick policy,
                   std::source_location site) noexcept
    : next_(start), period_(period), policy_(policy), is_started_(true) {
    check_period(period, site);
}

void interval::reset_immediately() noexcept {
    reset_at(now());
    is_due_at_once_ = true;
}

void interval::reset_after(duration span) noexcept {
    reset_at(saturating_add(now(), span));
}

void interval::reset_at(instant at) noexcept {
    next_ = at;
    is_started_ = true;
    is_due_at_once_ = false;
}

void interval::start(const detail::execution& exec) noexcept {
    if (is_started_) return;
    is_started_ = true;
    next_ = exec.read_clock(exec);
}

instant interval::take_tick() noexcept {
    const instant due = next_;
    is_due_at_once_ = false;
    next_ = saturating_add(due, period_);
    if (policy_ == missed_tick::burst) return due;

    const instant taken = now();
    const std::uint64_t late = lateness(due, taken);
    if (policy_ == missed_tick::skip) {
        const auto period = static_cast<std::uint64_t>(period_.count());
        next_ = saturating_add(std::max(due, taken), duration(period - late % period));
    } else if (late >
               static_cast<std::uint64_t>(std::min(tolerated_lateness, period_ / 2).count())) {
        next_ = saturating_add(taken, period_);
    }
    return due;
}

bool interval::tick_operation::poll(context& cx) noexcept {
    ticks_->start(cx.execution());
    if (ticks_->is_due_at_once_) return true;
    if (alarm_.deadline() != ticks_->next_) alarm_.reset(ticks_->next_);
    const auto status = alarm_.poll(cx);
    is_abandoned_ = status == detail::alarm::status::abandoned;
    return status != detail::alarm::status::pending;
}

instant interval::tick_operation::take() {
    if (is_abandoned_) detail::throw_system_error(errc::runtime_shutdown);
    return ticks_->take_tick();
}

}  // namespace edo
