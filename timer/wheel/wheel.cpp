#include <edo/timer/wheel/wheel.h>

#include <algorithm>

#include <edo/base/check.h>
#include <edo/base/seam/census.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

timer_wheel::timer_wheel(timer_counts& counts) : counts_(counts), gate_(wheel_gate::acquire()) {
    mutex_lock guard(gate_.lock);
    gate_.wheel = this;
}

timer_wheel::~timer_wheel() {
    shutdown();
    {
        mutex_lock guard(gate_.lock);
        gate_.wheel = nullptr;
    }
    gate_.retire();
}

bool timer_wheel::arm(timer_entry& entry, instant deadline, wake_target target) noexcept {
    EDO_ASSERT(!entry.is_known());
    mutex_lock guard(gate_.lock);
    if (closed_) return false;
    entry.gate_ = &gate_;
    entry.deadline_ = deadline;
    entry.target_ = target;
    entry.state_ = timer_entry::state::armed;
    levels_.note(last_now_.load(relaxed));  // see last_now_
    link(entry);
    counts_.armed.add();
    EDO_CENSUS(timer, 1);
    return true;
}

bool timer_wheel::cancel(timer_entry& entry) noexcept {
    if (!entry.is_known()) return false;
    wheel_gate& gate = *entry.gate_;
    mutex_lock guard(gate.lock);
    const bool was_armed = entry.state_ == timer_entry::state::armed;
    if (was_armed) {
        gate.wheel->unlink(entry);
        gate.wheel->counts_.ended.add();
        EDO_CENSUS(timer, -1);
    }
    entry.state_ = timer_entry::state::idle;
    entry.gate_ = nullptr;
    return was_armed;
}

timer_wheel::answer timer_wheel::check(timer_entry& entry, wake_target target) noexcept {
    mutex_lock guard(entry.gate_->lock);
    if (entry.state_ == timer_entry::state::armed) {
        entry.target_ = target;
        return answer::armed;
    }
    const bool has_fired = entry.state_ == timer_entry::state::fired;
    entry.state_ = timer_entry::state::idle;
    entry.gate_ = nullptr;
    return has_fired ? answer::fired : answer::abandoned;
}

bool timer_wheel::reset(timer_entry& entry, instant deadline) noexcept {
    wheel_gate& gate = *entry.gate_;
    mutex_lock guard(gate.lock);
    if (entry.state_ != timer_entry::state::armed) {
        entry.state_ = timer_entry::state::idle;
        entry.gate_ = nullptr;
        return false;
    }
    gate.wheel->unlink(entry);
    entry.deadline_ = deadline;
    gate.wheel->link(entry);
    return true;
}

void timer_wheel::set_unpark(void (*unpark)(void* owner), void* owner) noexcept {
    mutex_lock guard(gate_.lock);
    unpark_ = unpark;
    owner_ = owner;
}

unsigned timer_wheel::advance(instant now) noexcept {
    last_now_.store(now, relaxed);            // see last_now_
    if (now < next_.load(relaxed)) return 0;  // see next_
    unsigned fired = 0;
    for (unsigned batch = 0; batch < tuning::wheel_batches_per_turn; ++batch) {
        fired += fire_batch(now);
        if (now < next_.load(relaxed)) break;  // see next_
    }
    return fired;
}

unsigned timer_wheel::fire_batch(instant now) noexcept {
    mutex_lock guard(gate_.lock);
    // First what was passed before. It is not only fair: were the clock set back, entries that are
    // filed at the position and not due would be passed again before the rest had its turn.
    if (passed_.is_empty()) levels_.pass(now, passed_);
    unsigned fired = 0;
    for (unsigned count = 0; count < tuning::wheel_batch; ++count) {
        timer_entry* const entry = passed_.pop_front();
        if (entry == nullptr) break;
        if (entry->deadline_ <= now && entry->deadline_ != instant::max()) {
            counts_.fired.add();
            // A deadline may lie before the clock's start, up to where a difference overflows.
            counts_.lateness.add(now - std::max(entry->deadline_, instant{}));
            end(*entry, timer_entry::state::fired);
            ++fired;
        } else {
            levels_.file(*entry);
        }
    }
    update_next();
    return fired;
}

instant timer_wheel::exact_next_deadline() noexcept {
    mutex_lock guard(gate_.lock);
    if (passed_.is_empty()) levels_.exact_earliest();
    update_next();
    return next_.load(relaxed);  // written under this lock
}

instant timer_wheel::begin_park() noexcept {
    mutex_lock guard(gate_.lock);
    return sleeps_until_ = next_.load(relaxed);  // written under this lock
}

void timer_wheel::end_park() noexcept {
    mutex_lock guard(gate_.lock);
    sleeps_until_ = instant::min();
}

unsigned timer_wheel::shutdown() noexcept {
    unsigned waited = 0;
    for (;;) {
        mutex_lock guard(gate_.lock);
        closed_ = true;
        unpark_ = nullptr;
        levels_.take_all(passed_);
        for (unsigned count = 0; count < tuning::wheel_batch; ++count) {
            timer_entry* const entry = passed_.pop_front();
            if (entry == nullptr) {
                update_next();
                return waited;
            }
            end(*entry, timer_entry::state::abandoned);
            counts_.ended.add();
            ++waited;
        }
    }
}

void timer_wheel::link(timer_entry& entry) noexcept {
    levels_.file(entry);
    if (entry.deadline_ < next_.load(relaxed))  // written under this lock
        next_.store(entry.deadline_, relaxed);  // see next_
    if (entry.deadline_ < sleeps_until_) {
        sleeps_until_ = entry.deadline_;
        if (unpark_ != nullptr) unpark_(owner_);
    }
}

void timer_wheel::unlink(timer_entry& entry) noexcept {
    levels_.remove(entry);
    // The last one: most often the only one, and then the worker need not look in vain.
    if (levels_.is_empty()) update_next();
}

// The entry is unlinked. Its operation may go on as soon as the lock is released, not before.
void timer_wheel::end(timer_entry& entry, timer_entry::state how) noexcept {
    EDO_CENSUS(timer, -1);
    entry.state_ = how;
    entry.target_.wake();
}

void timer_wheel::update_next() noexcept {
    const instant next = passed_.is_empty() ? levels_.earliest() : instant::min();
    next_.store(next, relaxed);  // see next_
}

}  // namespace edo::detail
