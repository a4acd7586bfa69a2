#pragma once

#include <edo/task/state/header.h>
#include <edo/task/state/scheduler.h>
#include <edo/task/state/task_list.h>
#include <edo/task/waker.h>

namespace edo::detail {

/// Wakes what `target` says. Returns: the task if the caller has to queue it, or null.
/// Requires: its cell is alive during the call.
inline task_header* woken_by(wake_target target) noexcept {
    task_header& task = *target.task();
    return task.notify(target.slot()) ? &task : nullptr;
}

/// One task that was woken while a lock was held, as in a wake_batch.
class woken_task {
public:
    woken_task() noexcept {}

    woken_task(const woken_task&) = delete;
    woken_task& operator=(const woken_task&) = delete;

    ~woken_task() {
        if (task_ != nullptr) task_->owner().schedule(*task_);
    }

    /// May be null. Once.
    void take(task_header* woken) noexcept { task_ = woken; }

private:
    task_header* task_ = nullptr;
};

/// Tasks that were woken while a lock was held, and go into their queues at the end of the scope,
/// when it is free: a queue may have to wake a thread, which takes microseconds.
///
///     wake_batch woken;
///     mutex_lock held(mutex_);  // after the batch, so let go before it
///
/// From the wake on a task is notified but in no queue, as it is between the two steps of any wake;
/// the entry's reference, which the batch holds, keeps it.
/// Thread-safe: no.
class wake_batch {
public:
    wake_batch() noexcept {}

    wake_batch(const wake_batch&) = delete;
    wake_batch& operator=(const wake_batch&) = delete;

    ~wake_batch() {
        if (!woken_.is_empty()) queue_all();
    }

    /// Requires: the cell of the task is alive during the call.
    void wake(wake_target target) noexcept { add(woken_by(target)); }

    /// A task that woken_by() has returned.
    void add(task_header* woken) noexcept {
        if (woken != nullptr) woken_.push_back(*woken);
    }

    /// Asks a task to end. Requires: as wake().
    void cancel(task_header& task) noexcept {
        if (task.state.request_cancel()) woken_.push_back(task);
    }

private:
    [[gnu::noinline]] void queue_all() noexcept {
        while (task_header* const task = woken_.pop_front())
            task->owner().schedule(*task);
    }

    task_list woken_;
};

}  // namespace edo::detail
