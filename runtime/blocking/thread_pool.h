#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <edo/base/clock.h>
#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/seam/parker.h>
#include <edo/base/seam/thread.h>
#include <edo/runtime/blocking/job.h>
#include <edo/runtime/blocking_pool_metrics.h>
#include <edo/runtime/shutdown.h>

namespace edo {
class context;
}

namespace edo::detail {

struct blocking_limits {
    unsigned threads;     ///< most threads
    std::size_t queue;    ///< most jobs that wait before `try_` refuses
    duration keep_alive;  ///< how long an idle thread stays
    std::size_t stack_bytes;
    std::string thread_name;
    std::string pool_name;  ///< in metrics and reports
};

/// The threads that make blocking calls for tasks. They are started on demand and end when idle for
/// a while. Jobs start in the order in which they were submitted.
///
/// One lock protects everything. A submitter claims an idle thread by taking it off the idle list,
/// so a thread whose keep-alive ends finds out whether it was claimed, and no job waits for a
/// thread that leaves. Threads that were claimed or started are counted until they look at the
/// queue: as many of the queued jobs are as good as begun. Each ended thread is joined by the next
/// one that ends, the last by join().
///
/// Users are the handles of the pool and the operations that call through it. No call is queued
/// without one, so with the last user the pool closes: idle threads end at once, busy ones after
/// their call. The memory lives longer, as long as the runtime lists the pool or one of the threads
/// is there: one that is stuck in user code may use it after the runtime has gone.
/// Thread-safe: yes.
/// Model:  tests/model/blocking_pool_model.cpp.
/// Stress: tests/stress/blocking_pool_test.cpp.
class thread_pool : public list_node {  // the links: the runtime's list
public:
    /// With one user, the caller.
    static thread_pool* create(blocking_limits limits) {
        return new thread_pool(std::move(limits));
    }

    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;

    void add_ref() noexcept { refs_.fetch_add(1, relaxed); }  // who adds one holds one

    void release_ref() noexcept {
        if (refs_.fetch_sub(1, acq_rel) == 1) delete this;  // the last one comes after the others
    }

    /// True when only the caller's reference is left, so that no other can come: no thread, no
    /// user. Requires: a reference.
    bool is_unused() const noexcept {
        return refs_.load(acquire) == 1;  // release_ref(): comes after what the others did
    }

    void add_user() noexcept { users_.fetch_add(1, relaxed); }  // who adds one is or holds one

    void release_user() noexcept {
        if (users_.fetch_sub(1, acq_rel) != 1) return;  // the last one comes after the others
        close();
        release_ref();
    }

    /// Queues a job, and starts a thread for it if none is idle and there may be more. If no thread
    /// can be had at all the job is refused, never left behind.
    /// Returns: false when `may_refuse` and too many jobs wait already; the job is untouched then.
    [[nodiscard]] bool submit(blocking_job& job, bool may_refuse) noexcept;
    /// Queues a job only if a thread can take it at once.
    [[nodiscard]] bool submit_if_free(blocking_job& job) noexcept;

    /// Returns: true when the job is done or refused; else `cx` is woken when it is.
    bool poll(blocking_job& job, context& cx) noexcept;
    /// The same without asking for a wake.
    bool is_over(const blocking_job& job) noexcept;
    /// The operation goes: the job is taken out of the queue, or its result is given up.
    void abandon(blocking_job& job) noexcept;

    /// True while an operation waits for a call: from its first poll to the one that finds the call
    /// over. So it changes on the threads of tasks only, and not a moment before or after a wake
    /// arrives.
    bool is_awaited() noexcept;

    /// Refuses queued and later jobs with errc::runtime_shutdown.
    void close() noexcept;
    /// Waits for the end of all threads, at most until `until`. Those that are stuck are left to
    /// themselves. Requires: closed.
    void join(instant until) noexcept;
    /// Adds the calls that run now.
    void list_unfinished(std::vector<unfinished_call>& to);
    blocking_pool_metrics metrics();

    /// The pool that the calling thread belongs to, or null.
    static const thread_pool* of_this_thread() noexcept;

private:
    struct worker : list_node {  // the links: the idle list
        thread_pool* pool = nullptr;
        worker* next = nullptr;  // in all_
        detail::thread thread;
        parker sleeping;
        blocking_job* job = nullptr;  // that it makes; alive while set
        bool abandoned = false;       // nobody will join it
    };

    explicit thread_pool(blocking_limits limits) : limits_(std::move(limits)) {}

    ~thread_pool() = default;

    std::uint64_t count_unfinished_locked() const noexcept;
    bool has_room_locked() const noexcept;
    void queue_locked(blocking_job& job) noexcept;
    bool claim_idle_locked() noexcept;
    std::error_code start_thread_locked() noexcept;
    void end_wait_locked(blocking_job& job) noexcept;
    void refuse_all_locked(std::error_code why, intrusive_list<blocking_job>& refused) noexcept;
    void tell_refused(intrusive_list<blocking_job>& refused) noexcept;
    void run_jobs(worker& me) noexcept;
    void finish(worker& me) noexcept;
    void leave_locked(worker& me) noexcept;

    const blocking_limits limits_;
    mutex lock_;
    intrusive_list<blocking_job> queue_;
    std::size_t queued_ = 0;
    std::size_t awaited_ = 0;
    // All jobs since the start, and those that have left; the rest is queued or runs.
    std::uint64_t submitted_ = 0;
    std::uint64_t completed_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t cancelled_ = 0;
    intrusive_list<worker> idle_;
    worker* all_ = nullptr;  // that have not ended
    unsigned threads_ = 0;
    unsigned coming_ = 0;      // of them: on their way to the queue
    worker* ended_ = nullptr;  // the last one to end, to be joined
    bool closed_ = false;
    parker all_ended_;
    atomic<unsigned> users_{1};
    atomic<unsigned> refs_{1};  // one of all users together, one per thread, the list's
};

}  // namespace edo::detail
