#include <edo/task/state/header.h>

#include <bit>
#include <utility>

#include <edo/task/state/group_core.h>
#include <edo/task/state/promise.h>
#include <edo/task/state/run_line.h>
#include <edo/task/state/scheduler.h>

namespace edo::detail {
namespace {

/// Makes `task` the one that the calling thread works for.
class working_for {
public:
    working_for(execution& exec, task_header& task) noexcept : exec_(exec) {
        task.exec = &exec;
        exec.task = &task;
        exec.line = nullptr;
        exec.woken_slots = 0;
        exec.budget = tuning::poll_budget;
    }

    working_for(const working_for&) = delete;
    working_for& operator=(const working_for&) = delete;

    ~working_for() {
        exec_.task = nullptr;
        exec_.line = nullptr;
    }

private:
    execution& exec_;
};

}  // namespace

void task_header::tell_spawned() const noexcept {
    const task_hooks* const hooks = scheduler_.tasks.hooks;
    if (hooks != nullptr && hooks->spawned != nullptr) hooks->spawned(hooks->data, info());
}

void task_header::tell_ended() const noexcept {
    const task_hooks& hooks = *scheduler_.tasks.hooks;
    if (hooks.ended == nullptr) return;
    failure why;
    hooks.ended(hooks.data, info(), kind_.inspect_output(*this, why));
}

[[gnu::noinline]] bool task_header::poll_with_hooks() noexcept {
    const task_hooks& hooks = *exec->hooks;
    if (hooks.before_poll != nullptr) hooks.before_poll(hooks.data, info());
    const bool has_ended = main_.run();
    if (hooks.after_poll != nullptr) hooks.after_poll(hooks.data, info());
    return has_ended;
}

// Returns: true when the task has ended.
inline bool task_header::poll_main_line(execution& e) noexcept {
    if (e.hooks == nullptr ? main_.run_on(e) : poll_with_hooks()) return true;
    const leaf* at = main_.leaf();
    last_site.store(at != nullptr ? std::bit_cast<const void*>(at->frame->site) : nullptr,
                    relaxed);  // see last_site
    return false;
}

// The same for a task that is to be dropped.
bool task_header::drop_main_line() noexcept {
    if (!main_.prepare_drop()) return false;
    main_.drop();
    return true;
}

poll_end task_header::run(execution& e) noexcept {
    return start() ? run_started(e) : poll_end::gone;
}

poll_end task_header::run_started(execution& e) noexcept {
    working_for guard(e, *this);
    if (used_slots != 0) e.woken_slots = ready_slots.exchange(0, acquire);  // see ready_slots
    for (;;) {
        e.yielding = false;
        if (dropping ? drop_main_line() : poll_main_line(e)) {
            complete(dropping);
            return poll_end::gone;
        }
        const bool yields = e.yielding;
        switch (state.stop_poll(dropping, yields, spare_refs)) {
            case task_state::stop::idle:
                return poll_end::waits;
            case task_state::stop::requeue:
                return yields ? poll_end::yielded : poll_end::requeue;
            case task_state::stop::drop:
                dropping = true;
                break;
        }
    }
}

[[gnu::always_inline]] inline void task_header::count_end(bool dropped) noexcept {
    if (&exec->scheduler->tasks != &scheduler_.tasks) [[unlikely]] {
        EDO_ASSERT(dropped);
        return scheduler_.tasks.note_dropped_elsewhere();
    }
    exec->counts.ended.add();
    if (dropped) exec->counts.cancelled.add();
}

// Completes the task and lets go of `refs` references; what nobody will take is destroyed before.
[[gnu::always_inline]] inline task_state::completion task_header::publish_output(
    std::uint64_t refs) noexcept {
    const task_state::completion end = state.complete(refs, true);
    if (end != task_state::completion::unclaimed) return end;
    kind_.discard_output(*this);
    return state.complete(refs, false);
}

// The end of a task of which nobody learns. It leaves the list without having been complete, and so
// at the price of the list's lock alone.
// Returns: false, having done nothing, if somebody else refers to it.
inline bool task_header::end_unshared(std::uint64_t refs, bool dropped) noexcept {
    if (!state.is_unshared(refs)) return false;
    if (!dropped) kind_.discard_output(*this);
    switch (scheduler_.tasks.remove_unshared(*this, refs)) {
        case registry::removal::none:  // a dump has found it
            if (state.complete(refs, false) == task_state::completion::is_last) deallocate();
            break;
        case registry::removal::done:
            free_unlisted(false);
            break;
        case registry::removal::was_last:
            free_unlisted(true);
            break;
    }
    return true;
}

void task_header::complete(bool dropped) noexcept {
    count_end(dropped);
    kind_.finish(*this, dropped);
    if (scheduler_.tasks.hooks != nullptr) [[unlikely]]
        tell_ended();
    if (group != nullptr) return complete_in_group();
    // The running thread's, the spare ones, and the one for life.
    const std::uint64_t refs = 2 + spare_refs;
    if (end_unshared(refs, dropped)) return;
    // From here on the output is the handle's, if there is one; and if nothing is kept, all is.
    switch (publish_output(refs)) {
        case task_state::completion::unclaimed:
        case task_state::completion::done:
            return;
        case task_state::completion::is_last:
            return deallocate();
        case task_state::completion::has_waker:
            break;
    }
    join_target.task()->wake_after_join(join_target.slot());  // stays to be compared
    release_refs(refs);
}

[[gnu::noinline]] void task_header::complete_in_group() noexcept {
    group_core& owner_group = *group;
    failure why;
    const task_end how = kind_.inspect_output(*this, why);
    failure_kept_from_hook = owner_group.note_outcome(*this, how, std::move(why));
    // One reference is kept for the group's last touch.
    const std::uint64_t refs = 2 + spare_refs;
    const bool has_waker = publish_output(refs - 1) == task_state::completion::has_waker;
    if (has_waker) join_target.task()->wake_after_join(join_target.slot());  // as above
    owner_group.child_ended(*this);
    release_refs(has_waker ? refs : 1);
}

void task_header::note_thrown() noexcept {
    exec->counts.thrown.add();
}

void task_header::end_unlisted() noexcept {
    // Nobody else knows the task yet, so it may be claimed and dropped without a thread's
    // execution: no coroutine of it has run.
    const bool claimed = state.claim();
    EDO_CHECK(claimed, "a new task was already running");
    execution nobody;
    working_for guard(nobody, *this);
    main_.drop();
    kind_.finish(*this, true);
    const std::uint64_t refs = 3 + spare_refs;  // claim's, the queue entry's, life's
    if (publish_output(refs) == task_state::completion::is_last) deallocate();
}

void task_header::wake(unsigned slot) noexcept {
    if (notify(slot)) scheduler_.schedule(*this);
}

void task_header::wake_and_release(unsigned slot) noexcept {
    if (notify_and_release(slot)) scheduler_.schedule(*this);
}

void task_header::wake_after_join(unsigned slot) noexcept {
    if (notify_and_release(slot)) scheduler_.schedule_behind(*this);
}

// Returns: true when the caller must queue the task. Else it may be gone.
bool task_header::notify_and_release(unsigned slot) noexcept {
    if (slot != 0) ready_slots.fetch_or(std::uint64_t{1} << slot, release);  // see ready_slots
    switch (state.wake_and_release()) {
        case task_state::wake_end::enqueue:
            return true;
        case task_state::wake_end::done:
            break;
        case task_state::wake_end::last_reference:
            deallocate();
    }
    return false;
}

void task_header::cancel() noexcept {
    if (state.request_cancel()) scheduler_.schedule(*this);
}

void task_header::destroy_claimed(execution& e) noexcept {
    const interrupted outer(e);
    working_for guard(e, *this);
    dropping = true;
    main_.drop();
    complete(true);
}

void task_header::deallocate() noexcept {
    // Tasks that were never listed have no id.
    free_unlisted(id != 0 && scheduler_.tasks.remove(*this));
}

inline void task_header::free_unlisted(bool was_last) noexcept {
    scheduler& s = scheduler_;
    kind_.deallocate(*this);
    if (was_last) s.destroy();
}

}  // namespace edo::detail
