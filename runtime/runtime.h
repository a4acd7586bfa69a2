#pragma once

#include <cstddef>
#include <source_location>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <edo/base/clock.h>
#include <edo/base/error.h>
#include <edo/base/result.h>
#include <edo/runtime/blocking_pool.h>
#include <edo/runtime/builder.h>
#include <edo/runtime/dump.h>
#include <edo/runtime/info.h>
#include <edo/runtime/metrics.h>
#include <edo/runtime/shutdown.h>
#include <edo/task/join_handle.h>
#include <edo/task/operation.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>

namespace edo {
namespace detail {

class core;

/// Blocks the calling thread until poll(op, cx) is true; a current-thread runtime runs tasks
/// meanwhile.
void block_thread(core& at, bool (*poll)(void* op, context& cx) noexcept, void* op);
/// Aborts if the calling thread must not block in block_on(), or if `at` is null.
void check_block_on(core* at, std::source_location site) noexcept;
/// The scheduler of a runtime, or a loud end if it was moved away or the parent process has it.
scheduler& scheduler_of(core* at, std::source_location site) noexcept;

/// Turns an operation into a task that yields what it yields.
template <class Op>
task<std::remove_cv_t<taken_t<Op>>> await_operation(Op op) {
    co_return co_await std::move(op);
}

template <class T>
T block_on_cell(core& at, task_cell<T>* cell) {
    launch(*cell, true);
    join_operation<T, true, true> ended{output_claim<T>(*cell)};
    using operation_type = decltype(ended);
    block_thread(
        at,
        [](void* op, context& cx) noexcept { return static_cast<operation_type*>(op)->poll(cx); },
        &ended);
    join_outcome<T> outcome = ended.take();
    if (outcome.is_cancelled()) {  // nobody but the runtime could do that
        if constexpr (is_result_v<T>) {
            return T(errc::runtime_shutdown);
        } else {
            throw std::system_error(make_error_code(errc::runtime_shutdown));
        }
    }
    return static_cast<T>(std::move(outcome).value());
}

}  // namespace detail

/// What both kinds of runtime offer.
///
/// Requires: the process is the one that built the runtime. In one that was forked from it
///           block_on(), spawn(), blocking_pool() and poll_for() abort with a message: nobody would
///           run what they are given; metrics(), info() and dump() may hang. A child builds a
///           runtime of its own, or calls exec; the end of the inherited one does nothing.
class basic_runtime {
public:
    basic_runtime(const basic_runtime&) = delete;
    basic_runtime& operator=(const basic_runtime&) = delete;

    /// Runs a task to its end and returns what it yields; rethrows what it throws.
    ///
    /// The task runs like any other: on the workers while the calling thread sleeps, or on the
    /// calling thread if the runtime is a current-thread one. Instead of a task it can be an
    /// operation (`rt.block_on(edo::join(a(), b()))`) or a callable that returns a task and is kept
    /// alive meanwhile.
    ///
    /// Requires: the calling thread is not running tasks: inside one, co_await instead. With a
    ///           current-thread runtime it is the thread that built the runtime.
    /// Errors:   when the runtime is shut down meanwhile, or was before: errc::runtime_shutdown if
    ///           the task yields a result, else std::system_error with that code.
    template <class T>
    T block_on(task<T>&& root, std::source_location site = std::source_location::current()) {
        detail::check_block_on(core_, site);
        return detail::block_on_cell(
            *core_, detail::make_cell(detail::scheduler_of(core_, site), site, std::move(root)));
    }

    template <operation Op>
        requires(!std::is_lvalue_reference_v<Op>)
    auto block_on(Op&& op, std::source_location site = std::source_location::current()) {
        return block_on(detail::await_operation<std::remove_cvref_t<Op>>(std::move(op)), site);
    }

    template <class F>
        requires(std::is_invocable_v<std::decay_t<F>&>)
    auto block_on(F&& fn, std::source_location site = std::source_location::current()) {
        detail::check_block_on(core_, site);
        return detail::block_on_cell(*core_, detail::make_cell(detail::scheduler_of(core_, site),
                                                               site, std::forward<F>(fn)));
    }

    /// Starts a task, as edo::spawn() does, from any thread.
    /// Thread-safe: yes.
    template <class T>
    join_handle<T> spawn(task<T>&& top,
                         std::source_location site = std::source_location::current()) {
        return detail::launch_with_handle(
            detail::make_cell(detail::scheduler_of(core_, site), site, std::move(top)));
    }

    template <class F,
              class A = detail::not_given,
              class B = detail::not_given,
              class C = detail::not_given,
              class D = detail::not_given,
              class E = detail::not_given>
        requires(!detail::is_task_v<std::remove_cvref_t<F>>)
    auto spawn(F&& fn,
               A&& a = A(),
               B&& b = B(),
               C&& c = C(),
               D&& d = D(),
               E&& e = E(),
               std::source_location site = std::source_location::current()) {
        return detail::with_given(
            [this, site](auto&&... given) {
                return detail::launch_with_handle(
                    detail::make_cell(detail::scheduler_of(core_, site), site,
                                      std::forward<decltype(given)>(given)...));
            },
            std::forward<F>(fn), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
            std::forward<D>(d), std::forward<E>(e));
    }

    template <class F, class A, class B, class C, class D, class E, class More, class... Others>
        requires(!std::is_same_v<std::remove_cvref_t<More>, std::source_location>)
    detail::five_arguments_at_most spawn(F&&, A&&, B&&, C&&, D&&, E&&, More&&, Others&&...) =
        delete;

    /// Makes a pool for the blocking calls to one dependency, as the constructor of
    /// edo::blocking_pool does in a task.
    ///
    ///     edo::blocking_pool disk = rt.blocking_pool("disk");
    ///
    /// Errors: as the constructor.
    /// Thread-safe: yes.
    edo::blocking_pool blocking_pool(
        std::string_view name, const blocking_pool_options& options = blocking_pool_options());

    /// What the runtime is made of. Thread-safe: yes.
    runtime_info info() const;

    /// What it has done and what it has to do, in figures. Always counted.
    /// Thread-safe: yes, also after shutdown(). Cost: a few loads per worker.
    runtime_metrics metrics() const;

    /// What every live task is doing: state, where it was spawned, where each of its coroutines
    /// waits, and for what. Nothing is stopped for it; see runtime_dump.
    /// Thread-safe: yes.
    runtime_dump dump() const;

    /// Ends the runtime: refuses new tasks, drops every task at its next await (on a worker, with
    /// all its destructors), then ends timers and sockets, waits for blocking calls that have
    /// begun, and ends the threads. Blocking calls that have not begun never will.
    ///
    /// Sockets, handles and wakers that outlive it are harmless: they answer
    /// errc::runtime_shutdown, or that the task was cancelled. After `limit` (and 20 ms more for
    /// threads that are just leaving) it returns anyhow;
    /// threads that are stuck in user code are left to themselves with all they may touch, and the
    /// report says who and where.
    ///
    /// Called again it waits for nothing, and reports what is still there. In a process that was
    /// forked from the one that built the runtime it does nothing, and so does the destructor: the
    /// threads are not here, and the sockets are shared with the parent.
    ///
    /// Requires: as block_on().
    /// Errors:   throws std::bad_alloc when there is no memory for the report; all the same the
    ///           runtime has ended by then.
    shutdown_report shutdown(duration limit = duration::max());

protected:
    basic_runtime() noexcept = default;

    explicit basic_runtime(detail::core& owned) noexcept : core_(&owned) {}

    basic_runtime(basic_runtime&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}

    ~basic_runtime() { end(); }

    void replace(basic_runtime& other) noexcept;
    void end() noexcept;

    detail::core* core_ = nullptr;
};

/// Runs tasks on worker threads that share the work.
///
///     auto rt = edo::runtime::builder().worker_threads(4).build().value();
///     int answer = rt.block_on(compute());
///
/// The destructor is shutdown() without a limit: it waits until every task has come to its next
/// await and was dropped, and until blocking calls that have begun have returned. Where one of them
/// may never return, call shutdown(5s) first; then the destructor does not wait.
///
/// Thread-safe: spawn(), blocking_pool(), info(), metrics(), dump() and block_on() yes; moving,
///              shutdown() and the destructor no.
class runtime : public basic_runtime {
public:
    static runtime_builder builder(std::source_location site = std::source_location::current()) {
        return runtime_builder(site);
    }

    runtime(runtime&& other) noexcept = default;

    runtime& operator=(runtime&& other) noexcept {
        if (this != &other) replace(other);
        return *this;
    }

private:
    friend class runtime_builder;

    explicit runtime(detail::core& owned) noexcept : basic_runtime(owned) {}
};

/// Runs tasks on the thread that built it, while that thread is in block_on(), poll_for() or
/// shutdown().
///
///     edo::current_thread_runtime local;
///     int answer = local.block_on(compute());
///
/// Thread-safe: spawn(), blocking_pool(), info(), metrics() and dump() yes; everything else
///              belongs to the thread that built it.
class current_thread_runtime : public basic_runtime {
public:
    static runtime_builder builder(std::source_location site = std::source_location::current()) {
        return runtime_builder(site);
    }

    /// With the defaults of the builder.
    /// Errors: throws std::system_error with what build_current_thread() would return.
    explicit current_thread_runtime(std::source_location site = std::source_location::current());
    current_thread_runtime(current_thread_runtime&& other) noexcept = default;

    current_thread_runtime& operator=(current_thread_runtime&& other) noexcept {
        if (this != &other) replace(other);
        return *this;
    }

    /// Runs what is ready and waits for more, for `limit` at most; ends early when no task is left.
    /// With zero it does what can be done without waiting: each task that is ready now has its
    /// turn. For use inside a foreign loop.
    /// Returns: how often a task was polled; 0 after shutdown().
    std::size_t poll_for(duration limit);

private:
    friend class runtime_builder;

    explicit current_thread_runtime(detail::core& owned) noexcept : basic_runtime(owned) {}
};

}  // namespace edo
