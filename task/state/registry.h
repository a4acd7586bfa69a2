#pragma once

#include <cstddef>
#include <cstdint>

#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

class task_header;

/// Lists all live tasks of a runtime, so that none can be lost: for shutdown and for dumps.
///
/// Holds a reference to each listed task. Sharded by the spawning thread; each shard has a lock
/// that is
/// held for a few instructions. After close() nothing can be added any more, so who has emptied the
/// registry after closing it has seen every task.
/// Thread-safe: yes.
class registry {
public:
    /// Gives the task its id and lists it.
    /// Returns: false after close(); then the task is not listed and must not run.
    bool insert(task_header& task) noexcept;
    /// Takes the task off the list. The registry's reference becomes the caller's.
    void remove(task_header& task) noexcept;

    /// Refuses every later insert.
    /// Returns: true when no cell is left either; see cell_freed().
    bool close() noexcept;
    /// Notes that the memory of a once listed task is freed; wakers and handles may keep it long
    /// after
    /// the task has ended.
    /// Returns: true when the registry is closed and this was the last cell: nothing refers to the
    /// runtime
    ///          through a task any more.
    bool cell_freed(std::uint64_t id) noexcept;
    /// How many tasks are listed; exact only when nothing is going on.
    std::size_t size() const noexcept;

    /// Calls `visit(to, task)` for each listed task with its shard locked: visit() must be short,
    /// must not
    /// allocate a task and must not release the last reference.
    void for_each(void (*visit)(void* to, task_header& task), void* to) noexcept;

private:
    struct alignas(64) shard {
        mutable mutex lock;
        bool closed = false;
        std::uint64_t next_id = 0;
        std::size_t count = 0;
        intrusive_list<task_header> tasks;
        // Cells not yet freed, and one for the registry being open. Counted down with acq_rel:
        // pairs with
        // itself, so that who finds it zero comes after everything that was done with the cells.
        atomic<std::uint64_t> cells{1};
    };

    shard& shard_of(std::uint64_t id) noexcept { return shards_[id % tuning::registry_shards]; }

    bool release_cell(shard& s) noexcept;

    shard shards_[tuning::registry_shards];
    atomic<unsigned> shards_in_use_{tuning::registry_shards};  // acq_rel, as `cells`
};

}  // namespace edo::detail
