#include <edo/runtime/scheduler/monitor.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <new>
#include <source_location>
#include <string>

#include <edo/runtime/blocked_worker.h>
#include <edo/runtime/builder.h>
#include <edo/runtime/native_stack/native_stack.h>
#include <edo/runtime/scheduler/multi_thread.h>
#include <edo/task/state/header.h>

namespace edo::detail {

monitor::monitor(multi_thread& shared) : shared_(shared) {}

std::error_code monitor::start() noexcept {
    const runtime_config& config = shared_.config();
    if (config.blocked_after == duration::zero()) return {};
    try {
        watched_ = std::make_unique<watched[]>(shared_.most_workers());
        const std::string name = config.thread_name + "-m";
        // The demangler may take 70 KiB of stack for one long name.
        const std::size_t stack_bytes =
            config.stack_bytes == 0 ? 0 : std::max<std::size_t>(config.stack_bytes, 256 << 10);
        const thread_options options{name.c_str(), stack_bytes, -1};
        if (thread_.start(
                options, [](void* self) noexcept { static_cast<monitor*>(self)->run(); }, this))
            return build_errc::no_thread;
    } catch (const std::bad_alloc&) {
        return build_errc::no_memory;
    }
    return {};
}

void monitor::stop() noexcept {
    if (!thread_.is_joinable()) return;
    stopping_.store(true, release);  // Q
    parker_.unpark();
    station_.wake();
    thread_.join();
}

void monitor::run() noexcept {
    const duration span = shared_.config().blocked_after;
    instant next_look = saturating_add(monotonic_clock::read(), span);
    while (!stopping_.load(acquire)) {  // Q'
        const instant now = monotonic_clock::read();
        if (now >= next_look) {
            if (look(now)) {
                sleep();
                next_look = saturating_add(monotonic_clock::read(), span);
                continue;
            }
            next_look = saturating_add(now, span);
        }
        serve_timers(now);
        if (stopping_.load(acquire)) break;  // Q': now that there is all that stop() wakes
        const instant until = std::min(next_look, next_deadline());
        wait(until > now ? until - now : duration::zero());
    }
    for (unsigned i = 0; i < shared_.worker_count(); ++i)
        if (watched_[i].is_blocked) has_come_back(shared_.worker_at(i), watched_[i]);
}

void monitor::wait(duration limit) noexcept {
    if (blocked_ != 0 && station_.serve(limit)) return;
    if (limit > duration::zero()) parker_.park(limit);
}

// Returns: true when nothing goes on, so that the monitor may sleep.
bool monitor::look(instant now) noexcept {
    bool is_quiet = true;
    for (unsigned i = 0; i < shared_.worker_count(); ++i) {
        worker& w = shared_.worker_at(i);
        watched& seen = watched_[i];
        const presence::kind present_as = w.present_as();
        const std::uint64_t turn = w.turn();
        const bool is_in_poll = present_as == presence::kind::awake && turn % 2 != 0;
        if (seen.turn != turn || !is_in_poll || !seen.is_in_poll) {
            if (seen.is_blocked) has_come_back(w, seen);
            if (seen.turn != turn || is_in_poll) is_quiet = false;
            seen.turn = turn;
            seen.is_in_poll = is_in_poll;
            seen.is_reported = false;
            seen.since = now;
            continue;
        }
        is_quiet = false;
        stand_in_for(w, seen);
    }
    if (shared_.replace_missing()) {
        count_failure();
        is_quiet = false;
    }
    // A report reads files: first all have somebody in their place.
    for (unsigned i = 0; i < shared_.worker_count(); ++i)
        if (watched_[i].is_blocked) report(shared_.worker_at(i), watched_[i], now);
    return is_quiet;
}

bool monitor::all_rest() noexcept {
    // The count is read in each round: who is seen at rest (B) may have added a worker before.
    for (unsigned i = 0; i < shared_.worker_count(); ++i) {
        const presence::kind present_as = shared_.worker_at(i).present_as();
        if (present_as == presence::kind::awake || present_as == presence::kind::starting)
            return false;
    }
    return true;
}

void monitor::sleep() noexcept {
    asleep_.store(true, seq_cst);  // S
    // Who stands aside may have wanted a spare since the look: what it has done is seen with that
    // it stands aside (B).
    if (all_rest() && !shared_.replace_missing()) parker_.park();
    asleep_.store(false, relaxed);  // W
}

void monitor::wake() noexcept {
    if (asleep_.exchange(false, relaxed)) parker_.unpark();  // W
}

// Called at every look while it is blocked: something may have been refused, or queued, since.
void monitor::stand_in_for(worker& blocked, watched& seen) noexcept {
    if (!seen.is_blocked) {
        seen.is_blocked = true;
        ++blocked_;
        blocked_polls_.fetch_add(1, relaxed);  // C
        if (shared_.config().report_blocked_after != duration::zero())
            seen.before = processor_time_of(blocked.thread_id());
    }
    // Before that nobody else may touch the queue; the worker has hardly just entered it.
    if (blocked.sole().end()) {
        if (!shared_.begin_substitution(blocked, substitution::monitor)) count_failure();
        take_tasks_of(blocked);
    }
    watch_sockets(blocked, seen);
}

void monitor::take_tasks_of(worker& blocked) noexcept {
    task_header* const task = blocked.slot().steal();
    if (task != nullptr) shared_.inject().push(*task);
    if (task != nullptr || !blocked.queue().is_empty()) shared_.notify_one();
}

void monitor::watch_sockets(worker& blocked, watched& seen) noexcept {
    if (!seen.sockets) seen.sockets.emplace(station_, blocked.driver().home());
    if (seen.sockets->watch_all() < 0) count_failure();
}

namespace {

void look_at_task(void* to, task_header& task) noexcept {
    auto& seen = *static_cast<blocked_worker*>(to);
    seen.is_task_known = true;
    seen.spawned_at = task.spawn_site();
    // No more than there is room for: the registry is locked.
    seen.task_name = task.name().substr(0, seen.task_name.capacity());
    const void* const site = task.last_site.load(relaxed);  // a picture, nothing follows from it
    seen.has_waited = site != nullptr;
    if (seen.has_waited) seen.waited_at = std::bit_cast<std::source_location>(site);
}

// Throws std::bad_alloc.
void look_at_thread(blocked_worker& seen, int thread_id, blocked_stack wanted) {
    kernel_wait at = kernel_wait_of(thread_id);
    seen.system_call = at.system_call();
    if (wanted == blocked_stack::none || !machine::is_known) return;
    native_stack stack;
    for (int attempts = 3; attempts != 0 && at.is_waiting; --attempts) {
        stack.look(at.program_counter, at.stack_pointer);
        const kernel_wait after = kernel_wait_of(thread_id);
        if (after == at) {
            seen.stack = stack.text();
            return;
        }
        at = after;  // it has moved under the look
        seen.system_call = at.system_call();
    }
    // Between the look above and the signal it may have entered a call that this ends early. That
    // cannot be excluded, which is why it has to be asked for.
    if (wanted == blocked_stack::always && !at.is_waiting && stack.interrupt_and_look(thread_id))
        seen.stack = stack.text();
}

}  // namespace

// How long the poll has lasted, without what others are to blame for on a machine that has too much
// to do. The kernel counts a wait for a processor when that has come: of a thread that waits for
// nothing else, only what it has computed is known to be its own.
duration monitor::own_time(worker& blocked, const watched& seen, instant now) noexcept {
    const processor_time used = processor_time_of(blocked.thread_id());
    if (used.is_known && seen.before.is_known && kernel_wait_of(blocked.thread_id()).is_ready)
        return used.ran - seen.before.ran;
    return now - seen.since - (used.waited - seen.before.waited);
}

void monitor::report(worker& blocked, watched& seen, instant now) noexcept {
    const duration limit = shared_.config().report_blocked_after;
    if (limit == duration::zero() || seen.is_reported || now - seen.since < limit ||
        now < next_report_)
        return;
    if (own_time(blocked, seen, now) < limit) return;
    blocked_worker about;
    try {
        about.runtime = shared_.config().name;
        about.task_name.reserve(64);
        look_at_thread(about, blocked.thread_id(), shared_.config().report_stack);
    } catch (const std::bad_alloc&) {
        count_failure();  // and say as much as can be said
    }
    about.worker = blocked.index();
    about.blocked_for = now - seen.since;
    about.task_id = blocked.polled();
    shared_.tasks.find(about.task_id, &look_at_task, &about);
    if (blocked.turn() != seen.turn) return;  // come back in that moment: another task's sites
    seen.is_reported = true;
    next_report_ = now + std::chrono::seconds(1);
    report_blocked(about);
}

void monitor::has_come_back(worker& blocked, watched& seen) noexcept {
    seen.is_blocked = false;
    seen.sockets.reset();
    if (--blocked_ == 0) station_.close();
    if (shared_.end_substitution(blocked, substitution::monitor)) shared_.wake_spares();
}

void monitor::serve_timers(instant now) noexcept {
    if (blocked_ == 0) return;
    for (unsigned i = 0; i < shared_.worker_count(); ++i)
        if (watched_[i].is_blocked) shared_.worker_at(i).driver().advance(now);
}

instant monitor::next_deadline() noexcept {
    instant next = instant::max();
    if (blocked_ == 0) return next;
    for (unsigned i = 0; i < shared_.worker_count(); ++i)
        if (watched_[i].is_blocked)
            next = std::min(next, shared_.worker_at(i).driver().wheel().next_deadline());
    return next;
}

}  // namespace edo::detail
