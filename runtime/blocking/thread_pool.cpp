#include <edo/runtime/blocking/thread_pool.h>

#include <cstddef>
#include <new>
#include <utility>

#include <edo/base/error.h>
#include <edo/task/context.h>

namespace edo::detail {
namespace {
constinit thread_local const thread_pool* pool_of_this_thread = nullptr;
}  // namespace

const thread_pool* thread_pool::of_this_thread() noexcept {
    return pool_of_this_thread;
}

bool thread_pool::submit(blocking_job& job, bool may_refuse) noexcept {
    intrusive_list<blocking_job> refused;
    {
        mutex_lock guard(lock_);
        if (may_refuse && !closed_ && !has_room_locked()) {
            ++submitted_;
            ++refused_;
            return false;
        }
        queue_locked(job);
        job.is_awaited = true;
        ++awaited_;
        if (closed_) {
            refuse_all_locked(make_error_code(errc::runtime_shutdown), refused);
        } else if (!claim_idle_locked() && threads_ < limits_.threads) {
            // Without a thread the jobs wait for one that is busy now. If there is none, nobody
            // would ever come.
            const std::error_code failed = start_thread_locked();
            if (failed && threads_ == 0) refuse_all_locked(failed, refused);
        }
    }
    tell_refused(refused);
    return true;
}

std::uint64_t thread_pool::count_unfinished_locked() const noexcept {
    return submitted_ - completed_ - refused_ - cancelled_;
}

// Jobs that a thread will take at once do not wait: one for each that there is or may be, and that
// runs none.
bool thread_pool::has_room_locked() const noexcept {
    const std::uint64_t jobs = count_unfinished_locked();
    return jobs < limits_.threads || jobs - limits_.threads < limits_.queue;
}

bool thread_pool::submit_if_free(blocking_job& job) noexcept {
    mutex_lock guard(lock_);
    if (closed_ || queued_ > coming_) return false;
    if (!claim_idle_locked() && (threads_ >= limits_.threads || start_thread_locked()))
        return false;
    queue_locked(job);
    return true;
}

bool thread_pool::claim_idle_locked() noexcept {
    worker* const free = idle_.pop_front();
    if (free == nullptr) return false;
    ++coming_;
    free->sleeping.unpark();  // it lives: it leaves under the lock only
    return true;
}

void thread_pool::queue_locked(blocking_job& job) noexcept {
    job.add_ref();
    job.state = blocking_job::state_kind::queued;
    queue_.push_back(job);
    ++queued_;
    ++submitted_;
}

// The new thread begins by taking the lock, so it finds everything as this function leaves it.
std::error_code thread_pool::start_thread_locked() noexcept {
    auto* fresh = new (std::nothrow) worker;
    if (fresh == nullptr) return make_error_code(std::errc::not_enough_memory);
    fresh->pool = this;
    const thread_options options{limits_.thread_name.c_str(), limits_.stack_bytes, -1};
    const std::error_code failed = fresh->thread.start(
        options,
        [](void* me) noexcept {
            static_cast<worker*>(me)->pool->run_jobs(*static_cast<worker*>(me));
        },
        fresh);
    if (failed) {
        delete fresh;
        return failed;
    }
    refs_.fetch_add(1, relaxed);  // who adds one holds one
    fresh->next = std::exchange(all_, fresh);
    ++threads_;
    ++coming_;
    return {};
}

void thread_pool::run_jobs(worker& me) noexcept {
    pool_of_this_thread = this;
    lock_.lock();
    --coming_;
    for (;;) {
        while (blocking_job* job = queue_.pop_front()) {
            --queued_;
            job->state = blocking_job::state_kind::running;
            me.job = job;
            lock_.unlock();
            job->run();
            finish(me);
            lock_.lock();
        }
        if (closed_) break;
        idle_.push_back(me);
        lock_.unlock();
        me.sleeping.park(limits_.keep_alive);
        lock_.lock();
        if (!me.is_linked()) {  // claimed: there is, or was, a job
            --coming_;
            continue;
        }
        me.unlink();
        if (queue_.is_empty()) break;
    }
    leave_locked(me);
}

void thread_pool::finish(worker& me) noexcept {
    waker waiting;
    blocking_job& job = *me.job;
    {
        mutex_lock guard(lock_);
        me.job = nullptr;  // join() may look at it as long as the lock is free
        job.state = blocking_job::state_kind::done;
        ++completed_;
        waiting = std::exchange(job.waiting, waker{});
        if (job.told != nullptr) job.told(job.told_to);
    }
    std::move(waiting).wake();
    job.release_ref();
}

// The last steps of a thread. It has held the lock since it found nothing to do, so that no
// submitter counts on it in between; it gives the lock back. Whoever ends next joins it; nobody
// waits for a thread that still works.
void thread_pool::leave_locked(worker& me) noexcept {
    worker** at = &all_;
    while (*at != &me)
        at = &(*at)->next;
    *at = me.next;
    const bool abandoned = me.abandoned;
    worker* const before = abandoned ? nullptr : std::exchange(ended_, &me);
    --threads_;
    if (threads_ == 0 && closed_) all_ended_.unpark();
    lock_.unlock();
    if (before != nullptr) {
        before->thread.join();
        delete before;
    }
    if (abandoned) delete &me;
    pool_of_this_thread = nullptr;
    release_ref();
}

namespace {
bool has_ended(const blocking_job& job) noexcept {
    return job.state == blocking_job::state_kind::done ||
           job.state == blocking_job::state_kind::refused;
}
}  // namespace

bool thread_pool::is_over(const blocking_job& job) noexcept {
    mutex_lock guard(lock_);
    return has_ended(job);
}

bool thread_pool::poll(blocking_job& job, context& cx) noexcept {
    waker replaced;  // dropped without the lock
    mutex_lock guard(lock_);
    if (has_ended(job)) {
        end_wait_locked(job);
        return true;
    }
    if (!job.waiting.wakes(cx)) replaced = std::exchange(job.waiting, cx.waker());
    return false;
}

void thread_pool::end_wait_locked(blocking_job& job) noexcept {
    if (std::exchange(job.is_awaited, false)) --awaited_;
}

bool thread_pool::is_awaited() noexcept {
    mutex_lock guard(lock_);
    return awaited_ != 0;
}

void thread_pool::abandon(blocking_job& job) noexcept {
    waker waiting;
    bool was_queued = false;
    {
        mutex_lock guard(lock_);
        waiting = std::exchange(job.waiting, waker{});
        end_wait_locked(job);
        if (job.state == blocking_job::state_kind::queued) {
            queue_.remove(job);
            --queued_;
            ++cancelled_;
            job.state = blocking_job::state_kind::refused;
            was_queued = true;
        }
    }
    if (was_queued) job.release_ref();  // the pool's
}

void thread_pool::refuse_all_locked(std::error_code why,
                                    intrusive_list<blocking_job>& refused) noexcept {
    for (blocking_job* job = queue_.front(); job != nullptr; job = queue_.after(*job)) {
        job->state = blocking_job::state_kind::refused;
        job->refusal = why;
        if (job->told != nullptr) job->told(job->told_to);
    }
    refused.append(queue_);
    refused_ += queued_;
    queued_ = 0;
}

void thread_pool::tell_refused(intrusive_list<blocking_job>& refused) noexcept {
    while (blocking_job* job = refused.pop_front()) {
        waker waiting;
        {
            mutex_lock guard(lock_);
            waiting = std::exchange(job->waiting, waker{});
        }
        std::move(waiting).wake();
        job->release_ref();
    }
}

void thread_pool::close() noexcept {
    intrusive_list<blocking_job> refused;
    {
        mutex_lock guard(lock_);
        closed_ = true;
        refuse_all_locked(make_error_code(errc::runtime_shutdown), refused);
        while (claim_idle_locked()) {
        }
    }
    tell_refused(refused);
}

void thread_pool::join(instant until) noexcept {
    for (;;) {
        const duration left =
            until == instant::max() ? duration::max() : until - monotonic_clock::read();
        mutex_lock guard(lock_);
        if (threads_ == 0) break;
        if (left <= duration::zero()) {
            for (worker* w = all_; w != nullptr; w = w->next) {
                if (w->abandoned) continue;
                w->abandoned = true;
                w->thread.detach();
            }
            break;
        }
        guard.unlock();
        all_ended_.park(left);
    }
    worker* last = nullptr;
    {
        mutex_lock guard(lock_);
        last = std::exchange(ended_, nullptr);
    }
    if (last != nullptr) {
        last->thread.join();
        delete last;
    }
}

void thread_pool::list_unfinished(std::vector<unfinished_call>& to) {
    mutex_lock guard(lock_);
    for (const worker* w = all_; w != nullptr; w = w->next)
        if (w->job != nullptr) to.emplace_back(w->job->called_at, limits_.pool_name);
}

blocking_pool_metrics thread_pool::metrics() {
    blocking_pool_metrics seen;
    seen.name = limits_.pool_name;
    seen.max_threads = limits_.threads;
    mutex_lock guard(lock_);
    seen.queued = queued_;
    seen.running = static_cast<std::size_t>(count_unfinished_locked()) - queued_;
    seen.threads = threads_;
    seen.idle_threads = threads_ - coming_ - static_cast<unsigned>(seen.running);
    seen.submitted = submitted_;
    seen.completed = completed_;
    seen.refused = refused_;
    seen.cancelled = cancelled_;
    return seen;
}

}  // namespace edo::detail
