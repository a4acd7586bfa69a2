#pragma once

#include <edo/base/seam/atomic.h>
#include <edo/runtime/scheduler/inject_queue.h>
#include <edo/task/state/scheduler.h>
#include <edo/task/state/task_list.h>

namespace edo::detail {

class multi_thread;
class worker;

// pinned_tasks: the tasks of one priority that belong to one worker: the scheduler that they know,
// and the queue in which they wait. First in, first out; nobody steals here.
//
// The list belongs to the worker's thread; others put their wakes into an inject queue and wake
// the worker's driver, so that a worker that looks into the queue after it was woken finds them.
//
//  mark  where      transition       ordering  pairs with
//  U     schedule   in_use_ = true   release   U': only the flag is handed over; the queue says
//                                              the rest
//  U'    is_in_use  reads in_use_    acquire   U
//
// Dropping: the worker stays until every task has ended that it is the place of, so no entry comes
// to a queue that nobody looks into.
class pinned_tasks final : public side_scheduler {
public:
    pinned_tasks(multi_thread& shared, worker& home) noexcept;

    void schedule(task_header& task) noexcept override;
    scheduler& place(const placement& wanted, std::source_location site) noexcept override;

    const void* pinned_to() const noexcept override { return &home_; }

    /// False as long as no task was ever queued here: the price of a look for who has none.
    bool is_in_use() const noexcept { return in_use_.load(acquire); }  // U'

    // The worker's thread only.

    /// The oldest task; null if there is none.
    task_header* pop() noexcept {
        remote_.take(tuning::inject_batch, list_);
        task_header* const task = list_.pop_front();
        left_.store(list_.size(), relaxed);  // see left_
        return task;
    }

    bool is_empty() const noexcept { return list_.is_empty() && remote_.is_empty(); }

    /// How many wait that were queued on this thread.
    unsigned size_here() const noexcept { return static_cast<unsigned>(list_.size()); }

    // Any thread.

    /// How many wait, as of the last pop().
    std::size_t size_seen() noexcept {
        return left_.load(relaxed) + remote_.size();  // see left_
    }

    /// Whether a task that has not ended belongs here. Cost: looks at every task.
    bool has_tasks() noexcept;

private:
    multi_thread& shared_;
    worker& home_;
    atomic<bool> in_use_{false};
    task_list list_;
    atomic<std::size_t> left_{0};  // relaxed: a figure for people
    inject_queue remote_;
};

}  // namespace edo::detail
