#pragma once

#include <cstdint>

#include <edo/task/state/registry.h>

namespace edo::detail {

class task_header;
struct execution;

/// What tasks need of the runtime that runs them. The runtime outlives every cell that refers to
/// it.
class scheduler {
public:
    scheduler() = default;
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;

    /// Takes a task that is to be polled, with the reference of its queue entry. From any thread,
    /// also while the runtime shuts down, and always accepted.
    virtual void schedule(task_header& task) noexcept = 0;

    /// The same for a task that is to wait until what is ready now has had its turn.
    virtual void schedule_behind(task_header& task) noexcept { schedule(task); }

    /// Polls `task` here and now, in the middle of another one's poll, if it is the one that the
    /// calling worker would run next anyway and it has not run yet. For a task that waits for it.
    /// Returns: false when it was not polled.
    virtual bool run_new_task(task_header&, execution&) noexcept { return false; }

    /// How the runtime calls itself in messages, and where it was built.
    virtual const char* name() const noexcept = 0;

    /// Frees the scheduler: called when the last cell of a runtime that has ended is freed.
    virtual void destroy() noexcept = 0;

    registry tasks;

protected:
    ~scheduler() = default;
};

}  // namespace edo::detail
