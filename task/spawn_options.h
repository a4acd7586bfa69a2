#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <edo/task/state/spawn_checks.h>

namespace edo {

/// A callable to be spawned, with a name for its task; see named().
template <class F>
class [[nodiscard]] named_callable {
public:
    named_callable(std::string_view name, F fn) : name_(name), fn_(std::move(fn)) {}

    // For the library.

    std::string& name() noexcept { return name_; }

    F& callable() noexcept { return fn_; }

private:
    std::string name_;
    F fn_;
};

/// Gives the task a name, which dumps and reports say beside the place where it was spawned.
///
///     edo::spawn(edo::named("reader", read_all), std::move(stream));
///
/// Takes what spawn takes as its first argument, in a group and from outside too; a task that is
/// made already has no place for a name.
/// Errors: throws std::bad_alloc.
/// Cost:   the copy of the name; up to 15 characters need no allocation.
template <class F>
    requires(!detail::is_task_v<std::remove_cvref_t<F>>)
named_callable<std::decay_t<F>> named(std::string_view name, F&& fn) {
    return {name, std::forward<F>(fn)};
}

namespace detail {

template <class F>
inline constexpr bool is_named_v = false;
template <class F>
inline constexpr bool is_named_v<named_callable<F>> = true;

// What counts is the callable within.

template <class F, class... Args>
struct parameters_with<named_callable<F>, Args...> : parameters_with<F, Args...> {};

template <class F, class... Args>
struct spawned<named_callable<F>, Args...> : spawned<F, Args...> {};

}  // namespace detail
}  // namespace edo
