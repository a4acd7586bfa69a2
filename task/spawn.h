#pragma once

#include <source_location>
#include <type_traits>
#include <utility>

#include <edo/task/join_handle.h>
#include <edo/task/local/with_locals.h>
#include <edo/task/spawn_options.h>
#include <edo/task/state/cell.h>
#include <edo/task/state/spawn_checks.h>

namespace edo {
namespace detail {

/// Frees a cell that did not become a task, if making it throws half-way.
template <class Cell>
class new_cell {
public:
    template <class... Args>
    explicit new_cell(Args&&... args) : cell_(new Cell(std::forward<Args>(args)...)) {}

    new_cell(const new_cell&) = delete;
    new_cell& operator=(const new_cell&) = delete;

    ~new_cell() { delete cell_; }

    Cell* operator->() const noexcept { return cell_; }

    Cell* release() noexcept { return std::exchange(cell_, nullptr); }

private:
    Cell* cell_;
};

/// std::invoke without <functional>.
template <class F, class... Args>
decltype(auto) call(F&& fn, Args&&... args) {
    return std::forward<F>(fn)(std::forward<Args>(args)...);
}

template <class R, class C, class Object, class... Args>
decltype(auto) call(R C::* member, Object&& object, Args&&... args) {
    if constexpr (std::is_pointer_v<std::remove_cvref_t<Object>>) {
        return (object->*member)(std::forward<Args>(args)...);
    } else {
        return (std::forward<Object>(object).*member)(std::forward<Args>(args)...);
    }
}

template <class R, class C, class T, class... Args>
decltype(auto) call(R C::* member, std::reference_wrapper<T> object, Args&&... args) {
    return (object.get().*member)(std::forward<Args>(args)...);
}
template <class...>
inline constexpr bool points_to_object_v = false;
template <class Object, class... Args>
inline constexpr bool points_to_object_v<Object, Args...> =
    std::is_pointer_v<std::decay_t<Object>> || is_reference_wrapper_v<std::decay_t<Object>>;

/// As make_cell(), without the checks, with a name or no_name.
template <class T, class Name, class F, class... Args>
task_cell<T>* make_cell_with(
    Name name, scheduler& owner, std::source_location site, F&& fn, Args&&... args) {
    using callable = std::decay_t<F>;
    if constexpr (std::is_class_v<callable> && !std::is_empty_v<callable>) {
        using cell_type = callable_cell<T, callable, Name>;
        new_cell<cell_type> cell(owner, site, std::forward<F>(fn), std::move(name));
        cell->adopt(with_inherited_locals(
            call(cell->callable(), static_cast<std::decay_t<Args>>(std::forward<Args>(args))...),
            site));
        return cell.release();
    } else {
        task<T> top = call(fn, static_cast<std::decay_t<Args>>(std::forward<Args>(args))...);
        using cell_type = callable_cell<T, no_callable, Name>;
        new_cell<cell_type> cell(owner, site, no_callable{}, std::move(name));
        cell->adopt(with_inherited_locals(std::move(top), site));
        return cell.release();
    }
}

/// Makes a cell that runs `fn(args...)`. The callable is moved into the cell first, so that a
/// lambda's captures live as long as its coroutine; the arguments become the coroutine's
/// parameters.
template <class F, class... Args>
auto make_cell(scheduler& owner, std::source_location site, F&& fn, Args&&... args) {
    static_assert(is_safe_to_spawn_v<F, Args...>,
                  "a spawned coroutine must not take references, string_view or span: the caller "
                  "may be gone when "
                  "it runs. Take the parameter by value, or say std::ref(x) at the call if x "
                  "outlives the task");
    using callable = std::decay_t<F>;
    static_assert(!std::is_member_pointer_v<callable> || points_to_object_v<Args...>,
                  "spawn of a member function takes a pointer to the object or std::ref(object): a "
                  "copy would be gone "
                  "when the coroutine runs");
    using T = spawned_t<F, Args...>;
    if constexpr (has_options_v<callable>) {
        callable with = std::forward<F>(fn);
        spawn_options& options = with.options();
        scheduler& place = owner.place(options.where(), site);
        return make_cell_with<T>(std::move(options.name()), place, site, std::move(with.callable()),
                                 std::forward<Args>(args)...);
    } else {
        return make_cell_with<T>(no_name{}, owner, site, std::forward<F>(fn),
                                 std::forward<Args>(args)...);
    }
}

template <class T>
task_cell<T>* make_cell(scheduler& owner, std::source_location site, task<T>&& top) {
    using cell_type = callable_cell<T, no_callable>;
    new_cell<cell_type> cell(owner, site, no_callable{});
    cell->adopt(with_inherited_locals(std::move(top), site));
    return static_cast<task_cell<T>*>(cell.release());
}

/// Lists a new cell and queues it. If the runtime takes no new tasks any more the task ends at
/// once, as cancelled, on this thread and without having run.
void launch(task_header& cell, bool has_handle) noexcept;

/// The scheduler of the calling thread, or a loud end with the cure.
scheduler& scheduler_here(std::source_location site, const char* what) noexcept;

template <class T>
join_handle<T> launch_with_handle(task_cell<T>* cell) noexcept {
    launch(*cell, true);
    return join_handle<T>(*cell);
}

/// What spawn() and spawn_local() are: called like a function, `(fn, args...)`. As an object of
/// their namespace, so that the parameters, which need to be spelled out, stand once.
template <bool IsLocal>
class spawn_caller {
public:
    template <class F,
              class A = not_given,
              class B = not_given,
              class C = not_given,
              class D = not_given,
              class E = not_given>
        requires(!is_task_v<std::remove_cvref_t<F>>)
    auto operator()(F&& fn,
                    A&& a = A(),
                    B&& b = B(),
                    C&& c = C(),
                    D&& d = D(),
                    E&& e = E(),
                    std::source_location site = std::source_location::current()) const {
        return with_given(
            [site](auto&&... given) {
                return launch_with_handle(
                    make_cell(owner(site), site, std::forward<decltype(given)>(given)...));
            },
            std::forward<F>(fn), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
            std::forward<D>(d), std::forward<E>(e));
    }

    template <class F, class A, class B, class C, class D, class E, class More, class... Others>
        requires(!std::is_same_v<std::remove_cvref_t<More>, std::source_location>)
    five_arguments_at_most operator()(F&&, A&&, B&&, C&&, D&&, E&&, More&&, Others&&...) const =
        delete;

    template <class T>
    join_handle<T> operator()(task<T>&& top,
                              std::source_location site = std::source_location::current()) const {
        return launch_with_handle(make_cell(owner(site), site, std::move(top)));
    }

private:
    static scheduler& owner(std::source_location site) noexcept {
        scheduler& here = scheduler_here(site, IsLocal ? "edo::spawn_local" : "edo::spawn");
        if constexpr (!IsLocal) return here;
        placement local;
        local.worker = placement::this_worker;
        return here.place(local, site);
    }
};

}  // namespace detail

/// Starts a new task in the current runtime: `fn(args...)`, which returns an edo::task.
///
///     edo::join_handle<int> h = edo::spawn(child, "a");
///
/// The callable and up to five arguments are moved (or copied) into the task. A lambda coroutine
/// with captures is safe here, because the lambda itself lives in the task. Reference, string_view
/// and span parameters do not compile unless the argument is wrapped in std::ref; nor do `auto&&`
/// and `const auto&`. Two things cannot be checked: a ready-made task, whose parameters are out of
/// sight (`spawn(fetch(url))`: fetch must take them by value), and a callable that is overloaded or
/// generic in some of its parameters only. The task runs on any worker, at the earliest when the
/// caller waits or another worker takes it.
///
/// Requires:    the calling thread runs a task of a runtime; elsewhere use runtime::spawn().
/// Errors:      throws std::bad_alloc, or what copying an argument throws; then no task exists. In
///              a runtime that shuts down the task ends as cancelled without having run.
/// Thread-safe: yes.
/// Cost:        two allocations from the thread's free lists.
inline constexpr detail::spawn_caller<false> spawn;

/// Starts a new task that stays on the worker that spawns it: it is polled and destroyed on that
/// thread only, so it may use what is not thread-safe, together with other tasks that do.
///
///     std::shared_ptr<cache> shared = ...;              // not thread-safe; of this worker's tasks
///     edo::join_handle<void> h = edo::spawn_local(serve, std::move(stream), shared);
///
/// Otherwise as spawn(). Where the handle is joined or destroyed, the output is. Other workers
/// cannot help: if this one is blocked, by a call or a long computation, the task waits for it.
/// Options that name another worker are heeded instead.
inline constexpr detail::spawn_caller<true> spawn_local;

}  // namespace edo
