#pragma once

#include <vector>

#include <edo/base/clock.h>
#include <edo/base/intrusive_list.h>
#include <edo/base/seam/mutex.h>
#include <edo/runtime/blocking/thread_pool.h>
#include <edo/runtime/blocking_pool_metrics.h>
#include <edo/runtime/shutdown.h>

namespace edo::detail {

/// The blocking pools of a runtime, in the order in which they were made.
///
/// Holds a reference to each. One that has lost its users ends by itself and is forgotten when the
/// next is added, so there are never more than are used, plus what has ended since. After close()
/// the list does not change any more; whoever goes through it then needs no lock.
/// Thread-safe: yes.
class pool_list {
public:
    pool_list() = default;
    pool_list(const pool_list&) = delete;
    pool_list& operator=(const pool_list&) = delete;
    ~pool_list();

    /// After close() the pool is closed instead, and not listed.
    void add(thread_pool& made) noexcept;
    /// True for a pool of this list; `pool` may be null.
    bool contains(const thread_pool* pool) noexcept;
    /// See thread_pool::is_awaited().
    bool is_awaited() noexcept;
    std::vector<blocking_pool_metrics> metrics();

    /// Closes all, at once and for ever.
    void close() noexcept;
    /// Waits for all threads, at most until `until`; see thread_pool::join(). Requires: closed.
    void join(instant until) noexcept;
    std::vector<unfinished_call> unfinished_calls();

private:
    using pools = intrusive_list<thread_pool>;

    void take_unused_locked(pools& to) noexcept;

    mutex lock_;
    pools all_;
    bool closed_ = false;
};

}  // namespace edo::detail
