#include <edo/runtime/scheduler/worker.h>

#include <algorithm>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/seam/sys.h>
#include <edo/runtime/scheduler/multi_thread.h>
#include <edo/task/state/header.h>

namespace edo::detail {

worker::worker(multi_thread& shared, unsigned index, bool is_spare)
    : is_active(true),
      shared_(shared),
      choices_(shared.config().seed + index),
      victims_(~(shared.config().seed + index)),
      spin_(shared.config().busy_poll),
      sole_(!is_spare && shared.begins_alone()),
      is_spare_(is_spare),
      index_(index),
      walk_(this),
      pinned_(shared, *this),
      pinned_batch_(shared, *this) {
    exec_.self = this;
    exec_.scheduler = &shared;
    exec_.spawns_into = shared.config().per_core ? static_cast<scheduler*>(&pinned_) : &shared;
    exec_.choices = &choices_;
    exec_.hooks = shared.tasks.hooks;
    exec_.now = monotonic_clock::read();
    exec_.read_clock = [](const execution&) noexcept { return monotonic_clock::read(); };
}

void worker::run() noexcept {
    if (open()) {
        appear(presence::kind::awake);
        set_current_execution(&exec_);
        const worker_hooks& hooks = shared_.config().worker_hooks;
        call_hook(hooks.started, hooks, index_);
        work();
        end();
        call_hook(hooks.ended, hooks, index_);
        set_current_execution(nullptr);
    }
    appear(presence::kind::gone);
    shared_.worker_ended(*this);  // the last touch: this object may be gone afterwards
}

bool worker::open() noexcept {
    thread_id_ = sys::gettid();
    std::error_code failed;
    try {
        failed = driver_.open(shared_.config().reactor, exec_).error();
    } catch (const std::bad_alloc&) {
        failed = make_error_code(std::errc::not_enough_memory);
    }
    shared_.worker_opened(*this, failed);
    return !failed;
}

// What the monitor must know before it may sleep.
void worker::appear(presence::kind how) noexcept {
    presence_.appear(how);
    if (how == presence::kind::awake) shared_.monitor().worker_woke();
}

[[gnu::always_inline]] inline void worker::run_task(task_header& task) noexcept {
    if (polls_until_visit_ > 0) --polls_until_visit_;
    polled_.store(task.id, relaxed);  // see polled_
    const poll_end how = task.run_started(exec_);
    if (how == poll_end::waits || how == poll_end::gone) [[likely]]
        return;
    // Before one that yields runs again everybody else had a turn, the driver included.
    if (how == poll_end::yielded)
        polls_until_visit_ = std::min(
            polls_until_visit_, ring_.size() + (slot_.is_empty() ? 0U : 1U) + pinned_.size_here());
    queue_again(task);
}

[[gnu::always_inline]] inline void worker::take_turn(task_header& task) noexcept {
    const std::uint64_t turn = turn_.load(relaxed);  // written by the same thread
    turn_.store(turn + 1, relaxed);                  // see turn_
    if (counts_.sampled.concern(task)) [[unlikely]] {
        take_measured_turn(task);
    } else {
        run_task(task);
    }
    turn_.store(turn + 2, relaxed);  // see turn_
}

// Whatever this poll does, and if it never returns: what is left in the ring is not forgotten.
[[gnu::always_inline]] inline void worker::run_found(task_header& task) noexcept {
    if (searching_) found_work();
    if (!ring_.is_empty()) shared_.notify_one();
    take_turn(task);
}

// Every wait is followed by a look at is_shutting_down(), and by drop_tasks() at is_stopping(): the
// wake that ended it may have been for that. A poll may have waited too (run_in_place).
void worker::work() noexcept {
    counts_.begin_work(exec_.now);
    visits_.begin(exec_.now, 0);
    while (!shared_.is_shutting_down()) {
        if (polls_until_visit_ == 0) {
            visit_others();
            continue;
        }
        task_header* task = take_woken();
        if (task == nullptr) task = next_task();
        if (task == nullptr) task = search();
        if (task == nullptr) {
            if (!has_batch_work() || !run_batch_task()) wait();
            continue;
        }
        if (task->start()) run_found(*task);
    }
    drop_tasks();
}

namespace {

// The children of a group end with it, in the order it has chosen.
void drop_at_poll(task_header& task) noexcept {
    if (task.group != nullptr) return;
    const bool is_queued_twice = task.state.request_cancel();
    EDO_CHECK(!is_queued_twice, "a task was in a queue without being queued");
}

}  // namespace

// The runtime shuts down: what waits is dropped where it is, by the first worker that comes by, and
// what is queued in the place of its poll. They take turns. Nothing that may have waited, as visits
// and destructors may, lies between a look at is_stopping() and the wait.
void worker::drop_tasks() noexcept {
    bool is_turn_of_queued = false;
    while (!shared_.is_stopping()) {
        if (polls_until_visit_ == 0) {
            visit_others();
            continue;
        }
        is_turn_of_queued = !is_turn_of_queued;
        if (!is_turn_of_queued && drop_waiting_tasks()) continue;
        task_header* task = next_task();
        if (task == nullptr && !walk_.is_over()) continue;
        if (task == nullptr) task = search();
        if (task == nullptr) {
            if (!has_batch_work() || !run_batch_task()) wait();
            continue;
        }
        drop_at_poll(*task);
        if (task->start()) run_found(*task);
    }
}

// Some of those that wait, until the driver is to have its turn. One after the other: who is held
// up by a destructor keeps no other task from being dropped.
// Returns: false when there was none.
bool worker::drop_waiting_tasks() noexcept {
    if (walk_.is_over()) return false;
    while (polls_until_visit_ > 0 && !walk_.is_over()) {
        const registry::step passed = shared_.tasks.end_next(walk_);
        if (passed.to_drop != nullptr) {
            run_found(*passed.to_drop);
            continue;
        }
        --polls_until_visit_;
        if (passed.to_queue != nullptr) passed.to_queue->owner().schedule(*passed.to_queue);
    }
    return true;
}

// Comes when no task is left; or after the limit of the shutdown, and then perhaps late, from a
// poll that did not return for long. What can still be dropped is dropped.
void worker::end() noexcept {
    run_queued_tasks();
    if (std::exchange(searching_, false)) shared_.idle().stop_searching();
    driver_.shutdown();
    run_queued_tasks();
    while (!shared_.may_leave(*this)) {
        static_cast<void>(shared_.idle().sleep(*this, false));
        if (!shared_.has_work()) driver_.park(instant::max());
        if (shared_.idle().leave(*this)) shared_.idle().stop_searching();
        run_queued_tasks();
    }
    // Here and not with the last reference, which may go on any thread: a ring belongs to this one.
    // Sockets and timers that are left know the home and the gate, which outlive both.
    driver_.close();
}

void worker::run_queued_tasks() noexcept {
    for (;;) {
        task_header* task = next_task();
        if (task == nullptr && has_batch_work()) task = next_batch_task();
        if (task == nullptr) return;
        if (task->start()) take_turn(*task);
    }
}

worker_metrics worker::metrics() noexcept {
    worker_metrics picture = counts_.read(exec_, driver_);
    picture.polls = (turn() + 1) / 2 + nested_turns_.get();
    picture.is_spare = is_spare_;
    picture.queued = ring_.size() + (slot_.is_empty() ? 0U : 1U);
    for (pinned_tasks* const own : {&pinned_, &pinned_batch_})
        if (own->is_in_use()) picture.queued += own->size_seen();
    picture.spills = ring_.spills();
    picture.stolen = ring_.stolen();
    return picture;
}

bool worker::has_pinned_tasks() noexcept {
    return pinned_.has_tasks() || pinned_batch_.has_tasks();
}

// Others come first after it, those that sockets and timers wake too.
// Returns: false when there was none any more.
bool worker::run_batch_task() noexcept {
    task_header* const task = next_batch_task();
    if (task == nullptr) return false;
    if (shared_.is_shutting_down()) drop_at_poll(*task);
    if (!task->start()) return true;
    if (searching_) found_work();
    if (!ring_.is_empty() || !shared_.batch().is_empty()) shared_.notify_one();
    const instant began = monotonic_clock::read();
    take_turn(*task);
    batch_turns_.note_turn(began, monotonic_clock::read());
    polls_until_visit_ = 0;
    return true;
}

// Pushers have left the waking to us as long as we searched: if there is more to do, the next one
// comes.
void worker::found_work() noexcept {
    searching_ = false;
    if (shared_.idle().stop_searching() && shared_.has_work()) shared_.notify_one();
}

// Apart from take_turn(), which so needs no register for it.
[[gnu::noinline]] void worker::take_measured_turn(task_header& task) noexcept {
    counts_.sampled.begin_turn(task);
    run_task(task);
    counts_.sampled.end_turn();
}

// Who waits for a task that has not begun saves the trip through the queue if it runs it at once;
// and a tree of tasks so goes down before it goes broad, and few of its tasks exist at a time. One
// that was never polled cannot own a group that the waiter is in, and then want to destroy it.
//
// From the slot the task comes with its entry. Where else the entry is does not matter: there it
// stays, and is void unless the task has been woken by then.
bool worker::run_new_task(task_header& task) noexcept {
    if (task.state.was_polled()) return false;  // for ever; exact if it lies in the slot
    if (!nested_.may_begin(polls_until_visit_ == 0, exec_.now)) return false;
    const bool has_entry = take_from_slot(task);
    if (!has_entry && (&task.owner() != &shared_ || !task.state.start_first_poll())) return false;
    nested_turns_.add();
    counts_.sampled.note_nested(task);
    const std::uint64_t waiting = polled();
    {
        const nested_polls::scope one_more(nested_);
        const interrupted outer(exec_);
        if (!has_entry || task.start()) run_task(task);
    }
    polled_.store(waiting, relaxed);  // see polled_
    return true;
}

// Those for whose tasks the ring has no room stay with the kernel, which hands them out in order:
// in the inject queue they would wait behind all that come later. A few are taken even so: tasks
// that are never out of work could else keep the ring full.
unsigned worker::room_for_events() const noexcept {
    constexpr unsigned few = 16;
    const unsigned queued = ring_.size();
    return queued + few < tuning::events_per_poll ? tuning::events_per_poll - queued : few;
}

// Visits come more often than a thousand tasks are polled. Were a batch of timers fired in each of
// them, all would be in the inject queue soon, and whoever comes there would wait behind all of
// them. A worker without work fires the next batch at once: others have taken the tasks of this
// one. And no batch waits for long, because a timer need not have woken a task of its own.
void worker::fire_timers() noexcept {
    const unsigned fired = driver_.advance(exec_.now);
    const bool are_more_due = driver_.wheel().next_deadline() <= exec_.now;
    timers_wait_until_ = are_more_due ? turn() / 2 + ring_.size() + fired : 0;
    timers_wait_at_most_ = exec_.now + tuning::timer_gap;
}

void worker::visit_others() noexcept {
    visit_driver();
    if (has_batch_work() && batch_turns_.is_due(exec_.now)) run_batch_task();
}

void worker::visit_driver() noexcept {
    inject_is_due_ = true;
    nested_.note_look();
    exec_.now = monotonic_clock::read();
    polls_until_visit_ = visits_.next(exec_.now, turn() / 2, shared_.config().event_interval);
    in_driver_ = true;
    if (exec_.now - last_visit_ >= tuning::driver_gap) {
        last_visit_ = exec_.now;
        driver_.take_events(room_for_events());
    }
    if (turn() / 2 >= timers_wait_until_ || exec_.now >= timers_wait_at_most_) fire_timers();
    in_driver_ = false;
    counts_.note_work(exec_.now);
    counts_.sampled.renew(exec_.now);
    shared_.tell_if_empty();
    if (may_retire()) retire();
}

void worker::wait() noexcept {
    // Before anything else: the spinning may take long.
    shared_.tell_if_empty();
    if (may_retire()) return retire();
    const instant before = monotonic_clock::read();
    counts_.note_work(before);
    bool chosen = false;
    bool was_called = false;
    if (spin()) {
        chosen = searching_;
    } else {
        const worker_hooks& hooks = shared_.config().worker_hooks;
        call_hook(hooks.before_park, hooks, index_);
        if (has_own_work()) return;
        const bool must_look = shared_.idle().sleep(*this, std::exchange(searching_, false));
        if (must_look && shared_.has_work()) shared_.notify_one();
        appear(presence::kind::parked);
        counts_.parks.add();
        in_driver_ = true;
        driver_.park(instant::max());
        in_driver_ = false;
        appear(presence::kind::awake);
        call_hook(hooks.after_park, hooks, index_);
        chosen = was_called = shared_.idle().leave(*this);
    }
    searching_ = chosen;
    exec_.now = last_visit_ = monotonic_clock::read();
    counts_.begin_work(exec_.now);
    counts_.sampled.renew(exec_.now);
    visits_.begin(exec_.now, turn() / 2);
    polls_until_visit_ = shared_.config().event_interval;
    in_driver_ = true;
    fire_timers();
    in_driver_ = false;
    // A worker that others have to call has nothing of its own to spin for, however often they do.
    spin_.note_wait(was_called ? tuning::long_wait : exec_.now - before, last_visit_,
                    static_cast<std::uint32_t>(turn()));
}

// Looks for work for a moment, as the only searcher. Returns: true when there is something to do.
bool worker::spin() noexcept {
    if (!searching_ || !shared_.idle().is_only_searcher()) return false;
    const duration limit = spin_.limit();
    if (limit == duration::zero()) return false;
    const instant start = monotonic_clock::read();
    const instant end = std::min(saturating_add(start, limit), driver_.wheel().next_deadline());
    for (instant at = start; at < end && !shared_.is_shutting_down();
         at = monotonic_clock::read()) {
        in_driver_ = true;
        driver_.poll(at);
        in_driver_ = false;
        if (has_own_work() || shared_.has_work()) return true;
        spin_hint();
    }
    return has_own_work();
}

}  // namespace edo::detail
