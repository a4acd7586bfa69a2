#pragma once

#include <source_location>
#include <span>
#include <string>
#include <string_view>

#include <edo/base/clock.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/fork.h>
#include <edo/runtime/blocking/pool_list.h>
#include <edo/runtime/blocking/thread_pool.h>
#include <edo/runtime/dump.h>
#include <edo/runtime/info.h>
#include <edo/runtime/metrics.h>
#include <edo/runtime/scheduler/config.h>
#include <edo/runtime/scheduler/thread_waiter.h>
#include <edo/runtime/shutdown.h>
#include <edo/task/state/scheduler.h>

namespace edo {
class blocking_pool_options;
}

namespace edo::detail {

/// What the current-thread and the multi-threaded scheduler have in common: name, configuration,
/// blocking pools, life.
///
/// Handles, wakers and stuck threads may outlive the runtime, and a task's cell refers to its
/// scheduler. So a core is counted: the runtime object holds it, the registry until the last cell
/// is freed, and each thread that runs in it.
class core : public root_scheduler {
public:
    const char* name() const noexcept final { return title_.c_str(); }

    void destroy() noexcept final { release_ref(); }  // the last cell of the closed registry

    void add_ref() noexcept { refs_.fetch_add(1, relaxed); }  // who adds one holds one

    void release_ref() noexcept {
        if (refs_.fetch_sub(1, acq_rel) == 1) delete this;  // the last one comes after the others
    }

    /// Blocks the calling thread until `waiter` is woken; the current-thread scheduler runs tasks
    /// meanwhile.
    virtual void wait_for(thread_waiter& waiter) noexcept = 0;
    virtual runtime_info info() const = 0;
    virtual runtime_metrics metrics() = 0;
    /// Ends everything, once; see basic_runtime::shutdown(). `what` is how the caller is called;
    /// null for a runtime that was never handed out, which may go anywhere.
    void end(const char* what, duration limit) noexcept;
    /// What has not ended. Throws std::bad_alloc when there is no room for it.
    shutdown_report report();
    /// Runs `job` with the calling worker's queue and reactor cared for by others.
    virtual void run_in_place(blocking_job& job) noexcept = 0;

    /// Runs `job` on the calling thread, as on one outside of the runtime: the call may block, and
    /// so use block_on(); but it must not end the runtime.
    void run_here(blocking_job& job) noexcept;

    /// False in a process that was forked from the one that built the runtime: its threads are not
    /// here, and its sockets and rings are not to be touched.
    bool is_of_this_process() const noexcept;

    /// Aborts in such a process, where a task would never run. For calls that are made often: a
    /// fork that went past libc is not found out.
    void check_process(std::source_location site) const noexcept {
        if (fork_count() != forks_before_) [[unlikely]]
            fail_in_fork(site);
    }

    const runtime_config& config() const noexcept { return config_; }

    /// The pool for calls that name none, called "default".
    thread_pool& pool() noexcept { return pool_; }

    /// All pools, the default one first.
    pool_list& pools() noexcept { return pools_; }

    /// Adds a pool, whose first user is the caller; after shutdown() a closed one.
    /// Errors: throws as the constructor of blocking_pool.
    thread_pool& add_pool(std::string_view name, const blocking_pool_options& options);

    runtime_dump dump();

    /// Aborts with both sites and the cure if the calling thread is inside a task, which a blocking
    /// call `what` would stop.
    void check_may_block(const char* what, std::source_location site) noexcept;

protected:
    explicit core(runtime_config config);
    virtual ~core();

    /// Ends what ends until then. The pools are told to end; they are waited for afterwards.
    virtual void shutdown(instant until) noexcept = 0;
    /// Threads that have not come back from user code.
    virtual unsigned stuck_workers() noexcept = 0;

    bool has_ended() const noexcept { return ended_; }

    /// Puts into `picture` what both schedulers have: the pools, and the tasks as counted by the
    /// threads that ran them.
    void count_common(runtime_metrics& picture, std::span<const execution* const> ran);

    /// First step of every shutdown: takes no new tasks. Those that there are have to end now; see
    /// registry::end_next().
    void refuse_tasks() noexcept;
    /// When the limit has passed: asks all that are left to end, the children of groups too, so
    /// that none goes on by itself.
    void cancel_all_tasks() noexcept;

private:
    [[noreturn]] void fail_in_fork(std::source_location site) const noexcept;

    runtime_config config_;
    std::string title_;
    thread_pool& pool_;
    pool_list pools_;
    bool ended_ = false;
    const int process_;  // that built it
    const unsigned forks_before_;
    atomic<unsigned> refs_{2};  // the runtime object's and the registry's
};

/// What the runtime that `exec` belongs to is made of, or a loud end.
core& core_of(const execution& exec, const char* what, std::source_location site) noexcept;

/// What `task` is doing. Any thread. Requires: a reference to the task.
task_dump dump_task(task_header& task);

}  // namespace edo::detail
