#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>

#include <edo/base/clock.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/parker.h>
#include <edo/base/seam/thread.h>
#include <edo/io/rescue/rescue.h>
#include <edo/runtime/scheduler/thread_state.h>

namespace edo::detail {

class multi_thread;
class worker;

// monitor: the thread that sees to it that everything goes on while user code blocks workers.
//
// It has a look at all workers in each span of `blocked_after`. A worker that is in the same poll
// at two looks is blocked, unless it stands aside and serves its own driver. Then the monitor
//
//   - lets a spare worker take its place, until it has come back;
//   - takes the task out of its slot, and has others woken, who steal its ring;
//   - advances its timer wheel, which has a lock;
//   - watches the sockets of its reactor's home (io/rescue/rescue.h).
//
// All but the first two need nothing of the worker's queue. What cannot be had is tried again at
// the next look, and counted. When it takes long the monitor says so (runtime/blocked_worker.h).
//
// It also tries again to start spares that could not be started, those of calls in place too.
//
// While every worker is parked, none has had a turn since the last look and no spare is missing,
// nobody can be blocked, and the monitor sleeps without a limit. A worker that returns from its
// park wakes it:
//
//               all parked (S)                    a worker is awake (W), stop
//   looking ─────────────────────► asleep (true) ─────────────────────────────► looking
//      ▲                              │
//      └─── one is awake after all ───┘
//
//  mark  where         transition         ordering  pairs with
//  S     sleep         asleep_ = true     seq_cst   L; precedes B in presence.h
//  L     worker_woke   reads asleep_      seq_cst   S; comes after A in presence.h
//  W     worker_woke,  asleep_ = false    relaxed   nothing: only one needs to wake it; the parker
//        sleep                                      publishes the rest
//  Q     stop          stopping_ = true   release   Q'
//  Q'    run           reads stopping_    acquire   Q
//  C     counts        one more, reads    relaxed   nothing follows from a count
//
// Either B finds the worker awake, or L finds the monitor asleep. What the monitor remembers of the
// workers belongs to its thread. It ends before any worker closes its driver, so that it may use
// the drivers' shared parts at any time. Stress: tests/stress/blocked_worker_test.cpp.
class monitor {
public:
    explicit monitor(multi_thread& shared);
    monitor(const monitor&) = delete;
    monitor& operator=(const monitor&) = delete;

    /// Does nothing when the builder said that no worker ever counts as blocked.
    std::error_code start() noexcept;
    /// Ends the thread and all it does for blocked workers. Harmless if it was not started.
    void stop() noexcept;

    /// Called by a worker that appears as awake.
    void worker_woke() noexcept {
        if (asleep_.load(seq_cst)) wake();  // L
    }

    // Counts since the start. Any thread.

    /// Polls that blocked their worker.
    std::uint64_t blocked_polls() const noexcept { return blocked_polls_.load(relaxed); }  // C

    /// Attempts to get something for a blocked worker that have failed.
    std::uint64_t failures() const noexcept { return failures_.load(relaxed); }  // C

private:
    /// What was seen of a worker at the last look.
    struct watched {
        std::uint64_t turn = 0;
        bool is_in_poll = false;
        bool is_blocked = false;
        bool is_reported = false;
        processor_time before;  ///< when it was found blocked
        instant since{};        ///< the look that saw this turn first
        std::optional<rescue> sockets;
    };

    void run() noexcept;
    bool look(instant now) noexcept;
    bool all_rest() noexcept;
    void sleep() noexcept;
    void wake() noexcept;
    void watch_sockets(worker& blocked, watched& seen) noexcept;
    void report(worker& blocked, watched& seen, instant now) noexcept;
    static duration own_time(worker& blocked, const watched& seen, instant now) noexcept;
    void serve_timers(instant now) noexcept;
    instant next_deadline() noexcept;
    void wait(duration limit) noexcept;
    void stand_in_for(worker& blocked, watched& seen) noexcept;
    void take_tasks_of(worker& blocked) noexcept;
    void has_come_back(worker& blocked, watched& seen) noexcept;

    void count_failure() noexcept { failures_.fetch_add(1, relaxed); }  // C

    multi_thread& shared_;
    std::unique_ptr<watched[]> watched_;  // by the workers' indexes
    unsigned blocked_ = 0;
    rescue_station station_;
    instant next_report_ = instant::min();
    thread thread_;
    parker parker_;
    atomic<bool> stopping_{false};
    atomic<std::uint64_t> blocked_polls_{0};
    atomic<std::uint64_t> failures_{0};
    alignas(64) atomic<bool> asleep_{false};  // read by every worker that wakes
};

}  // namespace edo::detail
