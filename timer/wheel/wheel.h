#pragma once

#include <edo/base/clock.h>
#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/task/waker.h>
#include <edo/timer/wheel/entry.h>
#include <edo/timer/wheel/gate.h>
#include <edo/timer/wheel/levels.h>
#include <edo/timer/wheel/timer_counts.h>

namespace edo::detail {

// timer_wheel: the deadlines of one worker. Operations arm, cancel and reset from any thread; the
// worker (or who stands in for it) advances the time and sleeps until the next deadline.
//
// One lock, the gate's, protects everything but two atomics. Its owner's thread takes it nearly
// always, so it is hardly ever contended.
//
// The owner must not sleep past a deadline that another thread arms meanwhile. Both sides are steps
// under the lock, so one comes first: if begin_park() does, arm() finds the deadline earlier than
// `sleeps_until_` and wakes the owner; if arm() does, begin_park() answers that deadline.
//
//   awake (sleeps_until_ = min) ── begin_park ──► parked (sleeps_until_ = next deadline)
//             ▲ ▲                                    │ │ arm, reset: an earlier one; unpark
//             │ └─────────────── end_park ───────────┘ ▼
//             │                                      parked (sleeps_until_ = the earlier one)
//             └────────────────────────── end_park ──┘
//
// wake() and unpark are called with the lock held, so that neither the task nor the owner can go
// away meanwhile. Neither may call the wheel. Tests: tests/timer/wheel_race_test.cpp. Model:
// tests/model/timer_model.cpp.

/// The deadlines of one worker: when each is due its task is woken, never before.
///
/// Cost: arm, cancel and reset O(1), no allocation; about 17 KiB per wheel.
class timer_wheel {
public:
    /// Errors: throws std::bad_alloc, as the next one.
    timer_wheel() : timer_wheel(own_counts_) {}

    /// Counts in `counts`, which must outlive the wheel; they may be read by any thread.
    explicit timer_wheel(timer_counts& counts);
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;
    /// Shuts the wheel down if that has not been done. Entries may outlive it.
    ~timer_wheel();

    // For operations. Thread-safe: yes; but one entry is used by one operation at a time.

    /// Wakes `target` when the time has reached `deadline`; an instant in the past is due at the
    /// next advance(), `instant::max()` never. Requires: the entry is not known to a wheel.
    /// Returns: false when the wheel has been shut down; then the entry stays unknown.
    [[nodiscard]] bool arm(timer_entry& entry, instant deadline, wake_target target) noexcept;

    /// Ends all interest in the entry. Harmless if no wheel knows it.
    /// Returns: true if it was armed, so that it will not wake anybody.
    static bool cancel(timer_entry& entry) noexcept;

    enum class answer { armed, fired, abandoned };
    /// Asks how the entry is doing. Unless it is still armed no wheel knows it afterwards. If it
    /// is, it wakes `target` from now on. Requires: a wheel knows the entry.
    static answer check(timer_entry& entry, wake_target target) noexcept;

    /// Moves an armed entry to another deadline, on the wheel where it is.
    /// Returns: false if it has fired or was abandoned; then no wheel knows it afterwards.
    static bool reset(timer_entry& entry, instant deadline) noexcept;

    // For the worker.

    /// What to call when another thread arms a deadline that is earlier than what the parked worker
    /// sleeps for. It is called with the wheel locked.
    void set_unpark(void (*unpark)(void* owner), void* owner) noexcept;

    /// Wakes the tasks whose deadline is not after `now`. Handles about a thousand timers at most:
    /// when more are due next_deadline() is in the past afterwards, so that the worker looks after
    /// other things and comes again. A time before that of an earlier call does no harm.
    /// Returns: how many it has woken.
    unsigned advance(instant now) noexcept;

    /// No timer is due before this; `instant::max()` when none ever is. When the earliest timer was
    /// cancelled it may be too early, so that the worker looks once in vain.
    instant next_deadline() const noexcept { return next_.load(relaxed); }  // see next_

    /// When the next timer is due. For a virtual clock, which must not jump to where nothing
    /// happens.
    /// Cost: O(timers in one slot).
    instant exact_next_deadline() noexcept;

    /// Announces that the owner is going to sleep. Returns: until when it may; next_deadline().
    instant begin_park() noexcept;
    void end_park() noexcept;

    /// Wakes every task that waits for the wheel, whose operations then find themselves abandoned,
    /// and refuses new ones. Returns: how many waited.
    unsigned shutdown() noexcept;

private:
    void link(timer_entry& entry) noexcept;
    void unlink(timer_entry& entry) noexcept;
    void end(timer_entry& entry, timer_entry::state how) noexcept;
    void update_next() noexcept;
    unsigned fire_batch(instant now) noexcept;

    timer_counts own_counts_;
    timer_counts& counts_;
    wheel_gate& gate_;
    /// No entry is due before this. Written under the lock. Relaxed: the owner also reads it
    /// without, sees its own writes, and another thread's too late only for this turn, because
    /// begin_park() locks.
    atomic<instant> next_{instant::max()};
    /// What advance() was told last. Relaxed: only a hint for filing.
    atomic<instant> last_now_{instant::min()};
    instant sleeps_until_ = instant::min();
    void (*unpark_)(void* owner) = nullptr;
    void* owner_ = nullptr;
    bool closed_ = false;
    intrusive_list<timer_entry> passed_;  // taken out of the levels, to be fired or filed again
    wheel_levels levels_;
};

}  // namespace edo::detail
