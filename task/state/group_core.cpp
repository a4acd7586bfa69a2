#include <edo/task/state/group_core.h>

#include <utility>

#include <edo/base/seam/futex.h>
#include <edo/task/context.h>
#include <edo/task/state/scheduler.h>
#include <edo/task/unobserved.h>

namespace edo::detail {

bool group_core::add(task_header& child, std::size_t limit) noexcept {
    mutex_lock guard(lock_);
    if (alive_ >= limit)
        fail(
            "task_group::spawn on a group that has max_children() tasks already; co_await "
            "group.has_room() before",
            child.spawn_site());
    if (cancelled_) return false;
    child.group = this;
    // Listed before anybody can find it here and destroy it; the shard's lock comes below this one.
    if (!child.owner().tasks.insert(child)) {
        child.group = nullptr;
        return false;
    }
    children_.push_back(child);
    ++alive_;
    return true;
}

bool group_core::note_outcome(task_header& child, task_end how, failure why) noexcept {
    if (policy_ == group_policy::independent) return how == task_end::error;
    if (how == task_end::cancelled) return false;
    if (how == task_end::value && policy_ != group_policy::first_success) return false;
    wake_batch woken;
    mutex_lock guard(lock_);
    if (how == task_end::value) {
        if (!std::exchange(succeeded_, true)) cancel_locked(woken);
        return false;
    }
    if (first_ != task_end::value) return policy_ == group_policy::first_success;
    first_ = how;
    why_ = std::move(why);
    failed_ = &child;
    child.add_ref();
    if (policy_ == group_policy::fail_fast) cancel_locked(woken);
    return true;
}

void group_core::child_ended(task_header& child) noexcept {
    wake_batch woken;
    // Who waits may destroy the group as soon as the lock is free, not before.
    mutex_lock guard(lock_);
    children_.remove(child);
    --alive_;
    for (group_waiter* w = waiting_.front(); w != nullptr; w = waiting_.after(*w))
        if (alive_ <= w->few) woken.wake(w->target);
}

void group_core::cancel() noexcept {
    wake_batch woken;
    mutex_lock guard(lock_);
    cancel_locked(woken);
}

void group_core::cancel_locked(wake_batch& woken) noexcept {
    if (std::exchange(cancelled_, true)) return;
    for (group_member* m = children_.front(); m != nullptr; m = children_.after(*m))
        woken.cancel(*static_cast<task_header*>(m));
}

void group_core::destroy_children() noexcept {
    execution* const exec = current_execution();
    EDO_CHECK(exec != nullptr,
              "a task_group with live children was destroyed on a thread that runs no tasks; a "
              "group belongs "
              "in the frame of the coroutine that made it");
    // Depth first, along a path that is kept in the tasks: a group within a group within a group
    // must not become depth of the stack. A task is destroyed when no group in its frames has
    // children any more.
    task_header* path = nullptr;
    for (;;) {
        group_core* const at = path == nullptr ? this : path->main_line().group_with_children();
        if (at != nullptr) {
            at->cancel();
            if (task_header* const child = at->claim_child(*exec); child != nullptr) {
                child->claimed_before = std::exchange(path, child);
            } else if (path == nullptr) {
                return;
            }
            continue;
        }
        task_header* const next = path;
        path = next->claimed_before;
        next->destroy_claimed(*exec);
        next->release_refs();
    }
}

namespace {

// A task that is polled in the middle of the present poll cannot end before that does.
bool is_polled_below(const task_header& task, const execution& exec) noexcept {
    if (exec.task == &task) return true;
    for (const interrupted* at = exec.below; at != nullptr; at = at->below())
        if (at->task() == &task) return true;
    return false;
}

}  // namespace

// Returns: a child that nobody polls, for this thread, with a reference; null when none is alive.
task_header* group_core::claim_child(execution& exec) noexcept {
    std::size_t busy = 0;  // children in a row that another thread has
    duration pause = std::chrono::microseconds(1);
    for (;;) {
        task_header* child = nullptr;
        {
            mutex_lock guard(lock_);
            if (alive_ == 0) return nullptr;
            group_member* first = children_.pop_front();
            children_.push_back(*first);
            child = static_cast<task_header*>(first);
            child->add_ref();
            if (busy >= alive_) busy = alive_;
        }
        if (child->state.claim()) return child;
        EDO_CHECK(!is_polled_below(*child, exec),
                  "a task_group was destroyed while a child of it waits in block_on() further down "
                  "on the same stack, which it would wait for; let the child end first: co_await "
                  "group.join(), or use spawn_blocking instead of block_in_place");
        ++busy;
        child->release_refs();
        if (busy < alive()) continue;
        // Each is in the middle of a poll on another thread, or of its last steps; that ends in its
        // own time and has no way to tell us; look again soon. Children form a tree, so none of
        // those threads waits for this one.
        static const atomic<std::uint32_t> nobody_wakes{0};
        futex_wait(nobody_wakes, 0, pause);
        if (pause < std::chrono::milliseconds(1)) pause *= 2;
    }
}

bool group_core::wait_for_few(group_waiter& waiter, wake_target target, std::size_t few) noexcept {
    mutex_lock guard(lock_);
    waiter.target = target;
    waiter.few = few;
    if (!waiter.is_linked()) waiting_.push_back(waiter);
    return alive_ <= few;
}

void group_core::stop_waiting(group_waiter& waiter) noexcept {
    mutex_lock guard(lock_);
    if (waiter.is_linked()) waiter.unlink();
    waiter.target = {};
}

std::size_t group_core::alive() const noexcept {
    mutex_lock guard(lock_);
    return alive_;
}

task_end group_core::take_result(failure& why) noexcept {
    mutex_lock guard(lock_);
    if (succeeded_) {
        first_ = task_end::value;
        why_ = failure{};
        return task_end::value;
    }
    if (first_ == task_end::value) return cancelled_ ? task_end::cancelled : task_end::value;
    why = std::move(why_);
    return std::exchange(first_, task_end::cancelled);
}

void group_core::report_untold() noexcept {
    const bool has_failure = first_ == task_end::error || first_ == task_end::exception;
    if (!has_failure || succeeded_) return;
    // Relaxed: who takes the output at this moment on another thread may see it reported, too.
    if (failed_->output_was_taken.load(relaxed)) return;
    report_unobserved({failed_->id, failed_->spawn_site(), why_.error, std::move(why_.exception),
                       failed_->name()});
}

}  // namespace edo::detail
