#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <edo/task/await/branch.h>
#include <edo/task/context.h>
#include <edo/task/operation.h>

namespace edo {
namespace detail {

/// Done at once, for a unit of the budget.
class [[nodiscard]] consume_operation {
public:
    static constexpr const char* wait_name = "consume_budget";

    consume_operation() noexcept {}

    bool poll(context&) noexcept { return true; }

    void take() noexcept {}
};

/// Polls an operation or task with a budget that does not end; see unconstrained().
template <class A>
class [[nodiscard]] unconstrained_operation {
public:
    static constexpr bool is_combinator = true;
    static constexpr const char* wait_name = "unconstrained";

    explicit unconstrained_operation(A&& inner) : inner_(std::forward<A>(inner)) {}

    bool poll(context& cx) noexcept {
        if (!inner_.is_woken()) return false;
        execution& exec = cx.execution();
        const std::uint32_t left =
            std::exchange(exec.budget, std::numeric_limits<std::uint32_t>::max());
        const bool is_done = inner_.poll(cx);
        exec.budget = left;
        return is_done;
    }

    decltype(auto) take() {
        const drop_at_end guard(inner_);
        return inner_.take();
    }

    bool prepare_drop() noexcept { return inner_.prepare_drop(); }

    void release_line() noexcept { inner_.release_line(); }

    void visit_branches(void (*seen)(void* to, const context& branch), void* to) {
        show_branch(inner_, seen, to);
    }

private:
    branch<A> inner_;
};

}  // namespace detail

/// Whether the running task may do something more in this turn.
///
/// A turn has a budget of 128 operations that are ready at once; the next one waits until others
/// had their turn. So a task that always finds something to do keeps neither sockets nor timers nor
/// other tasks waiting. Operations see to that by themselves.
///
/// Returns: true outside of tasks.
/// Thread-safe: yes; it asks for the calling thread.
inline bool has_budget() noexcept {
    const detail::execution* const here = detail::current_execution();
    return here == nullptr || here->task == nullptr || here->budget != 0;
}

/// Takes a unit of the running task's budget, and lets others run first if there is none left. For
/// loops that compute for long without waiting for anything:
///
///     for (const record& r : records) {
///         digest(r);
///         co_await edo::consume_budget();
///     }
///
/// Completes:    at once, or after the others had their turn.
/// Cancellation: loses nothing.
/// Cost:         a few instructions while there is budget.
inline detail::consume_operation consume_budget() noexcept {
    return {};
}

/// Waits for `inner`, an operation or a task, without a budget: what it awaits costs nothing, and
/// it goes on as long as it finds something ready. Others wait meanwhile, so this is for what is
/// known to end soon and would be slow in pieces. A yield inside is still a yield.
///
///     std::size_t sum = co_await edo::unconstrained(drain(receiver));
///
/// Passed as a variable (an lvalue) `inner` survives, and goes on where it was when it is awaited
/// again.
///
/// Returns:      what `inner` yields; rethrows what it throws.
/// Cancellation: drops `inner`; what that loses is said there.
/// Thread-safe:  no.
/// Cost:         no allocation.
template <class A>
    requires detail::branch_operand<A>
[[nodiscard]] auto unconstrained(A&& inner) {
    return detail::unconstrained_operation<A>(std::forward<A>(inner));
}

}  // namespace edo
