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

multi_thread::multi_thread(runtime_config config) : core(std::move(config)), monitor_(*this) {
    const runtime_config& c = this->config();
    begins_alone_ = c.workers == 1 && (c.blocked_after == duration::zero() || sole_mode::prepare());
    workers_.resize(c.workers + c.max_blocking_threads);
    dormant_.reserve(c.max_blocking_threads);
    failed_.reserve(c.max_blocking_threads);
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
    if (!failed) failed = made->monitor_.start();
    if (failed) {
        made->end(nullptr, duration::max());
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
    if (const std::error_code failed = start_locked(*workers_[index])) {
        workers_[index].reset();
        return failed;
    }
    count_.store(index + 1, release);  // A
    return {};
}

std::error_code multi_thread::start_locked(worker& fresh) noexcept {
    const thread_options options{config().thread_name.c_str(), config().stack_bytes,
                                 cores_.empty() ? -1 : cores_[fresh.index() % cores_.size()]};
    add_ref();  // the thread's
    const std::error_code failed = fresh.thread.start(
        options, [](void* self) noexcept { static_cast<worker*>(self)->run(); }, &fresh);
    if (failed) {
        release_ref();
        return failed.value() == EINVAL ? build_errc::bad_stack_size : build_errc::no_thread;
    }
    ++present_;
    ++running_;
    return {};
}

// Returns: false when there is none that failed before, or it has not ended yet.
bool multi_thread::restart_spare_locked() noexcept {
    if (failed_.empty() || !failed_.back()->has_ended) return false;
    worker& again = *failed_.back();
    if (again.thread.is_joinable()) again.thread.join();  // has given this lock back for good
    again.renew();
    if (start_locked(again)) {
        again.has_ended = true;
        return false;
    }
    failed_.pop_back();
    return true;
}

void multi_thread::worker_opened(worker& who, std::error_code failed) noexcept {
    mutex_lock guard(lock_);
    ++opened_;
    if (failed && !open_error_) open_error_ = failed;
    if (failed) --present_;
    if (failed && who.is_spare()) {
        // A spare that does not take its place.
        failed_.push_back(&who);
        if (excess_.load(relaxed) != 0) {   // written under the lock
            excess_.fetch_sub(1, relaxed);  // as above
        } else {
            ++missing_;
        }
    }
    progress_.unpark();
}

bool multi_thread::may_leave(worker& who) noexcept {
    const bool has_tasks = who.has_pinned_tasks();
    {
        mutex_lock guard(lock_);
        const bool is_last = present_ == 1;
        if (has_tasks || (is_last && !tasks.have_all_ended())) {
            who.waits_for_tasks = true;
            progress_.unpark();
            return false;
        }
        --present_;
        if (!is_last) return true;
    }
    inject_.close();
    batch_.close();
    return true;
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
    add_ref();  // the task may end at once, and the runtime with it
    if (inject_.push(task)) notify_one();
    release_ref();
}

scheduler& multi_thread::place(const placement& wanted, std::source_location site) noexcept {
    const bool is_anywhere = wanted.worker == placement::any_worker;
    if (is_anywhere && !config().per_core)
        return wanted.priority == priority::batch ? static_cast<scheduler&>(batch_) : *this;
    execution* const exec = current_execution();
    worker* const here = exec != nullptr && exec->scheduler == this ? &worker::of(*exec) : nullptr;
    if (here != nullptr && (is_anywhere || wanted.worker == placement::this_worker))
        return here->pinned(wanted.priority);
    if (is_anywhere) {
        const unsigned next = next_place_.fetch_add(1, relaxed);  // see next_place_
        return worker_at(next % config().workers).pinned(wanted.priority);
    }
    if (wanted.worker == placement::this_worker)
        fail(
            "a task that is to stay on the worker that spawns it was spawned on a thread that is "
            "none; name the worker, with spawn_options::worker()",
            site);
    if (wanted.worker >= config().workers)
        fail(
            "spawn_options::worker(): the runtime has no worker of that number; "
            "runtime_info::workers says how many there are",
            site);
    return worker_at(wanted.worker).pinned(wanted.priority);
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
    if (!inject_.is_empty() || !batch_.is_empty()) return true;
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
    about.blocked_polls = monitor_.blocked_polls();
    about.rescue_failures = monitor_.failures();
    mutex_lock guard(lock_);
    about.active_workers = worker_count() - static_cast<unsigned>(dormant_.size() + failed_.size());
    return about;
}

runtime_metrics multi_thread::metrics() {
    runtime_metrics picture;
    std::vector<const execution*> ran;
    const unsigned count = worker_count();
    picture.workers.reserve(count);
    ran.reserve(count);
    for (unsigned i = 0; i < count; ++i) {
        ran.push_back(&workers_[i]->running());
        picture.workers.push_back(workers_[i]->metrics());
    }
    count_common(picture, ran);
    picture.inject_queued = inject_.size();
    picture.batch_queued = batch_.size();
    picture.injected = inject_.pushed();
    picture.blocked_polls = monitor_.blocked_polls();
    mutex_lock guard(lock_);
    picture.substitutions = substitutions_;
    return picture;
}

void multi_thread::run_in_place(blocking_job& job) noexcept {
    worker::of(*current_execution()).run_in_place(job);
}

bool multi_thread::begin_substitution(worker& absent, substitution wanted_by) noexcept {
    if (config().per_core) return true;  // there is nothing that a spare may do
    mutex_lock guard(lock_);
    bool has_spare = true;
    if (absent.substituted_for == 0) {
        has_spare = activate_spare_locked();
        if (!has_spare && wanted_by == substitution::monitor) return false;  // it comes again
        if (!has_spare) ++missing_;
        ++substitutions_;
    }
    absent.substituted_for |= static_cast<unsigned>(wanted_by);
    return has_spare;
}

bool multi_thread::activate_spare_locked() noexcept {
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
    return restart_spare_locked() || !add_worker_locked(true);
}

bool multi_thread::end_substitution(worker& absent, substitution wanted_by) noexcept {
    if (config().per_core) return false;
    mutex_lock guard(lock_);
    if (absent.substituted_for != static_cast<unsigned>(wanted_by)) {
        absent.substituted_for &= ~static_cast<unsigned>(wanted_by);
        return false;
    }
    absent.substituted_for = 0;
    if (missing_ != 0) {
        --missing_;
    } else {
        excess_.fetch_add(1, relaxed);  // may_retire() looks again under the lock
    }
    return true;
}

bool multi_thread::replace_missing() noexcept {
    mutex_lock guard(lock_);
    if (missing_ == 0) return false;
    while (missing_ != 0 && activate_spare_locked())
        --missing_;
    return true;
}

void multi_thread::wake_spares() noexcept {
    const unsigned count = worker_count();
    for (unsigned i = config().workers; i < count; ++i)
        if (worker_at(i).is_active.load(relaxed))
            worker_at(i).driver().wake();  // a needless wake is no harm
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
    if (!is_shutting_down()) return;
    if (tasks.have_all_ended()) progress_.unpark();
}

void multi_thread::wake_all() noexcept {
    const unsigned count = worker_count();
    for (unsigned i = 0; i < count; ++i)
        worker_at(i).driver().wake();
}

void multi_thread::shutdown(instant until) noexcept {
    const auto left = [until] {
        if (until == instant::max()) return duration::max();
        return std::max(until - monotonic_clock::read(), duration::zero());
    };
    refuse_tasks();
    shutting_down_.store(true, release);  // D
    wake_all();
    while (!tasks.have_all_ended() && left() != duration::zero())
        progress_.park(left());
    cancel_all_tasks();

    pools().close();
    monitor_.stop();                 // before any worker closes its driver
    stopping_.store(true, release);  // X
    wake_all();
    await_workers(until);
    join_workers();
}

// Until all have ended, or `until` has passed and none is on its way out any more: those that are
// in user code, and the one that waits for their tasks, may need for ever. A poll that is just
// ending looks like user code too, so all get a little longer than the limit.
void multi_thread::await_workers(instant until) noexcept {
    constexpr duration grace = std::chrono::milliseconds(20);
    const instant grace_ends = saturating_add(std::max(until, monotonic_clock::read()), grace);
    // A worker on its way out may still enter user code, and tells nobody: look again soon.
    constexpr duration moment = std::chrono::milliseconds(1);
    for (;;) {
        const duration left =
            until == instant::max() ? duration::max() : until - monotonic_clock::read();
        const bool is_late = left <= duration::zero();
        {
            mutex_lock guard(lock_);
            if (running_ == 0) return;
            if (is_late && monotonic_clock::read() >= grace_ends && !is_any_leaving_locked())
                return;
        }
        progress_.park(is_late ? moment : left);
    }
}

bool multi_thread::is_any_leaving_locked() const noexcept {
    for (unsigned i = 0; i < worker_count(); ++i) {
        const worker& w = *workers_[i];
        if (!w.has_ended && !w.waits_for_tasks && !w.is_in_user_code()) return true;
    }
    return false;
}

// Those that have not ended are left to themselves.
void multi_thread::join_workers() noexcept {
    const unsigned count = worker_count();
    for (unsigned i = 0; i < count; ++i) {
        worker& w = worker_at(i);
        {
            mutex_lock guard(lock_);
            if (!w.has_ended) {
                w.thread.detach();
                continue;
            }
        }
        if (w.thread.is_joinable()) w.thread.join();
    }
}

unsigned multi_thread::stuck_workers() noexcept {
    mutex_lock guard(lock_);
    unsigned stuck = 0;
    for (unsigned i = 0; i < worker_count(); ++i)
        if (!workers_[i]->has_ended && workers_[i]->is_in_user_code()) ++stuck;
    return stuck;
}

}  // namespace edo::detail
