#pragma once

#include <edo/runtime/scheduler/inject_queue.h>
#include <edo/task/state/scheduler.h>

namespace edo::detail {

class multi_thread;

/// The batch tasks of a runtime that may run on any worker: the scheduler that they know, and the
/// one queue in which they wait. Their polls are long, so one queue for all workers is good enough.
class batch_tasks final : public side_scheduler {
public:
    explicit batch_tasks(multi_thread& shared) noexcept;

    /// From any thread: has a worker woken if one sleeps.
    void schedule(task_header& task) noexcept override;

    /// The same by the worker that has just polled `task`: wakes nobody.
    void push(task_header& task) noexcept { static_cast<void>(queue_.push(task)); }

    task_header* pop() noexcept {
        task_list taken;
        queue_.take(1, taken);
        return taken.pop_front();
    }

    bool is_empty() const noexcept { return queue_.is_empty(); }

    /// For metrics.
    std::size_t size() noexcept { return queue_.size(); }

    void close() noexcept { queue_.close(); }

private:
    multi_thread& shared_;
    inject_queue queue_;
};

}  // namespace edo::detail
