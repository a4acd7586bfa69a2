#include <edo/runtime/scheduler/current_thread.h>

#include <algorithm>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include <edo/base/check.h>
#include <edo/task/state/header.h>

namespace edo::detail {
namespace {

// Its address tells threads apart.
constinit thread_local char mark_of_this_thread = 0;

/// Makes `exec` the calling thread's execution for a scope. That may lie inside of a poll: of a
/// task of another runtime, or of this one in block_in_place().
class entered {
public:
    explicit entered(execution& exec) noexcept : outer_(current_execution()), poll_(exec) {
        set_current_execution(&exec);
    }

    entered(const entered&) = delete;
    entered& operator=(const entered&) = delete;

    ~entered() { set_current_execution(outer_); }

private:
    execution* outer_;
    interrupted poll_;
};

// A virtual clock starts at a round instant that is far from zero, so that "an hour ago" is a time
// too.
constexpr instant virtual_start{std::chrono::hours(24 * 365)};

}  // namespace

current_thread::current_thread(runtime_config config)
    : core(std::move(config)),
      choices_(this->config().seed),
      spin_(this->config().busy_poll),
      thread_mark_(&mark_of_this_thread) {
    virtual_now_ = virtual_start;
    exec_.self = this;
    exec_.scheduler = this;
    exec_.spawns_into = this;
    exec_.choices = &choices_;
    exec_.hooks = tasks.hooks;
    exec_.now = time();
    exec_.read_clock = [](const execution& exec) noexcept {
        return static_cast<const own_execution&>(exec).self->time();
    };
}

result<current_thread*> current_thread::create(runtime_config config) {
    auto* made = new current_thread(std::move(config));
    std::error_code failed;
    try {
        failed = made->driver_.open(made->config().reactor, made->exec_).error();
    } catch (const std::bad_alloc&) {
        failed = make_error_code(std::errc::not_enough_memory);
    }
    if (failed) {
        made->end(nullptr, duration::max());
        made->release_ref();
        return failed;
    }
    return made;
}

void current_thread::check_thread(const char* what) const noexcept {
    if (thread_mark_ == &mark_of_this_thread) return;
    const std::string message = std::string(what) + " of " + name() +
                                " was called on another thread than the one that built it, where "
                                "its tasks run; only spawn() may "
                                "come from other threads";
    fail(message.c_str(), config().built_at);
}

void current_thread::schedule(task_header& task) noexcept {
    if (current_execution() == &exec_) {
        counts_.sampled.note_queued(task);
        return push(task);
    }
    add_ref();  // the task may end at once, and the runtime with it
    if (inject_.push(task)) driver_.wake();
    release_ref();
}

void current_thread::push(task_header& task) noexcept {
    (is_batch(task) ? batch_queue_ : queue_).push_back(task);
}

void current_thread::take_injected() noexcept {
    task_list taken;
    inject_.take(tuning::inject_batch, taken);
    while (task_header* const task = taken.pop_front())
        push(*task);
}

scheduler& current_thread::place(const placement& wanted, std::source_location site) noexcept {
    // The thread may be in a poll or between two.
    if (wanted.worker == placement::this_worker && thread_mark_ != &mark_of_this_thread)
        fail(
            "a task that is to stay on the thread that spawns it was spawned into a current-thread "
            "runtime by another thread; leave that out: its tasks run on one thread anyway",
            site);
    if (wanted.worker < placement::this_worker && wanted.worker != 0)
        fail("spawn_options::worker(): a current-thread runtime has worker 0 only", site);
    if (wanted.priority == priority::batch) return batch_;
    return *this;
}

void current_thread::wait_for(thread_waiter& waiter) noexcept {
    check_thread("block_on");
    run_until(instant::max(), [&] { return waiter.is_woken(); });
}

std::size_t current_thread::poll_for(duration limit) noexcept {
    check_thread("poll_for");
    if (has_ended()) return 0;
    const std::uint64_t before = polls_;
    const entered scope(exec_);
    const instant until = saturating_add(time(), limit);
    counts_.begin_work(time());
    visits_.begin(time(), polls_);
    // However short the limit is: the sockets are looked at, and what is ready now has its turn.
    visit_driver();
    while (!inject_.is_empty())
        take_injected();
    run_ready(queue_.size() + batch_queue_.size());
    while (time() < until) {
        if (!has_work()) {
            if (tasks.have_all_ended()) break;
            wait(until);
        }
        // Also after the last wait, for what it was that ended it.
        visit_driver();
        run_ready(config().event_interval);
    }
    counts_.note_work(time());
    return static_cast<std::size_t>(polls_ - before);
}

void current_thread::run_ready(std::size_t most) noexcept {
    for (; most > 0; --most) {
        if (polls_until_visit_ == 0) visit_driver();
        task_header* const task = next_task();
        if (task == nullptr) return;
        run_next(*task);
    }
}

template <class Done>
void current_thread::run_until(instant until, Done done) noexcept {
    const entered scope(exec_);
    exec_.now = time();
    counts_.begin_work(exec_.now);
    visits_.begin(exec_.now, polls_);
    while (!done()) {
        if (polls_until_visit_ == 0) visit_driver();
        if (task_header* const task = next_task()) {
            run_next(*task);
        } else {
            wait(until);
        }
    }
    counts_.note_work(time());
}

task_header* current_thread::next_task() noexcept {
    // Other threads' tasks come behind the own ones, each batch once per visit or when there is
    // nothing else.
    if (queue_.is_empty()) take_injected();
    if (queue_.is_empty() || std::exchange(batch_is_due_, false)) {
        if (task_header* const task = batch_queue_.pop_front()) return task;
    }
    return queue_.pop_front();
}

[[gnu::always_inline]] inline poll_end current_thread::run_task(task_header& task) noexcept {
    ++polls_;
    counted_polls_.add();
    if (polls_until_visit_ > 0) --polls_until_visit_;
    const bool is_measured = counts_.sampled.concern(task);
    if (is_measured) [[unlikely]]
        counts_.sampled.begin_turn(task);
    const poll_end how = task.run_started(exec_);
    if (is_measured) [[unlikely]]
        counts_.sampled.end_turn();
    return how;
}

[[gnu::always_inline]] inline void current_thread::take_turn(task_header& task) noexcept {
    const bool measures = is_batch(task);  // it may be gone afterwards
    const instant began = measures ? time() : instant{};
    switch (run_task(task)) {
        case poll_end::waits:
        case poll_end::gone:
            break;
        case poll_end::requeue:
            push(task);
            break;
        case poll_end::yielded:
            // Before it runs again everybody else had a turn, the driver included.
            polls_until_visit_ = std::min(polls_until_visit_, static_cast<unsigned>(queue_.size()));
            push(task);
            break;
    }
    if (!measures) return;
    // Others come first after it, those that sockets and timers wake too.
    batch_turns_.note_turn(began, time());
    polls_until_visit_ = 0;
}

void current_thread::run_next(task_header& task) noexcept {
    if (task.start()) take_turn(task);
}

void current_thread::visit_driver() noexcept {
    exec_.now = time();
    polls_until_visit_ = visits_.next(exec_.now, polls_, config().event_interval);
    batch_is_due_ = batch_turns_.is_due(exec_.now);
    take_injected();
    // A real clock also keeps short polls from asking the kernel all the time.
    if (config().paused || exec_.now - last_visit_ >= tuning::driver_gap) {
        last_visit_ = exec_.now;
        driver_.take_events();
    }
    fire_timers();
    counts_.note_work(exec_.now);
    counts_.sampled.renew(exec_.now);
    queued_.store(queue_.size() + batch_queue_.size(), relaxed);  // see queued_
}

// Visits come more often than a thousand tasks are polled. Were a batch of timers fired in each of
// them, all would be in the queue soon, and whoever a socket wakes would wait behind all of them.
void current_thread::fire_timers() noexcept {
    if (polls_ < timers_wait_until_ && exec_.now < timers_wait_at_most_ && !queue_.is_empty())
        return;
    driver_.advance(exec_.now);
    if (driver_.wheel().next_deadline() <= exec_.now) timers_wait_until_ = polls_ + queue_.size();
    timers_wait_at_most_ = exec_.now + tuning::timer_gap;
}

void current_thread::wait(instant until) noexcept {
    if (config().paused) return wait_in_virtual_time(until);
    const instant before = time();
    counts_.note_work(before);
    queued_.store(0, relaxed);  // see queued_
    if (!spin(until)) {
        const worker_hooks& hooks = config().worker_hooks;
        call_hook(hooks.before_park, hooks, 0);
        if (has_work()) return;
        counts_.parks.add();
        driver_.park(until);
        call_hook(hooks.after_park, hooks, 0);
        polls_until_visit_ = config().event_interval;
    }
    exec_.now = last_visit_ = time();
    visits_.begin(exec_.now, polls_);
    counts_.begin_work(exec_.now);
    counts_.sampled.renew(exec_.now);
    fire_timers();
    spin_.note_wait(exec_.now - before, exec_.now, static_cast<std::uint32_t>(polls_));
}

// Time stands still while anything can happen without it: a task, an event, a blocking call.
void current_thread::wait_in_virtual_time(instant until) noexcept {
    driver_.poll(exec_.now);
    if (has_work()) return;
    const instant next = std::min(until, driver_.wheel().exact_next_deadline());
    if (pools().is_awaited() || next == instant::max()) {
        driver_.park_without_timers();
        return;
    }
    exec_.now = virtual_now_ = std::max(virtual_now_, next);
    counts_.begin_work(exec_.now);  // nothing was done in that time
    visits_.begin(exec_.now, polls_);
    fire_timers();
}

// Returns: true when there is something to do.
bool current_thread::spin(instant until) noexcept {
    const duration limit = spin_.limit();
    if (limit == duration::zero()) return false;
    const instant start = time();
    const instant end =
        std::min({saturating_add(start, limit), until, driver_.wheel().next_deadline()});
    for (instant at = start; at < end; at = time()) {
        driver_.poll(at);
        if (has_work()) return true;
        spin_hint();
    }
    return has_work();
}

void current_thread::run_in_place(blocking_job& job) noexcept {
    run_here(job);  // there is no other worker that could go on meanwhile
}

runtime_info current_thread::info() const {
    runtime_info about;
    about.name = config().name;
    about.workers = 1;
    about.reactor = driver_.kind();
    about.why = driver_.why();
    return about;
}

runtime_metrics current_thread::metrics() {
    runtime_metrics picture;
    const execution* const ran[] = {&exec_};
    count_common(picture, ran);
    picture.workers.push_back(counts_.read(exec_, driver_));
    picture.workers.front().polls = counted_polls_.get();
    picture.workers.front().queued = queued_.load(relaxed);  // see queued_
    picture.inject_queued = inject_.size();
    picture.injected = inject_.pushed();
    return picture;
}

// Where they are; and asks those to end that are queued.
void current_thread::drop_waiting_tasks() noexcept {
    const entered scope(exec_);
    exec_.now = time();
    counts_.begin_work(exec_.now);
    for (registry_walk walk(nullptr); !walk.is_over();)
        if (task_header* const task = tasks.end_next(walk).to_drop) take_turn(*task);
    counts_.note_work(time());
}

void current_thread::shutdown(instant until) noexcept {
    check_thread("shutdown");
    refuse_tasks();
    drop_waiting_tasks();
    if (!tasks.have_all_ended()) {
        // A paused clock knows no real deadline; there nothing can be late but a destructor.
        run_until(config().paused ? instant::max() : until, [&] {
            if (has_work()) return false;
            return tasks.have_all_ended() || monotonic_clock::read() >= until;
        });
    }
    cancel_all_tasks();
    const entered scope(exec_);
    pools().close();
    driver_.shutdown();
    // Entries of tasks that were destroyed elsewhere in the meantime.
    while (task_header* const task = next_task())
        run_next(*task);
    if (tasks.have_all_ended()) inject_.close();
    // Here and not with the last reference, which may go on any thread: a ring belongs to this one.
    // Sockets and timers that are left know the home and the gate, which outlive both.
    driver_.close();
}

}  // namespace edo::detail
