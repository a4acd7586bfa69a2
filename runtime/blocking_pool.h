#pragma once

#include <cstddef>
#include <source_location>
#include <string_view>

#include <edo/base/clock.h>
#include <edo/base/seam/tuning.h>
#include <edo/runtime/blocking_pool_metrics.h>
#include <edo/runtime/spawn_blocking.h>

namespace edo {

/// How large a blocking_pool is.
///
///     edo::blocking_pool_options().max_threads(4).queue(64)
///
/// Each setter returns the options. What is not set has the default its setter names.
/// Thread-safe: no.
class blocking_pool_options {
public:
    blocking_pool_options() noexcept {}

    /// Most threads, and so most calls at a time; they are started on demand. At least 1.
    /// Default: 8.
    blocking_pool_options& max_threads(unsigned count) noexcept {
        max_threads_ = count;
        return *this;
    }

    /// Most calls that may wait for a thread before try_spawn() refuses. Zero: it refuses
    /// whenever all threads are busy. Default: 1024.
    blocking_pool_options& queue(std::size_t capacity) noexcept {
        queue_ = capacity;
        return *this;
    }

    /// How long a thread stays without work. Default: 10 s.
    blocking_pool_options& keep_alive(duration span) noexcept {
        keep_alive_ = span;
        return *this;
    }

    unsigned max_threads() const noexcept { return max_threads_; }

    std::size_t queue() const noexcept { return queue_; }

    duration keep_alive() const noexcept { return keep_alive_; }

private:
    unsigned max_threads_ = 8;
    std::size_t queue_ = detail::tuning::blocking_queue_capacity;
    duration keep_alive_ = detail::tuning::blocking_keep_alive;
};

/// Threads for the blocking calls to one dependency (a name service, a database driver, a disk), so
/// that it can take none from others when it is slow.
///
///     edo::blocking_pool dns("dns", edo::blocking_pool_options().max_threads(4).queue(64));
///     auto found = co_await dns.spawn(look_up, host);
///
/// A handle: copies refer to the same pool, which the runtime owns. The name is for people: in
/// metrics and shutdown reports, and, cut to 15 characters, of the threads in tools. Names may
/// repeat; each construction makes a new pool.
///
/// The pool ends when its last handle and the last operation made with it have gone: idle threads
/// at once, the others after their call. shutdown() of the runtime ends it as it ends
/// spawn_blocking(): calls that have not begun answer errc::runtime_shutdown, and so do all that
/// are made later, through handles that may well outlive the runtime.
///
/// Thread-safe: yes, but for assignment to the same handle. Calls may be awaited in any runtime.
/// Cost:        threads, when there is work for them. A pool that is done with leaves some hundred
///              bytes and the stack of one ended thread until the runtime makes the next or ends.
class blocking_pool {
public:
    /// Makes a pool of the runtime that runs the calling task; elsewhere use
    /// runtime::blocking_pool(). In a runtime that has ended the pool is closed.
    ///
    /// Requires: the calling thread runs a task.
    /// Errors:   throws std::system_error with build_errc::no_blocking_threads for max_threads(0),
    ///           std::bad_alloc.
    explicit blocking_pool(std::string_view name,
                           const blocking_pool_options& options = blocking_pool_options(),
                           std::source_location site = std::source_location::current());

    /// `spawn(fn, args...)` is as edo::spawn_blocking(), with the threads of this pool: a call is
    /// made in the order of the first polls, and waits for a thread while all are busy.
    ///
    ///     auto rows = co_await database.spawn(run_query, std::move(text));
    ///
    /// Errors:       as spawn_blocking().
    /// Cancellation: as spawn_blocking(): a call that has not begun never will.
    detail::blocking_caller<false> spawn;

    /// `try_spawn(fn, args...)` is as edo::try_spawn_blocking(): begins at once and never waits for
    /// room; but it can be called on any thread.
    ///
    /// Returns: the operation to await, or errc::queue_full when as many calls as
    ///          blocking_pool_options::queue() wait already; the arguments are gone then.
    detail::blocking_caller<true> try_spawn;

    /// How the pool does. Cost: one lock, which its calls take too, and a copy of the name.
    blocking_pool_metrics metrics() const { return spawn.pool().metrics(); }

private:
    friend class basic_runtime;

    explicit blocking_pool(const detail::pool_access& made) noexcept
        : spawn(made), try_spawn(made) {}
};

}  // namespace edo
