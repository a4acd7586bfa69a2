#include <edo/timer/wheel/alarm.h>

#include <edo/base/check.h>

namespace edo::detail {

alarm::alarm(alarm&& other) noexcept : timer_entry(other.deadline_), phase_(other.phase_) {
    EDO_CHECK(
        phase_ != phase::waiting,
        "a sleep, tick or timeout was moved after its first poll; keep it where it is, or behind a "
        "std::unique_ptr");
}

alarm::status alarm::poll(context& cx) noexcept {
    switch (phase_) {
        case phase::elapsed:
            return status::elapsed;
        case phase::abandoned:
            return status::abandoned;
        case phase::waiting:
            break;
        case phase::relative:
            resolve(cx.execution());
            [[fallthrough]];
        case phase::set: {
            const execution& exec = cx.execution();
            // The time of this turn lies in the past: good enough to say that it is late enough.
            if (deadline_ <= exec.now && deadline_ != instant::max()) {
                phase_ = phase::elapsed;
                return status::elapsed;
            }
            EDO_CHECK(exec.wheel != nullptr,
                      "this executor has no timers, so nothing can sleep on it");
            const bool armed = exec.wheel->arm(*this, deadline_, cx.target());
            phase_ = armed ? phase::waiting : phase::abandoned;
            return armed ? status::pending : status::abandoned;
        }
    }
    switch (timer_wheel::check(*this, cx.target())) {
        case timer_wheel::answer::armed:
            return status::pending;
        case timer_wheel::answer::fired:
            phase_ = phase::elapsed;
            return status::elapsed;
        case timer_wheel::answer::abandoned:
            break;
    }
    phase_ = phase::abandoned;
    return status::abandoned;
}

void alarm::resolve(const execution& exec) noexcept {
    if (phase_ != phase::relative) return;
    const duration wait = span();
    // The time of this turn may be old by now, and a deadline counted from it too early. Only when
    // there is nothing to wait for does it save reading the clock.
    const instant from = wait > duration::zero() ? exec.read_clock(exec) : exec.now;
    deadline_ = saturating_add(from, wait);
    phase_ = phase::set;
}

void alarm::reset(instant deadline) noexcept {
    // If it has fired meanwhile the task is woken and polls again: that poll arms it anew.
    if (phase_ == phase::waiting && timer_wheel::reset(*this, deadline)) return;
    deadline_ = deadline;
    phase_ = phase::set;
}

void alarm::disarm() noexcept {
    if (phase_ != phase::waiting) return;
    timer_wheel::cancel(*this);
    phase_ = phase::set;
}

}  // namespace edo::detail
