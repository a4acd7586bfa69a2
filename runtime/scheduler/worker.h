#pragma once

#include <cstdint>

#include <edo/base/random.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/thread.h>
#include <edo/runtime/blocking/job.h>
#include <edo/runtime/driver/driver.h>
#include <edo/runtime/scheduler/batch_turns.h>
#include <edo/runtime/scheduler/idle.h>
#include <edo/runtime/scheduler/lifo_slot.h>
#include <edo/runtime/scheduler/local_queue.h>
#include <edo/runtime/scheduler/nested_polls.h>
#include <edo/runtime/scheduler/pinned_tasks.h>
#include <edo/runtime/scheduler/presence.h>
#include <edo/runtime/scheduler/sole_mode.h>
#include <edo/runtime/scheduler/spin.h>
#include <edo/runtime/scheduler/visit_plan.h>
#include <edo/runtime/scheduler/worker_counts.h>
#include <edo/task/context.h>
#include <edo/task/state/registry.h>

namespace edo::detail {

class multi_thread;

/// Who wants a spare in the place of a worker.
enum class substitution : unsigned { worker_itself = 1, monitor = 2 };

/// One thread that runs tasks: a ring and a slot for the task woken last, a driver, a source of
/// choices.
///
/// Where the next task comes from, in this order: the slot (three times in a row at most, so that
/// two tasks that wake each other do not keep the others waiting), the ring (in turn with the tasks
/// that belong to this worker, if there are any), the inject queue, other workers' rings, batch
/// tasks. Every 61 polls, or sooner if they take long, the inject queue and the driver have their
/// turn first, and after them a batch task if one is due. A task that joins one which has not begun
/// polls it at once, in the middle of its own poll, and leaves a void entry behind.
///
/// A worker that does not come back from a poll is *blocked*; the monitor sees to it that others do
/// its work meanwhile (monitor.h).
///
/// A worker can also *stand aside*: it runs no tasks, but looks after its sockets and timers and
/// hands on what they wake. It does so while one of its tasks makes a call by block_in_place(), and
/// as a spare that is not needed just now.
///
/// Who touches what: everything belongs to the worker's thread but the ring and the slot (thieves,
/// see also sole_mode.h), what it says of itself to the monitor, driver::wake() and what is marked
/// as protected by the shared part's lock. Of the driver's parts the wheel and the home of the
/// reactor have locks of their own.
class worker : public sleeper {
public:
    worker(multi_thread& shared, unsigned index, bool is_spare);
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    static worker& of(execution& exec) noexcept { return *static_cast<own_execution&>(exec).self; }

    /// The body of the thread.
    void run() noexcept;
    /// Takes a task that was woken or spawned on this thread.
    void schedule(task_header& task) noexcept;
    /// The same, but never into the slot.
    void schedule_behind(task_header& task) noexcept;
    /// Polls `task` in the middle of the present poll; see scheduler::run_new_task().
    bool run_new_task(task_header& task) noexcept;
    /// Stands aside until `job`, run by another thread, has ended.
    void run_in_place(blocking_job& job) noexcept;

    local_queue& queue() noexcept { return ring_; }

    lifo_slot& slot() noexcept { return slot_; }

    detail::driver& driver() noexcept { return driver_; }

    /// The scheduler of the tasks that belong to this worker.
    pinned_tasks& pinned(priority urgency) noexcept {
        return urgency == priority::batch ? pinned_batch_ : pinned_;
    }

    bool is_on_this_thread() const noexcept { return current_execution() == &exec_; }

    /// Notes that such a task was queued. The worker's thread only.
    void note_pinned(const task_header& task) noexcept { counts_.sampled.note_queued(task); }

    /// Whether a task that has not ended belongs here. Cost: may look at every task.
    bool has_pinned_tasks() noexcept;

    sole_mode& sole() noexcept { return sole_; }

    bool is_spare() const noexcept { return is_spare_; }

    unsigned index() const noexcept { return index_; }

    // What a worker says of itself to the monitor.

    presence::kind present_as() const noexcept { return presence_.look(); }

    /// Odd while a task has its turn. Changes with each.
    std::uint64_t turn() const noexcept { return turn_.load(relaxed); }  // see turn_

    /// The id of the task that was polled last.
    std::uint64_t polled() const noexcept { return polled_.load(relaxed); }  // see polled_

    /// The system's number of the thread.
    int thread_id() const noexcept { return thread_id_; }

    // For metrics. Any thread.

    const execution& running() const noexcept { return exec_; }

    worker_metrics metrics() noexcept;

    /// True while a task is polled or dropped. Any thread.
    bool is_in_user_code() const noexcept {
        return turn() % 2 != 0;  // who decides by it looks again
    }

    // Protected by the shared part's lock.
    detail::thread thread;
    bool has_ended = false;
    bool waits_for_tasks = false;  ///< has ended but for the tasks that others hold
    unsigned substituted_for = 0;  ///< who wants a spare in its place: a set of `substitution`

    /// False while a spare stands aside. The release store that calls it back pairs with the
    /// acquire load in retire(); only the flag is handed over.
    atomic<bool> is_active;

    /// Makes it as new for another start of its thread. Requires: it could not open, and has ended.
    void renew() noexcept {
        has_ended = false;
        presence_.renew();
    }

private:
    struct own_execution : execution {
        worker* self = nullptr;
    };

    bool open() noexcept;
    void work() noexcept;
    void drop_tasks() noexcept;
    void end() noexcept;

    task_header* take_woken() noexcept;
    task_header* next_task() noexcept;
    task_header* next_own_task() noexcept;
    task_header* next_stealable_task() noexcept;
    task_header* next_batch_task() noexcept;
    bool has_batch_work() const noexcept;
    bool run_batch_task() noexcept;
    task_header* take_injected() noexcept;
    task_header* search() noexcept;
    void found_work() noexcept;
    void run_found(task_header& task) noexcept;
    void take_turn(task_header& task) noexcept;
    void take_measured_turn(task_header& task) noexcept;
    void run_task(task_header& task) noexcept;
    void queue_again(task_header& task) noexcept;
    bool drop_waiting_tasks() noexcept;
    void run_queued_tasks() noexcept;
    void push(task_header& task) noexcept;
    bool take_from_slot(task_header& task) noexcept;

    unsigned room_for_events() const noexcept;
    void visit_others() noexcept;
    void visit_driver() noexcept;
    void fire_timers() noexcept;
    void wait() noexcept;
    bool spin() noexcept;
    void appear(presence::kind how) noexcept;

    bool has_own_work() const noexcept {
        return !slot_.is_empty() || !ring_.is_empty() || has_pinned_work();
    }

    bool has_pinned_work() const noexcept {
        return (pinned_.is_in_use() && !pinned_.is_empty()) ||
               (pinned_batch_.is_in_use() && !pinned_batch_.is_empty());
    }

    void give_queue_away() noexcept;
    void serve_driver_only() noexcept;
    bool may_retire() noexcept;
    void retire() noexcept;

    multi_thread& shared_;
    own_execution exec_;
    detail::driver driver_;
    random choices_;  // of tasks
    random victims_;  // apart: how often it searches is chance, and no task is to notice
    spin_policy spin_;
    // Odd while a task has its turn; written by the owner. Relaxed: only a picture, and who decides
    // by it looks again.
    atomic<std::uint64_t> turn_{0};
    atomic<std::uint64_t> polled_{0};  // relaxed: only a picture too, for reports
    presence presence_;
    sole_mode sole_;
    lifo_slot slot_;
    unsigned lifo_polls_ = 0;
    unsigned polls_until_visit_ = 0;
    nested_polls nested_;
    bool inject_is_due_ = false;
    bool pinned_is_due_ = false;
    bool batch_is_pinned_ = false;
    bool searching_ = false;
    bool in_driver_ = false;     // wakes come from events: they are batched
    bool stands_aside_ = false;  // wakes go to the inject queue
    const bool is_spare_;
    const unsigned index_;
    int thread_id_ = 0;  // published by presence_
    instant last_visit_{};
    // The number of turns after which those that a full batch of timers has woken had theirs, and
    // when it is not waited for any longer.
    std::uint64_t timers_wait_until_ = 0;
    instant timers_wait_at_most_{};
    worker_counts counts_;
    counter nested_turns_;
    batch_turns batch_turns_;
    visit_plan visits_;
    registry_walk walk_;  // of drop_waiting_tasks()
    local_queue ring_;
    pinned_tasks pinned_;
    pinned_tasks pinned_batch_;
};

// What next_task() would return, if that is the task in the slot; where the worker's loop sees it.
[[gnu::always_inline]] inline task_header* worker::take_woken() noexcept {
    if (lifo_polls_ == tuning::lifo_polls_in_row || inject_is_due_ || pinned_.is_in_use())
        return nullptr;
    const sole_mode::bracket own(sole_);
    task_header* const woken = slot_.take(own.is_alone());
    if (woken != nullptr) ++lifo_polls_;
    return woken;
}

}  // namespace edo::detail
