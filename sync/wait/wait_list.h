#pragma once

#include <edo/base/check.h>
#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/census.h>
#include <edo/task/context.h>
#include <edo/task/state/kept_task.h>
#include <edo/task/state/wake_batch.h>
#include <edo/task/waker.h>

namespace edo::detail {

class wait_list;

// wait_node and wait_list: who waits for one thing, in the order of arrival.
//
// A node lives in the operation that waits, so in a coroutine frame. The list lives in the thing
// waited for, beside the lock that protects it and every node that was ever in it.
//
//              wait()                  fire()
//   unknown ───────────► waiting ──────────────────► fired
//    ▲  ▲                 │   ▲                        │
//    │  └──── forget() ───┘   └───── wait() again ─────┤
//    └─────────────────── forget() ────────────────────┘
//
//  mark  where     transition        ordering  pairs with
//  F     fire      waiting -> fired  release   Q: the waiting task sees what the node was given
//  Q     is_fired  reads             acquire   F
//
// Wakes are borrowed: fire() wakes under the lock and counts no reference but that of the queue
// entry, which the batch puts into the queue when the lock is free. That is sound because an
// operation whose node is known goes on, or is dropped, only with the lock, or after it has seen F;
// and F is the last touch of the node, after the wake. So while the lock is held and the node is
// known and not fired, the task's cell is alive. An operation that outlives the line of its last
// poll is told so, and keeps the cell from then on (release_line).
//
// Who sees F without the lock may not go on before whoever fired has left the lock, because what
// was waited for may go with the task: lock_word::is_locked() tells.
//
// What a fired node was given (a permit, the right to look first) is the operation's to use or,
// when it is dropped, to hand on. Models: those of whatever is waited for, such as
// tests/model/permit_queue_model.cpp.

/// One wait. Moved only before the first poll, when nobody knows it.
class wait_node : public list_node {
public:
    wait_node() noexcept {}

    wait_node(wait_node&& other) noexcept : list_node() {
        EDO_CHECK(
            !other.is_known(),
            "an operation was moved while it waits; move it before its first poll, or not at all");
    }

    wait_node& operator=(wait_node&&) = delete;

    /// For the operation's release_line(). The waiting task's thread only; it needs no lock.
    void release_line() noexcept {
        if (is_known()) kept_.keep(target_);
    }

    /// True from wait() to forget(). The waiting task may ask without the lock: only it changes
    /// this.
    bool is_known() const noexcept { return static_cast<bool>(target_); }

    /// True when it waits already, and would wake what `cx` polls. The waiting task may ask without
    /// the lock, as above.
    bool waits_for(const context& cx) const noexcept {
        return is_known() && target_ == cx.target();
    }

    /// With the lock; or, of a node that is known, by the waiting task: then see above.
    bool is_fired() const noexcept { return fired_.load(acquire); }  // Q

    /// As wait_list::forget(), of a node that was fired. The waiting task's thread only.
    void forget_fired() noexcept {
        target_ = {};
        fired_.store(false, relaxed);  // nobody knows the node any more
    }

private:
    friend class wait_list;

    wake_target target_;  // borrowed, as said above
    kept_task kept_;
    atomic<bool> fired_{false};
};

/// Waits in the order of arrival. Every call needs the lock of whoever owns the list.
class wait_list {
public:
    bool is_empty() const noexcept { return nodes_.is_empty(); }

    bool has_one_at_most() const noexcept { return nodes_.has_one_at_most(); }

    wait_node* front() noexcept { return nodes_.front(); }

    /// Puts the node at the end, unless it waits already, and notes whom to wake.
    void wait(wait_node& node, wake_target whom) noexcept;

    void wait(wait_node& node, const context& cx) noexcept { wait(node, cx.target()); }

    /// One poll of a wait that is over when `is_over`: goes on waiting, or ends all interest.
    /// Returns: `is_over`.
    bool poll(wait_node& node, const context& cx, bool is_over) noexcept {
        if (!is_over) {
            wait(node, cx);
        } else if (node.is_known()) {
            forget(node);
        }
        return is_over;
    }

    /// Takes a node out and wakes its task. Returns: the task if the caller has to queue it, when
    ///          the lock is free; see wake_batch.
    task_header* fire(wait_node& node) noexcept {
        nodes_.remove(node);
        EDO_CENSUS(operation, -1);
        task_header* const woken = woken_by(node.target_);
        node.fired_.store(true, release);  // F
        return woken;
    }

    void fire(wait_node& node, wake_batch& woken) noexcept { woken.add(fire(node)); }

    void fire_all(wake_batch& woken) noexcept {
        if (!is_empty()) fire_each(woken);
    }

    /// Ends all interest of a node. Returns: true when it had been fired.
    bool forget(wait_node& node) noexcept;

private:
    void fire_each(wake_batch& woken) noexcept;

    intrusive_list<wait_node> nodes_;
};

}  // namespace edo::detail
