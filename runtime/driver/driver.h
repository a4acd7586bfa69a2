#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <edo/base/clock.h>
#include <edo/base/result.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/counter.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/seam/tuning.h>
#include <edo/io/reactor/reactor.h>
#include <edo/timer/wheel/timer_counts.h>
#include <edo/timer/wheel/wheel.h>

namespace edo::detail {

struct execution;

// driver: one reactor and one timer wheel, and so the one place in which a worker parks.
//
//                park (P)                    wake (N): ends the reactor's wait
//   awake (0) ────────────► parked (1) ─────────────────────► notified (2)
//     ▲ │ ▲                    │                                   │
//     │ │ └── park returns (T) ┘                                   │
//     │ └───────────────── wake (N) ──────────────────► notified   │
//     └──────────────────────── park returns (T) ──────────────────┘
//
// A wake of a worker that is not parked costs no system call: its next park() returns at once.
//
//  mark  where  transition             ordering  pairs with
//  P     park   awake -> parked        acq_rel   N
//  T     park   any   -> awake         acq_rel   N: what was written before wake() is seen
//  N     wake   any   -> notified      acq_rel   T, P
//
// Reactor and wheel belong to the owner's thread. Only wake() comes from elsewhere, and the
// monitor, which goes to the wheel and the home of a blocked owner and ends before any driver is
// closed. wake() touches the reactor only when it finds the owner parked, and then under
// wake_lock_, because the owner may end by another wake and close() the driver meanwhile.
// Model: tests/model/driver_model.cpp. Stress: tests/stress/scheduler_test.cpp.
class driver {
public:
    driver() = default;
    driver(const driver&) = delete;
    driver& operator=(const driver&) = delete;
    ~driver();

    /// Makes the reactor and the wheel and gives them to `exec`. On the owner's thread.
    /// Errors: what make_reactor() says.
    result<void> open(reactor_kind wanted, execution& exec);

    /// Takes what has happened without waiting, at most `most` events.
    void take_events(unsigned most = tuning::events_per_poll) noexcept;
    /// Fires the timers that are due at `now`. Returns: as timer_wheel::advance().
    unsigned advance(instant now) noexcept;
    /// Both.
    void poll(instant now) noexcept;

    /// Waits for an event, a deadline or a wake, at most until `limit`; takes what has happened.
    /// Fires no timer: the caller reads the clock first. The wheel's deadlines are the machine's
    /// time.
    void park(instant limit) noexcept;
    /// As park(), but deadlines are of a virtual clock: only events and wakes end the wait.
    void park_without_timers() noexcept;

    /// Ends a park(), the present one or the next. Any thread.
    void wake() noexcept;

    /// What the reactor shares with its sockets. Requires: not closed.
    reactor_home& home() noexcept { return reactor_->home(); }

    timer_wheel& wheel() noexcept { return *wheel_; }

    reactor_kind kind() const noexcept { return kind_; }

    const std::string& why() const noexcept { return why_; }

    // For metrics. Any thread, at any time.

    std::uint64_t reactor_polls() const noexcept { return polls_.get(); }

    std::uint64_t reactor_events() const noexcept { return events_.get(); }

    const timer_counts& timers() const noexcept { return timers_; }

    /// Fails what still waits for events or deadlines; later attempts are refused. Owner only.
    void shutdown() noexcept;
    /// Destroys reactor and wheel; wake() is harmless from then on. Owner only.
    void close() noexcept;

private:
    void wait(duration limit) noexcept;
    void poll_reactor(duration limit, unsigned most) noexcept;

    static constexpr std::uint32_t awake = 0, parked = 1, notified = 2;

    alignas(64) atomic<std::uint32_t> state_{awake};
    mutex wake_lock_;
    counter polls_;
    counter events_;
    timer_counts timers_;
    std::unique_ptr<reactor> reactor_;
    std::unique_ptr<timer_wheel> wheel_;
    reactor_kind kind_ = reactor_kind::automatic;
    std::string why_;
};

}  // namespace edo::detail
