#pragma once

#include <source_location>
#include <type_traits>
#include <utility>

#include <edo/runtime/blocking/job.h>

namespace edo {
namespace detail {

/// Runs `job` while others take care of the calling worker's tasks.
void run_in_place(blocking_job& job) noexcept;

/// Gives up the caller's reference at the end of a scope.
class held_job {
public:
    explicit held_job(blocking_job& counted) noexcept : job_(counted) {}

    held_job(const held_job&) = delete;
    held_job& operator=(const held_job&) = delete;

    ~held_job() { job_.release_ref(); }

private:
    blocking_job& job_;
};

}  // namespace detail

/// Makes a call that may block, in the middle of a task, without stopping other tasks.
///
///     auto answer = edo::block_in_place([&] { return legacy_call(); });
///
/// Meanwhile this worker runs no tasks: those in its queue go to the other workers (if need be to a
/// spare one that is started for it), and the worker itself goes on serving its sockets and timers.
/// The call is made on a thread of the blocking pool, so it may refer to the caller's variables,
/// but thread-local state is not the caller's; it may use runtime::block_on(). When no thread of
/// the pool is free, the call is made on the worker's own thread, as if it were not announced; see
/// runtime_builder::blocked_after().
///
/// A task that joins the calling one may be in the middle of its own poll, below it on the same
/// stack: join() polls a new task on the spot. Cancelled meanwhile, it is dropped when the call has
/// returned; so the call must not wait for the end of who joins its task.
///
/// On a current-thread runtime, and outside of a runtime, it simply calls `fn`: nobody could go on
/// meanwhile.
///
/// Returns: what `fn` returns; rethrows what it throws.
/// Cost:    two hand-overs between threads. Prefer spawn_blocking() where the call can be awaited.
template <class F>
auto block_in_place(F&& fn, std::source_location site = std::source_location::current())
    -> std::invoke_result_t<F&> {
    using R = std::invoke_result_t<F&>;
    const auto invoke = [&fn]() -> R { return fn(); };
    auto& job = *new detail::blocking_call<R, std::remove_const_t<decltype(invoke)>>(site, invoke);
    const detail::held_job held(job);
    detail::run_in_place(job);
    return job.output.take();
}

}  // namespace edo
