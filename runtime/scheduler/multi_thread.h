#pragma once

#include <memory>
#include <system_error>
#include <vector>

#include <edo/base/result.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/seam/parker.h>
#include <edo/runtime/scheduler/batch_tasks.h>
#include <edo/runtime/scheduler/core.h>
#include <edo/runtime/scheduler/idle.h>
#include <edo/runtime/scheduler/inject_queue.h>
#include <edo/runtime/scheduler/monitor.h>
#include <edo/runtime/scheduler/worker.h>

namespace edo::detail {

// multi_thread: the workers of a runtime and what they share.
//
//                 end()                  no task is left, or the limit has passed
//   running ───────────────► shutting down ───────────────► stopping ──► all workers ended
//                            workers drop every root         workers drain their queues, end their
//                                                            drivers and leave
//
// Workers are never removed while the runtime lives: workers_[0, count_) only grows (by spares), so
// that thieves can walk it without a lock. lock_ protects the bookkeeping of threads and spares.
//
//  mark  where         transition             ordering  pairs with
//  A     add_worker    count_ + 1             release   A': the worker is complete
//  A'    worker_count  reads count_           acquire   A
//  D     shutdown      shutting_down_ = true  release   D': no task is added any more, so the walks
//                                                       of the workers pass all. A worker that
//                                                       looked too early, and whose task shutdown()
//                                                       still takes for alive, is woken after D
//                                                       and looks again
//  D'    is_shutting_  reads shutting_down_   acquire   D
//        down
//  X     shutdown      stopping_ = true       release   X'
//  X'    is_stopping   reads stopping_        acquire   X: what was reported before is final
//
// Dropping: a worker's thread holds a reference to all this, so a thread that is stuck in user code
// when the runtime ends finds everything in place when it comes back; it then drops what it still
// can and leaves. The last worker stays until every task has ended, and then closes the inject
// queue: whoever holds a task (a dump that looks at it, a waker between its two steps) still finds
// somebody who drops it. Model: tests/model/runtime_model.cpp. Stress:
// tests/stress/scheduler_test.cpp, tests/stress/shutdown_test.cpp.
class multi_thread final : public core {
public:
    static result<multi_thread*> create(runtime_config config);

    void schedule(task_header& task) noexcept override;
    scheduler& place(const placement& wanted, std::source_location site) noexcept override;
    void wait_for(thread_waiter& waiter) noexcept override;
    runtime_info info() const override;
    runtime_metrics metrics() override;
    void run_in_place(blocking_job& job) noexcept override;
    void schedule_behind(task_header& task) noexcept override;
    bool run_new_task(task_header& task, execution& exec) noexcept override;

    // For workers.

    inject_queue& inject() noexcept { return inject_; }

    batch_tasks& batch() noexcept { return batch_; }

    idle_workers& idle() noexcept { return idle_; }

    unsigned worker_count() const noexcept { return count_.load(acquire); }  // A'

    /// What worker_count() may become.
    unsigned most_workers() const noexcept { return static_cast<unsigned>(workers_.size()); }

    worker& worker_at(unsigned index) noexcept { return *workers_[index]; }

    /// Wakes a sleeping worker unless one is on its way already.
    void notify_one() noexcept;

    detail::monitor& monitor() noexcept { return monitor_; }

    /// True when some queue that all workers serve holds a task.
    bool has_work() noexcept;

    /// Whether tasks are to be dropped instead of polled.
    bool is_shutting_down() const noexcept { return shutting_down_.load(acquire); }  // D'

    bool is_stopping() const noexcept { return stopping_.load(acquire); }  // X'

    /// Tells shutdown() when the last task has gone.
    void tell_if_empty() noexcept;

    /// A worker has come up, or failed to.
    void worker_opened(worker& who, std::error_code failed) noexcept;
    void worker_ended(worker& who) noexcept;
    /// Asked by a worker at its end, until it is true: false for the last one while tasks are left.
    bool may_leave(worker& who) noexcept;

    /// Whether the first worker begins in the mode of sole_mode.h.
    bool begins_alone() const noexcept { return begins_alone_; }

    /// A worker stands aside, or is blocked: a spare takes its place if one can be had. One, even
    /// if both the worker and the monitor want it; it stays until neither does. Harmless if
    /// repeated. One that the worker cannot get now is promised: see replace_missing().
    /// Returns: whether there is one. Requires: the first worker's sole mode has ended.
    bool begin_substitution(worker& absent, substitution wanted_by) noexcept;
    /// Harmless if nothing has begun.
    /// Returns: true when a spare is not needed any more.
    bool end_substitution(worker& absent, substitution wanted_by) noexcept;
    /// Tries again to start the spares that were promised and are not there: they could not be had,
    /// or have failed to come up.
    /// Returns: whether there were any.
    bool replace_missing() noexcept;
    /// Wakes the spares, so that those that are not needed any more learn of it.
    void wake_spares() noexcept;
    /// True if there are more active workers than wanted and `spare` may stand aside; then it must.
    bool may_retire(worker& spare) noexcept;

private:
    explicit multi_thread(runtime_config config);
    ~multi_thread() override = default;

    void shutdown(instant until) noexcept override;

    unsigned stuck_workers() noexcept override;
    std::error_code add_worker_locked(bool is_spare) noexcept;
    std::error_code start_locked(worker& fresh) noexcept;
    bool activate_spare_locked() noexcept;
    bool restart_spare_locked() noexcept;
    void wake_all() noexcept;
    void await_workers(instant until) noexcept;
    bool is_any_leaving_locked() const noexcept;
    void join_workers() noexcept;

    inject_queue inject_;
    batch_tasks batch_{*this};
    idle_workers idle_;
    detail::monitor monitor_;
    bool begins_alone_ = false;
    atomic<unsigned> count_{0};
    // The worker for the next task from outside, where each belongs to one. Relaxed: any will do.
    atomic<unsigned> next_place_{0};
    std::vector<std::unique_ptr<worker>> workers_;  // sized once; see above
    std::vector<int> cores_;                        // to pin workers to

    mutable mutex lock_;
    unsigned opened_ = 0;
    std::error_code open_error_;
    unsigned present_ = 0;  // workers that may not leave yet
    unsigned running_ = 0;  // threads that have not ended
    std::vector<worker*> dormant_;
    std::vector<worker*> failed_;  // spares that could not open; to be started again
    atomic<unsigned> excess_{
        0};  // active workers more than wanted; written under lock_, see may_retire()
    std::uint64_t substitutions_ = 0;
    unsigned missing_ = 0;  // spares that were promised and are not there
    parker progress_;       // of create() and shutdown()

    atomic<bool> shutting_down_{false};
    atomic<bool> stopping_{false};
};

}  // namespace edo::detail
