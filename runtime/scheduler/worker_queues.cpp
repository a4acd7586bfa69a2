// Where a worker puts the tasks that are woken on its thread, and where its next one comes from.

#include <algorithm>
#include <utility>

#include <edo/runtime/scheduler/multi_thread.h>
#include <edo/runtime/scheduler/worker.h>
#include <edo/task/state/header.h>

namespace edo::detail {

void worker::schedule(task_header& task) noexcept {
    if (stands_aside_) {
        shared_.inject().push(task);
        shared_.notify_one();
        return;
    }
    counts_.sampled.note_queued(task);
    {
        const sole_mode::bracket own(sole_);
        task_header* const rest = in_driver_ ? &task : slot_.fill(task, own.is_alone());
        if (rest == nullptr) return;
        ring_.push(*rest, shared_.inject(), own.is_alone());
    }
    if (!in_driver_) shared_.notify_one();
}

void worker::schedule_behind(task_header& task) noexcept {
    if (stands_aside_ || !has_own_work()) return schedule(task);
    push(task);
    if (!in_driver_) shared_.notify_one();
}

void worker::push(task_header& task) noexcept {
    const sole_mode::bracket own(sole_);
    ring_.push(task, shared_.inject(), own.is_alone());
}

// Behind all others of its kind. Calls nobody, because this worker goes on, unless that has other
// work before a batch task.
void worker::queue_again(task_header& task) noexcept {
    if (&task.owner() == &shared_) [[likely]]
        return push(task);
    if (&task.owner() == &shared_.batch()) {
        shared_.batch().push(task);
        if (has_own_work()) shared_.notify_one();
        return;
    }
    task.owner().schedule(task);
}

task_header* worker::next_stealable_task() noexcept {
    const sole_mode::bracket own(sole_);
    task_header* const woken = slot_.take(own.is_alone());
    if (woken != nullptr && lifo_polls_ < tuning::lifo_polls_in_row) {
        ++lifo_polls_;
        return woken;
    }
    lifo_polls_ = 0;
    if (woken != nullptr) ring_.push(*woken, shared_.inject(), own.is_alone());
    return ring_.pop(own.is_alone());
}

task_header* worker::next_task() noexcept {
    if (inject_is_due_) [[unlikely]] {
        inject_is_due_ = false;
        task_header* const task = shared_.inject().is_empty() ? nullptr : take_injected();
        if (task != nullptr) return task;
    }
    task_header* const own = pinned_.is_in_use() ? next_own_task() : next_stealable_task();
    if (own != nullptr || shared_.inject().is_empty()) return own;
    return take_injected();
}

// What belongs here and what may go anywhere take turns.
task_header* worker::next_own_task() noexcept {
    pinned_is_due_ = !pinned_is_due_;
    if (pinned_is_due_) {
        if (task_header* const task = pinned_.pop()) return task;
    }
    if (task_header* const task = next_stealable_task()) return task;
    return pinned_.pop();
}

// A fair share of the inject queue: one task to run, the others for the ring, where they can be
// stolen; no more than there is room for.
task_header* worker::take_injected() noexcept {
    const std::size_t most =
        std::min<std::size_t>(tuning::inject_batch, 1 + (local_queue::capacity - ring_.size()) / 2);
    task_list taken;
    shared_.inject().take_share(shared_.worker_count(), most, taken);
    task_header* const first = taken.pop_front();
    while (task_header* const task = taken.pop_front())
        push(*task);
    return first;
}

bool worker::take_from_slot(task_header& task) noexcept {
    const sole_mode::bracket own(sole_);
    return slot_.take_if(task, own.is_alone());
}

// As next_own_task().
task_header* worker::next_batch_task() noexcept {
    batch_tasks& shared = shared_.batch();
    if (!pinned_batch_.is_in_use()) return shared.pop();
    batch_is_pinned_ = !batch_is_pinned_;
    if (batch_is_pinned_) {
        if (task_header* const task = pinned_batch_.pop()) return task;
    }
    if (task_header* const task = shared.pop()) return task;
    return pinned_batch_.pop();
}

bool worker::has_batch_work() const noexcept {
    return !shared_.batch().is_empty() || (pinned_batch_.is_in_use() && !pinned_batch_.is_empty());
}

task_header* worker::search() noexcept {
    if (!searching_) {
        if (!shared_.idle().try_search()) return nullptr;
        searching_ = true;
    }
    if (shared_.config().per_core) return nullptr;  // nobody puts anything where others look
    const unsigned count = shared_.worker_count();
    const unsigned start = victims_.below(count);
    for (unsigned i = 0; i < count; ++i) {
        const unsigned victim = (start + i) % count;
        if (victim == index_) continue;
        counts_.steal_attempts.add();
        if (task_header* const task = shared_.worker_at(victim).queue().steal_into(ring_);
            task != nullptr) {
            counts_.steals.add();
            return task;
        }
    }
    return shared_.inject().is_empty() ? nullptr : take_injected();
}

}  // namespace edo::detail
