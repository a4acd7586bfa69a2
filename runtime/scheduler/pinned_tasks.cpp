#include <edo/runtime/scheduler/pinned_tasks.h>

#include <edo/runtime/scheduler/multi_thread.h>
#include <edo/runtime/scheduler/worker.h>
#include <edo/task/state/header.h>

namespace edo::detail {

pinned_tasks::pinned_tasks(multi_thread& shared, worker& home) noexcept
    : side_scheduler(shared), shared_(shared), home_(home) {}

void pinned_tasks::schedule(task_header& task) noexcept {
    if (!in_use_.load(relaxed)) in_use_.store(true, release);  // U; only ever set
    if (home_.is_on_this_thread()) {
        home_.note_pinned(task);
        list_.push_back(task);
        return;
    }
    shared_.add_ref();  // the task may end at once, and the runtime with it
    if (remote_.push(task)) home_.driver().wake();
    shared_.release_ref();
}

scheduler& pinned_tasks::place(const placement& wanted, std::source_location site) noexcept {
    if (wanted.worker == placement::any_worker) return home_.pinned(wanted.priority);
    return side_scheduler::place(wanted, site);
}

bool pinned_tasks::has_tasks() noexcept {
    if (!is_in_use()) return false;

    struct search {
        const pinned_tasks* of;
        bool found;
    } found{this, false};

    tasks.for_each(
        [](void* to, task_header& task) {
            auto& wanted = *static_cast<search*>(to);
            if (&task.owner() == wanted.of) wanted.found = true;
        },
        &found);
    return found.found;
}

}  // namespace edo::detail
