#pragma once

#include <source_location>
#include <utility>

#include <edo/task/await/branch.h>
#include <edo/task/context.h>
#include <edo/task/local/bound_value.h>
#include <edo/task/task.h>

namespace edo::detail {

/// Polls an operation or task with values of task_locals.
template <class Locals, class A>
class [[nodiscard]] with_locals_operation {
public:
    static constexpr bool is_combinator = true;
    static constexpr const char* wait_name = "task_local";

    with_locals_operation(Locals&& locals, A&& inner)
        : locals_(std::move(locals)), inner_(std::forward<A>(inner)) {}

    with_locals_operation(with_locals_operation&&) = default;
    with_locals_operation& operator=(with_locals_operation&&) = delete;

    ~with_locals_operation() { drop(); }

    bool poll(context& cx) noexcept {
        if (!inner_.is_woken()) return false;
        const locals_in_force scope(&cx.execution(), locals_);
        return inner_.poll(cx);
    }

    decltype(auto) take() {
        const drop_at_end guard(*this);
        return inner_.take();
    }

    bool prepare_drop() noexcept { return inner_.prepare_drop(); }

    void release_line() noexcept { inner_.release_line(); }

    void visit_branches(void (*seen)(void* to, const context& branch), void* to) {
        show_branch(inner_, seen, to);
    }

    /// For drop_at_end: what is destroyed sees the values as it did while it ran.
    void drop() noexcept {
        const locals_in_force scope(current_execution(), locals_);
        inner_.drop();
    }

private:
    Locals locals_;
    branch<A> inner_;
};

/// The body of a task that has inherited something.
template <class T>
task<T> run_with_locals(spawned_locals locals, task<T> inner) {
    with_locals_operation<spawned_locals, task<T>> scoped(std::move(locals), std::move(inner));
    co_return co_await std::move(scoped);
}

/// with_inherited_locals() where there are any.
template <class T>
[[gnu::noinline]] promise<T>& with_locals_of(const bound_value& here,
                                             task<T>&& top,
                                             std::source_location site) {
    spawned_locals copies(&here);
    if (copies.is_empty()) return top.release(site);
    return run_with_locals(std::move(copies), std::move(top)).release(site);
}

/// What a spawned task runs: `top`, with what it inherits from the one that spawns it.
template <class T>
promise<T>& with_inherited_locals(task<T>&& top, std::source_location site) {
    const bound_value* const here = locals_here();
    return here == nullptr ? top.release(site) : with_locals_of(*here, std::move(top), site);
}

}  // namespace edo::detail
