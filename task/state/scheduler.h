#pragma once

#include <cstdint>

#include <edo/task/state/registry.h>

namespace edo::detail {

class task_header;

/// What tasks need of the runtime that runs them. The runtime outlives every cell that refers to
/// it.
class scheduler {
public:
    scheduler() = default;
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;

    /// Takes a task that is to be polled, with the reference of its queue entry. From any thread,
    /// also
    /// while the runtime shuts down, and always accepted.
    virtual void schedule(task_header& task) noexcept = 0;

    /// How the runtime calls itself in messages, and where it was built.
    virtual const char* name() const noexcept = 0;

    /// Frees the scheduler: called when the last cell of a runtime that has ended is freed.
    virtual void destroy() noexcept = 0;

    registry tasks;

protected:
    ~scheduler() = default;
};

}  // namespace edo::detail
