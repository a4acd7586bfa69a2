#pragma once

#include <cstddef>
#include <source_location>
#include <utility>

#include <edo/base/result.h>
#include <edo/task/join_handle.h>
#include <edo/task/spawn.h>
#include <edo/task/state/group_core.h>

namespace edo {

/// What a failing child of a task_group means for the others. A failure is an exception, or a
/// result that holds an error.
using detail::group_policy;
inline constexpr group_policy fail_fast = group_policy::fail_fast;      ///< cancels the others
inline constexpr group_policy independent = group_policy::independent;  ///< its own affair
/// The others go on; the first success cancels them.
inline constexpr group_policy first_success = group_policy::first_success;

/// The result of a task that belongs to a group. Dropping it gives up the result only: the group
/// owns the task.
/// Thread-safe: no.
template <class T>
class group_handle {
public:
    group_handle() noexcept = default;
    group_handle(group_handle&&) noexcept = default;
    group_handle& operator=(group_handle&&) = delete;

    ~group_handle() { claim_.give_up(false); }

    /// The value of the task; of one that returns a result, the value in it. Rethrows what the task
    /// threw.
    ///
    ///     co_await edo::or_return(group.join());
    ///     co_return page{user.take(), orders.take()};
    ///
    /// Requires: the task has ended, as all have when group.join() has; and this is the first take.
    /// Errors:   throws std::system_error with the error that the task returned, or with
    ///           errc::cancelled if it was cancelled. Neither happens after a join() of a fail_fast
    ///           group that has returned success.
    decltype(auto) take(std::source_location site = std::source_location::current()) {
        if constexpr (detail::is_result_v<T>) {
            return static_cast<typename T::value_type>(take_result(site).value());
        } else {
            return take_output(site);
        }
    }

    /// As take(), of a task that returns a result: the error is part of the answer.
    T take_result(std::source_location site = std::source_location::current())
        requires(detail::is_result_v<T>)
    {
        return take_output(site);
    }

    /// Waits for this task alone; as join_handle::join(), but a drop cancels nothing.
    auto join(std::source_location site = std::source_location::current()) && noexcept {
        static_cast<void>(claim_.cell(site));
        return detail::join_operation<T, false, false>(std::move(claim_));
    }

    void join() & = delete;  // the handle is given away: std::move(handle).join()

    /// True when the task has ended, one way or another: take() may be called. Thread-safe: yes.
    bool is_finished() const noexcept { return claim_.cell().state.is_complete(); }

    /// Unique in its runtime; as dumps and messages show it.
    std::uint64_t id() const noexcept { return claim_.cell().id; }

    /// Asks this task alone to end and does not wait. Thread-safe: yes.
    void request_cancel() noexcept { claim_.cell().cancel(); }

    // For the library.
    explicit group_handle(detail::task_cell<T>& counted) noexcept : claim_(counted) {}

private:
    T take_output(std::source_location site) {
        if (!claim_.cell(site).state.is_complete())
            detail::fail(
                "take() of a task that has not ended; co_await group.join() before, or wait for "
                "this task alone: co_await std::move(handle).join()",
                site);
        detail::join_operation<T, false, false> ended(std::move(claim_));
        return static_cast<T>(ended.take());
    }

    detail::output_claim<T> claim_;
};

/// Owns tasks and does not end before they have.
///
///     edo::task_group group;
///     auto user   = group.spawn(fetch_user, q.user);
///     auto orders = group.spawn(fetch_orders, q.user);
///     co_await edo::or_return(group.join());
///     co_return page{user.take(), orders.take()};
///
/// A group is a local variable of a coroutine, and its tasks may refer to what lives longer than
/// the group in that coroutine's frame (through std::ref): on every way out of the coroutine
/// (return, exception, drop by a select, cancellation, shutdown) the tasks that are left are
/// cancelled, and the frame is kept until the last one is gone. A finished task is freed at once.
///
/// A drop does not block: the coroutine stays suspended until the last child is gone. Only where a
/// destructor runs in the middle of a poll (a return with live children, say) does it destroy them
/// on the spot, waiting for those that another worker is polling at that moment; the same for a
/// group in a task or an operation that is awaited as a variable. That goes one level of the native
/// stack deeper for each group within a group: thousands are fine.
///
/// Thread-safe: spawn() and cancel() yes, by tasks of the group too; the rest belongs to the
/// coroutine.
class task_group {
public:
    /// Requires: a running task; the group belongs to its coroutine.
    explicit task_group(group_policy policy = fail_fast,
                        std::source_location site = std::source_location::current()) noexcept;
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;
    ~task_group();

    /// At most `n` tasks at a time, from now on. A group has no limit by itself, because most spawn
    /// a handful of tasks that they know; a server that spawns one for each client that comes sets
    /// one. spawn() cannot wait, as it is not awaited: on a full group it is a programming error,
    /// and a caller that may meet one waits with has_room() first.
    task_group& max_children(std::size_t n,
                             std::source_location site = std::source_location::current()) noexcept;

    /// Waits until the group has room for a task; at once when it is not limited.
    ///
    ///     co_await clients.has_room();
    ///     clients.spawn(serve, std::move(stream));
    ///
    /// Cancellation: loses nothing.
    class room_operation;
    room_operation has_room() noexcept;

    /// Waits until all tasks have ended.
    ///
    /// Returns:     success, or the failure that the policy names: fail_fast and first_success the
    ///              first one (an exception is rethrown), errc::cancelled if the group was
    ///              cancelled. With first_success one success is enough. Always success for
    ///              `independent`.
    /// Cancellation: loses nothing: the tasks go on, join() can be called again.
    class join_all_operation;
    join_all_operation join() noexcept;

    /// Asks all tasks to end, also those spawned later; does not wait.
    void cancel() noexcept { core_.cancel(); }

    /// How many tasks have not ended yet.
    std::size_t alive() const noexcept { return core_.alive(); }

    /// Starts `fn(args...)` as a task of the group; arguments and checks as edo::spawn(). In a
    /// cancelled group the task ends without having run.
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
                return launch(
                    detail::make_cell(owner(), site, std::forward<decltype(given)>(given)...));
            },
            std::forward<F>(fn), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
            std::forward<D>(d), std::forward<E>(e));
    }

    template <class F, class A, class B, class C, class D, class E, class More, class... Others>
        requires(!std::is_same_v<std::remove_cvref_t<More>, std::source_location>)
    detail::five_arguments_at_most spawn(F&&, A&&, B&&, C&&, D&&, E&&, More&&, Others&&...) =
        delete;

    template <class T>
    auto spawn(task<T>&& top, std::source_location site = std::source_location::current()) {
        return launch(detail::make_cell(owner(), site, std::move(top)));
    }

private:
    struct link : detail::group_link {
        task_group* group = nullptr;
        detail::group_waiter waiter;
    };

    template <class T>
    group_handle<T> launch(detail::task_cell<T>* cell) noexcept {
        start(*cell);
        return group_handle<T>(*cell);
    }

    void start(detail::task_header& child) noexcept;

    detail::scheduler& owner() const noexcept { return *scheduler_; }

    static bool cancel_children(detail::group_link& self) noexcept;

    detail::group_core core_;
    detail::scheduler* scheduler_ = nullptr;
    detail::wake_target line_;
    link link_;
    std::size_t limit_ = static_cast<std::size_t>(-1);
    group_policy policy_;
};

class [[nodiscard]] task_group::room_operation {
public:
    static constexpr const char* wait_name = "room in a task group";

    explicit room_operation(task_group& group) noexcept : group_(&group) {}

    room_operation(room_operation&& other) noexcept = default;
    room_operation& operator=(room_operation&&) = delete;

    ~room_operation() { release_line(); }

    bool poll(context& cx) noexcept {
        return group_->core_.wait_for_few(waiter_, cx.target(), group_->limit_ - 1);
    }

    void take() noexcept {}

    /// For the library; see edo::release_line().
    void release_line() noexcept {
        if (waiter_.target) group_->core_.stop_waiting(waiter_);
    }

private:
    task_group* group_;
    detail::group_waiter waiter_;
};

class [[nodiscard]] task_group::join_all_operation {
public:
    static constexpr const char* wait_name = "task group";

    explicit join_all_operation(task_group& group) noexcept : group_(&group) {}

    join_all_operation(join_all_operation&& other) noexcept = default;
    join_all_operation& operator=(join_all_operation&&) = delete;

    ~join_all_operation() { release_line(); }

    bool poll(context& cx) noexcept { return group_->core_.wait_for_few(waiter_, cx.target(), 0); }

    result<void> take();

    /// For the library; see edo::release_line().
    void release_line() noexcept {
        if (waiter_.target) group_->core_.stop_waiting(waiter_);
    }

private:
    task_group* group_;
    detail::group_waiter waiter_;
};

inline task_group::room_operation task_group::has_room() noexcept {
    return room_operation(*this);
}

inline task_group::join_all_operation task_group::join() noexcept {
    return join_all_operation(*this);
}

}  // namespace edo
