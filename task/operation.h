#pragma once

#include <concepts>
#include <type_traits>

#include <edo/task/context.h>

namespace edo {

/// What can be awaited inside a task, and be a branch of select, join and timeout: a leaf
/// operation.
///
///     class wait_for_flag {                         // waits until somebody raises the flag
///     public:
///         explicit wait_for_flag(flag& f) noexcept : flag_(f) {}
///         wait_for_flag(wait_for_flag&&) = default; // moved only before its first poll
///         ~wait_for_flag() { flag_.forget(*this); } // dropping it ends all interest
///
///         bool poll(edo::context& cx) noexcept {    // true: done, take() may be called
///             return flag_.is_raised_or_remember(*this, cx.waker());
///         }
///         void take() noexcept {}                   // the result; called once, after poll said
///                                                   true
///     };
///
/// The rules:
/// - Making the object does nothing; the work begins with the first poll().
/// - poll() never blocks and never throws. When it answers false it has arranged that the waker is
///   woken when there may be progress. It is polled again then, and at other times without any
///   reason.
/// - The context is there during the poll only. A later poll may come with another waker: compare
///   with `waker::wakes(cx)` and replace it.
/// - The destructor may run at any time between polls, on another thread than the last poll. When
///   it returns, nothing may refer to the object any more, and what was handed to it but not taken
///   (a permit, a message) has been handed on.
/// - take() may throw; that is how a failure leaves the operation.
/// - `static constexpr const char* wait_name` names the wait in dumps (optional).
/// - An operation that polls other operations, which it holds, has `void release_line() noexcept`
///   and calls edo::release_line() for each. In a variable it may outlive the task that has polled
///   it; one that waits by a waker of its own is prepared for that without further ado.
///
/// The library charges the task's budget for each operation that completes.
template <class Op>
concept operation = requires(Op& op, context& cx) {
    { op.poll(cx) } noexcept -> std::same_as<bool>;
    op.take();
};

/// Tells an operation that stays in a variable that the line of its last poll goes. The next poll
/// may come from another one, of another task.
template <class Op>
void release_line(Op& op) noexcept {
    if constexpr (requires { op.release_line(); }) op.release_line();
}

namespace detail {

/// A combinator polls other operations, which are charged themselves.
template <class Op>
concept combinator = operation<Op> && requires { requires Op::is_combinator; };

/// Has to wait in its first poll, mostly: a branch makes its line before it asks. It could do so
/// for every operation; only the cost differs.
template <class Op>
concept waiting_at_first = requires { requires Op::is_waiting_at_first; };

template <class Op>
constexpr const char* wait_name_of() noexcept {
    if constexpr (requires { Op::wait_name; }) {
        return Op::wait_name;
    } else {
        return "operation";
    }
}

/// The first half of poll_operation().
template <class Op>
inline bool has_budget_for(const context& cx) noexcept {
    return combinator<Op> || cx.has_budget();
}

/// Its second half, when the budget is used up: the line waits for its next turn.
template <class Op>
[[gnu::cold]] void put_off(Op& op, context& cx) noexcept {
    // What it refers to may go from its first poll on, also when that is put off.
    if constexpr (requires { op.postpone(cx); }) op.postpone(cx);
    cx.yield_for_budget();
}

/// Its second half otherwise.
template <class Op>
inline bool poll_within_budget(Op& op, context& cx) noexcept {
    if (!op.poll(cx)) return false;
    if constexpr (!combinator<Op>) cx.spend_budget();
    return true;
}

/// Polls with the task's budget.
template <class Op>
inline bool poll_operation(Op& op, context& cx) noexcept {
    if (has_budget_for<Op>(cx)) return poll_within_budget(op, cx);
    put_off(op, cx);
    return false;
}

template <class Op>
using taken_t = decltype(std::declval<Op&>().take());

}  // namespace detail
}  // namespace edo
