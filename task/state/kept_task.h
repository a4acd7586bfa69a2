#pragma once

#include <edo/task/state/header.h>
#include <edo/task/waker.h>

namespace edo::detail {

/// Keeps the memory of a task that an operation wakes.
///
/// What waits borrows its target: it goes before the line that has polled it, and the line before
/// the task. Only an operation in a variable may outlive them; its release_line() counts a
/// reference, which lasts until the operation goes or outlives a line of another task.
///
/// Thread-safe: no; it belongs to whoever polls the operation.
class kept_task {
public:
    kept_task() noexcept = default;
    kept_task(const kept_task&) = delete;
    kept_task& operator=(const kept_task&) = delete;

    ~kept_task() {
        if (task_ != nullptr) task_->release_refs();
    }

    /// Requires: `target` is what the operation wakes from now on, and its task is alive.
    void keep(wake_target target) noexcept {
        task_header* const task = target.task();
        if (task == task_) return;
        task->add_ref();
        if (task_ != nullptr) task_->release_refs();
        task_ = task;
    }

private:
    task_header* task_ = nullptr;
};

}  // namespace edo::detail
