#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <edo/task/state/placement.h>
#include <edo/task/state/spawn_checks.h>

namespace edo {

/// How a task is to be spawned; goes with the callable, see with().
///
///     const auto nightly = edo::spawn_options().name("scan").priority(edo::priority::batch);
///     edo::spawn(edo::with(nightly, scan_table), table);
///
/// Each setter returns the options. What is not set has the default its setter names.
class spawn_options {
public:
    spawn_options() noexcept {}

    /// What dumps and reports say beside the place where the task was spawned. Default: nothing.
    /// Errors: throws std::bad_alloc; up to 15 characters need no memory.
    spawn_options& name(std::string_view text) {
        name_ = text;
        return *this;
    }

    /// How urgent it is. Default: priority::latency.
    ///
    /// Batch tasks run on each worker when no other task is ready there, and then again and again;
    /// where others are always ready, batch tasks have a ninth of the worker's time at least. After
    /// each of their polls the others come first, so what bounds the delay of the others is how
    /// long a batch task computes before it says co_await yield_now() or waits. What a batch task
    /// spawns is not a batch task by itself.
    spawn_options& priority(edo::priority urgency) noexcept {
        where_.priority = urgency;
        return *this;
    }

    /// On worker `index` of the runtime, counted from 0, and nowhere else: the task is polled and
    /// destroyed on that worker's thread. If that worker is blocked the task waits for it.
    /// Default: on any worker. A current-thread runtime has worker 0.
    ///
    /// A worker out of range is a programming error, and so is one in a task_group whose own task
    /// is not on the same worker for good: the group destroys its tasks where it is.
    spawn_options& worker(unsigned index) noexcept {
        where_.worker = index;
        return *this;
    }

    /// On the worker that spawns it, and nowhere else; as spawn_local().
    spawn_options& local() noexcept {
        where_.worker = detail::placement::this_worker;
        return *this;
    }

    // For the library.

    std::string& name() noexcept { return name_; }

    const detail::placement& where() const noexcept { return where_; }

private:
    std::string name_;
    detail::placement where_;
};

/// A callable to be spawned with options; see with().
template <class F>
class [[nodiscard]] callable_with_options {
public:
    callable_with_options(spawn_options options, F fn)
        : options_(std::move(options)), fn_(std::move(fn)) {}

    // For the library.

    spawn_options& options() noexcept { return options_; }

    F& callable() noexcept { return fn_; }

private:
    spawn_options options_;
    F fn_;
};

/// Spawns with options: takes the place of the callable in any spawn(), of a group and from outside
/// too. A task that is made already has no place for options.
///
///     edo::spawn(edo::with(edo::spawn_options().worker(2), serve), std::move(stream));
template <class F>
    requires(!detail::is_task_v<std::remove_cvref_t<F>>)
callable_with_options<std::decay_t<F>> with(spawn_options options, F&& fn) {
    return {std::move(options), std::forward<F>(fn)};
}

/// Gives the task a name, which dumps and reports say; short for with() and spawn_options::name().
///
///     edo::spawn(edo::named("reader", read_all), std::move(stream));
///
/// Errors: throws std::bad_alloc.
template <class F>
    requires(!detail::is_task_v<std::remove_cvref_t<F>>)
callable_with_options<std::decay_t<F>> named(std::string_view name, F&& fn) {
    spawn_options options;
    options.name(name);
    return {std::move(options), std::forward<F>(fn)};
}

namespace detail {

template <class F>
inline constexpr bool has_options_v = false;
template <class F>
inline constexpr bool has_options_v<callable_with_options<F>> = true;

// What counts is the callable within.

template <class F, class... Args>
struct parameters_with<callable_with_options<F>, Args...> : parameters_with<F, Args...> {};

template <class F, class... Args>
struct spawned<callable_with_options<F>, Args...> : spawned<F, Args...> {};

}  // namespace detail
}  // namespace edo
