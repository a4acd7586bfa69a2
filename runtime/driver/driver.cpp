#include <edo/runtime/driver/driver.h>

#include <algorithm>
#include <utility>

#include <edo/base/seam/sys.h>
#include <edo/task/context.h>

namespace edo::detail {

driver::~driver() {
    close();
}

result<void> driver::open(reactor_kind wanted, execution& exec) {
    auto wheel =
        std::make_unique<timer_wheel>(timers_);  // first: nothing is left if there is no memory
    result<reactor_choice> made = make_reactor(wanted);
    if (!made) return made.error();
    // Waits should end when asked, and not up to 50 us later. Refused, they end later: no harm.
    sys::set_timer_slack(1UL);
    reactor_ = std::move(made->reactor);
    kind_ = made->kind;
    why_ = std::move(made->why);
    wheel_ = std::move(wheel);
    wheel_->set_unpark([](void* self) { static_cast<driver*>(self)->wake(); }, this);
    exec.reactor = reactor_.get();
    exec.wheel = wheel_.get();
    return {};
}

void driver::take_events(unsigned most) noexcept {
    poll_reactor(duration::zero(), most);
}

unsigned driver::advance(instant now) noexcept {
    return wheel_->next_deadline() <= now ? wheel_->advance(now) : 0;
}

void driver::poll(instant now) noexcept {
    take_events();
    advance(now);
}

void driver::park(instant limit) noexcept {
    const instant until = std::min(limit, wheel_->begin_park());
    if (until == instant::max()) {
        wait(duration::max());
    } else {
        // Read here and not in the caller: the limit is relative to when the wait begins.
        // Compared before the difference is made, which overflows where `until` is instant::min():
        // so the wheel says that it has timers which are due already.
        const instant now = monotonic_clock::read();
        wait(until > now ? until - now : duration::zero());
    }
    wheel_->end_park();
}

void driver::park_without_timers() noexcept {
    wait(duration::max());
}

void driver::wait(duration limit) noexcept {
    std::uint32_t seen = awake;
    const bool may_sleep = state_.compare_exchange_strong(seen, parked, acq_rel, acquire);  // P
    poll_reactor(may_sleep ? limit : duration::zero(), tuning::events_per_poll);
    state_.exchange(awake, acq_rel);  // T
}

void driver::poll_reactor(duration limit, unsigned most) noexcept {
    polls_.add();
    events_.add(reactor_->poll(limit, most));
}

void driver::wake() noexcept {
    if (state_.exchange(notified, acq_rel) != parked) return;  // N
    mutex_lock guard(wake_lock_);
    if (reactor_ != nullptr) reactor_->wake();
}

void driver::shutdown() noexcept {
    if (reactor_ == nullptr) return;
    wheel_->shutdown();
    reactor_->shutdown();
}

void driver::close() noexcept {
    if (reactor_ == nullptr) return;
    std::unique_ptr<reactor> ended;
    {
        mutex_lock guard(wake_lock_);
        ended = std::move(reactor_);
    }
    wheel_.reset();
}

}  // namespace edo::detail
