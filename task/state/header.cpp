#include <edo/task/state/header.h>

#include <bit>
#include <utility>

#include <edo/task/state/group_core.h>
#include <edo/task/state/promise.h>
#include <edo/task/state/scheduler.h>

namespace edo::detail {
namespace {

/// Makes `task` the one that the calling thread works for, and restores what was before:
/// destroy_now()
/// may be called in the middle of another task's poll.
class working_for {
public:
    working_for(execution& exec, task_header& task) noexcept
        : exec_(exec),
          outer_task_(std::exchange(exec.task, &task)),
          outer_line_(std::exchange(exec.line, nullptr)) {
        task.exec = &exec;
    }

    working_for(const working_for&) = delete;
    working_for& operator=(const working_for&) = delete;

    ~working_for() {
        exec_.task = outer_task_;
        exec_.line = outer_line_;
    }

private:
    execution& exec_;
    task_header* outer_task_;
    context* outer_line_;
};

}  // namespace

poll_end task_header::run(execution& e) noexcept {
    switch (state.start_poll()) {
        case task_state::start::poll:
            break;
        case task_state::start::drop:
            dropping = true;
            break;
        case task_state::start::stale:
            release_refs();
            return poll_end::gone;
    }
    working_for guard(e, *this);
    budget = tuning::poll_budget;
    woken_slots = used_slots == 0 ? 0 : ready_slots.exchange(0, acquire);  // see ready_slots
    for (;;) {
        yielding = false;
        if (run_main_line()) {
            complete(dropping);
            return poll_end::gone;
        }
        const bool yields = yielding;
        switch (state.stop_poll(dropping, yields)) {
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

// Polls or drops. Returns: true when the task has ended.
bool task_header::run_main_line() noexcept {
    if (!dropping) {
        if (main_.run()) return true;
        const leaf* at = main_.leaf();
        last_site.store(at != nullptr ? std::bit_cast<const void*>(at->frame->site) : nullptr,
                        relaxed);  // see last_site
        return false;
    }
    if (!main_.prepare_drop()) return false;
    main_.drop();
    return true;
}

void task_header::complete(bool dropped) noexcept {
    kind_.finish(*this, dropped);
    scheduler_.tasks.remove(*this);
    group_core* const owner_group = group;
    if (owner_group != nullptr) {
        failure why;
        const outcome how = kind_.inspect_output(*this, why);
        failure_taken_by_group = owner_group->note_outcome(how, std::move(why));
    }
    // from here on the output is the handle's, if there is one
    const std::uint64_t before = state.complete();
    if ((before & task_state::join_interest) == 0) {
        kind_.discard_output(*this);
    } else if ((before & task_state::join_waker) != 0) {
        join_waker.wake();  // stays: the handle may be comparing it
    }
    if (owner_group != nullptr) owner_group->child_ended(*this);
    release_refs(2);  // the running thread's and the registry's
}

void task_header::end_unlisted() noexcept {
    // Nobody else knows the task yet, so it may be claimed and dropped without a thread's
    // execution: no
    // coroutine of it has run.
    const bool claimed = state.claim();
    EDO_CHECK(claimed, "a new task was already running");
    execution nobody;
    working_for guard(nobody, *this);
    main_.drop();
    kind_.finish(*this, true);
    const std::uint64_t before = state.complete();
    if ((before & task_state::join_interest) == 0) kind_.discard_output(*this);
    release_refs(3);  // claim's, the queue's and the registry's
}

void task_header::wake(unsigned slot) noexcept {
    if (slot != 0) ready_slots.fetch_or(std::uint64_t{1} << slot, release);  // see ready_slots
    if (state.wake()) scheduler_.schedule(*this);
}

void task_header::cancel() noexcept {
    if (state.request_cancel()) scheduler_.schedule(*this);
}

bool task_header::destroy_now(execution& e) noexcept {
    if (!state.claim()) return state.is_complete();
    working_for guard(e, *this);
    dropping = true;
    // No waiting here: the groups below destroy their children in their destructors, in the same
    // way.
    main_.drop();
    complete(true);
    return true;
}

void task_header::deallocate() noexcept {
    scheduler& s = scheduler_;
    const std::uint64_t was = id;
    kind_.deallocate(*this);
    if (was != 0 && s.tasks.cell_freed(was)) s.destroy();
}

}  // namespace edo::detail
