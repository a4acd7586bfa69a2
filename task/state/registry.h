#pragma once

#include <cstddef>
#include <cstdint>

#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/spin_lock.h>
#include <edo/base/seam/tuning.h>

namespace edo {
class task_hooks;
}

namespace edo::detail {

class task_header;
class registry_walk;
struct registry_entry;

/// Lists all tasks of a runtime, so that none can be lost: for shutdown and for dumps. A task is
/// listed from before it is first queued until its memory is freed, which wakers and handles may
/// put off long after it has ended.
///
/// Sharded by the spawning thread; each shard has a lock that is held for a few instructions. After
/// close() nothing can be added any more, so who finds after that that all have ended has seen
/// every task.
/// Thread-safe: yes.
class registry {
    struct alignas(64) shard {
        mutable spin_lock lock;
        bool closed = false;
        std::uint64_t next_id = 0;
        std::size_t count = 0;  // in all lists
        intrusive_list<registry_entry> tasks;
        intrusive_list<registry_entry> asked;  // passed by end_next()
        intrusive_list<registry_entry> ended;  // found ended by have_all_ended()
    };

    // First, so that the way to a shard is short.
    shard shards_[tuning::registry_shards];

public:
    /// What is called in the life of each task that is listed; null: nothing. Never changes once
    /// there are tasks.
    const task_hooks* hooks = nullptr;

    /// Gives the task its id and lists it.
    /// Returns: false after close(); then the task is not listed and must not run.
    bool insert(task_header& task) noexcept;
    /// Takes a task whose memory is about to be freed off the list.
    /// Returns: true when the registry is closed and this was the last one: nothing refers to the
    ///          runtime through a task any more.
    bool remove(task_header& task) noexcept;

    enum class removal { none, done, was_last };

    /// The same for a task that has not ended, unless somebody else refers to it by now: all its
    /// references have to be the caller's, `refs`, and nobody may want its output.
    removal remove_unshared(task_header& task, std::uint64_t refs) noexcept;

    /// Refuses every later insert.
    /// Returns: true when no task is listed either; see remove().
    bool close() noexcept;

    /// What a step of a walk leaves to the caller; null: nothing.
    struct step {
        task_header* to_drop = nullptr;   ///< here, by run_started()
        task_header* to_queue = nullptr;  ///< in its own queue
    };

    /// Goes one task further, and asks that to end: one that waits is dropped by the caller, but
    /// where it belongs to another worker. All walks together pass each task once; children of a
    /// group are left to that, which ends them in the order it has chosen.
    /// Requires: closed.
    step end_next(registry_walk& at) noexcept;

    /// True when every listed task has ended.
    /// Cost: what has ended is put aside, so each task is passed once.
    bool have_all_ended() noexcept;
    /// How many tasks were listed since the start.
    std::uint64_t count_inserted() const noexcept;

    /// A listed task was destroyed on a thread of another runtime, whose counts know nothing of it.
    void note_dropped_elsewhere() noexcept {
        dropped_elsewhere_.fetch_add(1, relaxed);  // a figure for people
    }  // a figure

    std::uint64_t count_dropped_elsewhere() const noexcept {
        return dropped_elsewhere_.load(relaxed);  // only a picture of it
    }

    /// How many tasks have not ended; exact only when nothing is going on.
    /// Cost: visits every task.
    std::size_t count_alive() const noexcept;

    /// Calls `visit(to, task)` for each task that has not ended, with its shard locked: visit()
    /// must be short, must not spawn and must not release a last reference. To keep the task beyond
    /// that it needs task_state::add_ref_unless_complete().
    void for_each(void (*visit)(void* to, task_header& task), void* to) noexcept;

    /// Calls `visit(to, task)` as for_each() does, for the task with this id if there is one.
    /// Cost: looks through the tasks of one shard.
    void find(std::uint64_t id, void (*visit)(void* to, task_header& task), void* to) noexcept;

private:
    static step ask_to_end(task_header& task, const registry_walk& at) noexcept;
    bool has_ended(intrusive_list<registry_entry>& tasks, shard& of) noexcept;

    shard& shard_of(std::uint64_t id) noexcept { return shards_[id % tuning::registry_shards]; }

    bool leave_shard() noexcept;

    atomic<std::uint64_t> dropped_elsewhere_{0};
    // Those not both closed and empty. Counted down with acq_rel: pairs with itself, so that who
    // finds it zero comes after everything that was done with the tasks.
    atomic<unsigned> shards_in_use_{tuning::registry_shards};
};

/// One thread's way through the tasks of a registry that is closed: first those that the thread has
/// spawned, the oldest first, then those that others have, there the newest first. So walks seldom
/// meet, and where they do they do not write to neighbours.
///
/// A task is put aside as it is passed, under the lock of its shard, so a walk has no place in a
/// list that others could remove. Belongs to its thread.
class registry_walk {
public:
    /// `here`: what identifies the calling worker to those who ask scheduler::pinned_to().
    explicit registry_walk(const void* here) noexcept : here_(here) {}

    /// True when every task has been passed, by this walk or by others.
    bool is_over() const noexcept { return left_ == 0; }

private:
    friend class registry;

    const void* const here_;
    unsigned left_ = tuning::registry_shards;  // shards in which there may be tasks
};

}  // namespace edo::detail
