#pragma once

#include <source_location>
#include <type_traits>
#include <utility>

#include <edo/task/await/branch.h>
#include <edo/task/local/bound_value.h>
#include <edo/task/local/with_locals.h>

namespace edo {
namespace detail {

[[noreturn]] void fail_unbound(std::source_location site) noexcept;

}  // namespace detail

/// Says that spawned tasks get a copy of the value; see task_local.
struct inherited_t {
    explicit inherited_t() = default;
};

inline constexpr inherited_t inherited{};

/// A variable that has a value of its own within each scope: in one task, in all it awaits, and
/// wherever those go on. What a thread_local is to threads; a thread_local would not follow a task
/// from worker to worker.
///
///     inline edo::task_local<request_id> current_request;
///     inline edo::task_local<std::string> tenant{edo::inherited};
///
///     co_await current_request.scope(id, handle(std::move(stream)));
///     ...
///     spdlog::info("{}: done", current_request.value());     // somewhere below
///
/// Spawned tasks do not see it, because they may outlive the scope; a key that is made with
/// `edo::inherited` gives each of them a copy of its value at that moment. Nor do blocking calls:
/// give them what they need as an argument.
///
/// The key is an object of static duration, or outlives its scopes otherwise.
/// Thread-safe: the key yes; a value belongs to the task.
/// Source: task_local! of Tokio, which inherits nothing.
template <class T>
class task_local {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>);
    static_assert(alignof(T) <= 16, "over-aligned values have no place in a frame");

public:
    constexpr task_local() noexcept {}

    explicit constexpr task_local(inherited_t) noexcept
        requires std::is_copy_constructible_v<T>
        : is_inherited_(true) {}

    task_local(const task_local&) = delete;
    task_local& operator=(const task_local&) = delete;

    /// Waits for `inner`, an operation or a task, in which the variable has the value `bound`, also
    /// in its destructors when it is dropped. Scopes of the same variable within hide this one.
    ///
    /// Passed as a variable (an lvalue) `inner` survives, and may go on in another scope, or none.
    ///
    /// Returns:      what `inner` yields; rethrows what it throws.
    /// Cancellation: drops `inner`; what that loses is said there.
    /// Cost:         no allocation.
    template <class A>
        requires detail::branch_operand<A>
    [[nodiscard]] auto scope(T bound, A&& inner) const {
        using locals = detail::value_bound_to<T>;
        return detail::with_locals_operation<locals, A>(
            locals(this, is_inherited_, std::move(bound)), std::forward<A>(inner));
    }

    /// The value here, to be read and changed; null outside of any scope of this variable. Valid
    /// until the next await.
    /// Cost: passes each scope between.
    T* get() const noexcept {
        for (detail::bound_value* at = detail::locals_here(); at != nullptr; at = at->outer)
            if (at->key() == this) return &static_cast<detail::value_bound_to<T>*>(at)->value;
        return nullptr;
    }

    /// The same where there must be one; elsewhere it ends the program with the cure.
    T& value(std::source_location site = std::source_location::current()) const noexcept {
        T* const here = get();
        if (here == nullptr) detail::fail_unbound(site);
        return *here;
    }

private:
    bool is_inherited_ = false;
};

}  // namespace edo
