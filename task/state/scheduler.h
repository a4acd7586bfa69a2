#pragma once

#include <cstdint>
#include <source_location>

#include <edo/task/state/placement.h>
#include <edo/task/state/registry.h>

namespace edo::detail {

class task_header;
struct execution;

/// What a task needs of the runtime that runs it. The runtime outlives every cell that refers to
/// it.
///
/// A runtime has one that stands for it, and perhaps others for tasks that are queued in their own
/// way: batch tasks, and those that belong to one worker. They share the list of tasks.
class scheduler {
public:
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;

    /// Takes a task that is to be polled, with the reference of its queue entry. From any thread,
    /// also while the runtime shuts down, and always accepted.
    virtual void schedule(task_header& task) noexcept = 0;

    /// The same for a task that is to wait until what is ready now has had its turn.
    virtual void schedule_behind(task_header& task) noexcept { schedule(task); }

    /// Polls `task` here and now, in the middle of another one's poll, if it has not run yet. For a
    /// task that waits for it.
    /// Returns: false when it was not polled.
    virtual bool run_new_task(task_header&, execution&) noexcept { return false; }

    /// The scheduler for a task that the calling thread spawns at `site` and wants there; a loud
    /// end if there is no such place.
    virtual scheduler& place(const placement&, std::source_location) noexcept { return *this; }

    /// What identifies the worker on which all its tasks are polled and destroyed; null if that can
    /// be any of several.
    virtual const void* pinned_to() const noexcept { return nullptr; }

    /// How the runtime calls itself in messages, and where it was built.
    virtual const char* name() const noexcept = 0;

    /// Frees the runtime: called when its last cell is freed after it has ended.
    virtual void destroy() noexcept = 0;

    registry& tasks;

protected:
    explicit scheduler(registry& lists) noexcept : tasks(lists) {}

    ~scheduler() = default;
};

/// One that stands for a runtime.
class root_scheduler : public scheduler {
protected:
    root_scheduler() noexcept : scheduler(tasks_) {}

    ~root_scheduler() = default;

private:
    registry tasks_;
};

/// One beside it, for some of the runtime's tasks.
class side_scheduler : public scheduler {
public:
    scheduler& place(const placement& wanted, std::source_location site) noexcept override {
        return root_.place(wanted, site);
    }

    const char* name() const noexcept final { return root_.name(); }

    void destroy() noexcept final { root_.destroy(); }

protected:
    explicit side_scheduler(scheduler& root) noexcept : scheduler(root.tasks), root_(root) {}

    ~side_scheduler() = default;

private:
    scheduler& root_;
};

}  // namespace edo::detail
