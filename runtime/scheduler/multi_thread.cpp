#include <edo/runtime/scheduler/multi_thread.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include <edo/base/check.h>
#include <edo/runtime/builder.h>
#include <edo/runtime/scheduler/usable_cores.h>
#include <edo/task/state/header.h>

namespace edo::detail {

multi_thread::multi_thread(runtime_config config) : core(std::move(config)) {
    const runtime_config& c = this->config();
    workers_.resize(c.workers + c.max_blocking_threads);
    dormant_.reserve(c.max_blocking_threads);
    if (c.pin_workers) cores_ = usable_cores();
    idle_.set_worker_count(c.workers);
}

result<multi_thread*> multi_thread::create(runtime_config config) {
    auto* const made = new multi_thread(std::move(config));
    std::error_code failed;
    unsigned started = 0;
    {
        mutex_lock guard(made->lock_);
        while (started < made->config().workers && !failed) {
            failed = made->add_worker_locked(false);
            if (!failed) ++started;
        }
    }
    for (;;) {
        mutex_lock guard(made->lock_);
        if (made->opened_ == started) {
            if (!failed) failed = made->open_error_;
            break;
        }
        guard.unlock();
        made->progress_.park();
    }
    if (failed) {
        static_cast<void>(made->end("build()", duration::max()));
        made->release_ref();
        return failed;
    }
    return made;
}

std::error_code multi_thread::add_worker_locked(bool is_spare) noexcept {
    const unsigned index = count_.load(relaxed);  // written under the lock
    if (index == workers_.size()) return build_errc::too_many_workers;
    workers_[index].reset(new (std::nothrow) worker(*this, index, is_spare));
    if (workers_[index] == nullptr) return build_errc::no_memory;
    worker& fresh = *workers_[index];
    const thread_options options{config().thread_name.c_str(), config().stack_bytes,
                                 cores_.empty() ? -1 : cores_[index % cores_.size()]};
    add_ref();  // the thread's
    const std::error_code failed = fresh.thread.start(
        options, [](void* self) noexcept { static_cast<worker*>(self)->run(); }, &fresh);
    if (failed) {
        workers_[index].reset();
        release_ref();
        return failed.value() == EINVAL ? build_errc::bad_stack_size : build_errc::no_thread;
    }
    ++running_;
    count_.store(index + 1, release);  // A
    return {};
}

void multi_thread::worker_opened(worker& who, std::error_code failed) noexcept {
    mutex_lock guard(lock_);
    ++opened_;
    if (failed && !open_error_) open_error_ = failed;
    if (failed && who.is_spare()) {
        // A spare that will never take its place.
        if (excess_.load(relaxed) != 0) {   // written under the lock
            excess_.fetch_sub(1, relaxed);  // as above
        } else {
            ++missing_;
        }
    }
    progress_.unpark();
}

void multi_thread::worker_ended(worker& who) noexcept {
    {
        mutex_lock guard(lock_);
        who.has_ended = true;
        --running_;
        progress_.unpark();
    }
    release_ref();
}

void multi_thread::schedule(task_header& task) noexcept {
    execution* const exec = current_execution();
    if (exec != nullptr && exec->scheduler == this) {
        worker::of(*exec).schedule(task);
        return;
    }
    inject_.push(task);
    notify_one();
}

void multi_thread::schedule_behind(task_header& task) noexcept {
    execution* const exec = current_execution();
    if (exec == nullptr || exec->scheduler != this) return schedule(task);
    worker::of(*exec).schedule_behind(task);
}

bool multi_thread::run_new_task(task_header& task, execution& exec) noexcept {
    return exec.scheduler == this && worker::of(exec).run_new_task(task);
}

void multi_thread::notify_one() noexcept {
    if (sleeper* const chosen = idle_.wake_one(); chosen != nullptr)
        static_cast<worker*>(chosen)->driver().wake();
}

bool multi_thread::has_work() noexcept {
    if (!inject_.is_empty()) return true;
    const unsigned count = worker_count();
    for (unsigned i = 0; i < count; ++i)
        if (!worker_at(i).queue().is_empty()) return true;
    return false;
}

void multi_thread::wait_for(thread_waiter& waiter) noexcept {
    waiter.park();
}

runtime_info multi_thread::info() const {
    runtime_info about;
    about.name = config().name;
    about.workers = config().workers;
    about.reactor = workers_.front()->driver().kind();
    about.why = workers_.front()->driver().why();
    return about;
}

void multi_thread::run_in_place(blocking_job& job) noexcept {
    worker::of(*current_execution()).run_in_place(job);
}

bool multi_thread::begin_substitution() noexcept {
    mutex_lock guard(lock_);
    if (stopping_.load(relaxed)) return false;  // only saves a thread
    if (excess_.load(relaxed) != 0) {           // written under the lock
        excess_.fetch_sub(1, relaxed);          // as above
        return true;
    }
    if (!dormant_.empty()) {
        worker& spare = *dormant_.back();
        dormant_.pop_back();
        spare.is_active.store(true, release);  // pairs with retire()
        spare.driver().wake();
        return true;
    }
    return !add_worker_locked(true);
}

void multi_thread::end_substitution() noexcept {
    mutex_lock guard(lock_);
    if (missing_ != 0) {
        --missing_;
    } else {
        excess_.fetch_add(1, relaxed);  // may_retire() looks again under the lock
    }
}

bool multi_thread::may_retire(worker& spare) noexcept {
    if (excess_.load(relaxed) == 0) return false;  // a spare too many for a moment is no harm
    mutex_lock guard(lock_);
    if (excess_.load(relaxed) == 0) return false;  // written under the lock
    excess_.fetch_sub(1, relaxed);                 // as above
    spare.is_active.store(false, relaxed);         // read by the same thread
    dormant_.push_back(&spare);
    return true;
}

void multi_thread::tell_if_empty() noexcept {
    if (!shutting_down_.load(seq_cst)) return;  // D'
    if (tasks.have_all_ended()) progress_.unpark();
}

void multi_thread::wake_all() noexcept {
    const unsigned count = worker_count();
    for (unsigned i = 0; i < count; ++i)
        worker_at(i).driver().wake();
}

shutdown_report multi_thread::shutdown(duration limit) {
    const instant until = saturating_add(monotonic_clock::read(), limit);
    const auto left = [until] {
        if (until == instant::max()) return duration::max();
        return std::max(until - monotonic_clock::read(), duration::zero());
    };
    shutdown_report report;
    shutting_down_.store(true, seq_cst);  // D
    cancel_all_tasks();
    wake_all();
    while (!tasks.have_all_ended() && left() != duration::zero())
        progress_.park(left());
    if (!tasks.have_all_ended()) {
        report.tasks = dump().tasks;
        cancel_children_too();
    }

    pool().close();
    stopping_.store(true, release);  // X
    wake_all();
    report.stuck_workers = join_workers(until);
    report.blocking_calls = pool().join(until);
    return report;
}

// Returns: how many have not ended; they are left to themselves.
unsigned multi_thread::join_workers(instant until) noexcept {
    for (;;) {
        const duration left =
            until == instant::max() ? duration::max() : until - monotonic_clock::read();
        {
            mutex_lock guard(lock_);
            if (running_ == 0 || left <= duration::zero()) break;
        }
        progress_.park(left);
    }
    unsigned stuck = 0;
    const unsigned count = worker_count();
    for (unsigned i = 0; i < count; ++i) {
        worker& w = worker_at(i);
        bool has_ended = false;
        {
            mutex_lock guard(lock_);
            has_ended = w.has_ended;
            if (!has_ended) w.thread.detach();
        }
        if (has_ended) {
            w.thread.join();
        } else {
            ++stuck;
        }
    }
    return stuck;
}

}  // namespace edo::detail
