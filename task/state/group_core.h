#pragma once

#include <cstddef>

#include <edo/base/check.h>
#include <edo/base/intrusive_list.h>
#include <edo/base/seam/mutex.h>
#include <edo/task/state/header.h>
#include <edo/task/state/wake_batch.h>

namespace edo::detail {

/// What a failed child does to its siblings; see task_group.
enum class group_policy : unsigned char { fail_fast, independent, first_success };

/// One who waits until there are few children; lives in the operation. Protected by the group's
/// lock.
struct group_waiter : list_node {
    group_waiter() noexcept = default;

    group_waiter(group_waiter&& other) noexcept : list_node() {
        EDO_CHECK(
            !other.target,
            "an operation was moved while it waits; move it before its first poll, or not at all");
    }

    group_waiter& operator=(group_waiter&&) = delete;

    wake_target target;  // null: not listed
    std::size_t few = 0;
};

/// The children of a task_group, as their own completions see it.
///
/// Who owns what: the list, the counts and the failure belong to who holds lock_. A child is listed
/// from before it is first queued until child_ended(), which its last poll calls; that call is the
/// last touch of the group by the child, and is over when the lock is free. So an owner that has
/// seen the list empty under the lock may destroy the group. Who waits is woken under the lock, so
/// it cannot go meanwhile.
class group_core {
public:
    explicit group_core(group_policy policy) noexcept : policy_(policy) {}

    group_core(const group_core&) = delete;
    group_core& operator=(const group_core&) = delete;

    ~group_core() {
        if (failed_ != nullptr) failed_->release_refs();
    }

    /// Lists a child, until child_ended(). Requires: fewer than `limit` are alive.
    /// Returns: false when the group is cancelled: the child must end without having run.
    bool add(task_header& child, std::size_t limit) noexcept;
    /// Called when the child's output is known and before it is published: applies the policy.
    /// Returns: true when the hook for unobserved failures is not to hear of a failure: join() will
    ///          tell it, or it is an error in an independent group, where errors are everyday
    ///          business and come as often as a peer likes.
    bool note_outcome(task_header& child, task_end how, failure why) noexcept;
    /// The child is complete: its last touch of the group.
    void child_ended(task_header& child) noexcept;

    /// Cancels all children, and those added later.
    void cancel() noexcept;
    /// Destroys all children on this thread, and waits for the threads that poll one right now.
    /// Requires: a thread that runs tasks.
    void destroy_children() noexcept;

    /// Has `target` woken whenever a child ends and at most `few` are alive, until stop_waiting().
    /// Returns: true when that is so already.
    bool wait_for_few(group_waiter& waiter, wake_target target, std::size_t few) noexcept;
    void stop_waiting(group_waiter& waiter) noexcept;
    std::size_t alive() const noexcept;

    /// What join() returns, and why. Requires: no child is alive. A failure is told once.
    task_end take_result(failure& why) noexcept;
    /// Reports a failure that neither join() nor the child's handle has told. Requires: no child is
    /// alive.
    void report_untold() noexcept;

private:
    void cancel_locked(wake_batch& woken) noexcept;
    task_header* claim_child(execution& exec) noexcept;

    mutable mutex lock_;
    intrusive_list<group_member> children_;
    std::size_t alive_ = 0;
    intrusive_list<group_waiter> waiting_;
    failure why_;
    task_header* failed_ = nullptr;     // whose failure it is; counted
    task_end first_ = task_end::value;  // the first failure; value: none so far
    group_policy policy_;
    bool cancelled_ = false;
    bool succeeded_ = false;  // first_success: one child has
};

}  // namespace edo::detail
