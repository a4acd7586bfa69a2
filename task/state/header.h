#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <system_error>

#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/task/context.h>
#include <edo/task/state/state.h>
#include <edo/task/waker.h>

namespace edo::detail {

class group_core;

/// How a poll of a task ended, for the executor.
enum class poll_end {
    waits,    ///< nothing to do; somebody else will queue it
    requeue,  ///< woken meanwhile: the caller queues it, with the reference it holds
    yielded,  ///< gives others a turn: the caller queues it at the back
    gone,     ///< ended, or the queue entry was stale; the caller's reference is used up
};

/// How a task ended.
enum class outcome : std::uint8_t { value, error, exception, cancelled };

/// Why a task failed, if it did.
struct failure {
    std::error_code error;
    std::exception_ptr exception;
};

/// What differs between tasks of different types.
struct task_kind {
    /// Moves the result out of the ended top coroutine (or notes that it was dropped), destroys
    /// what is
    /// left of the coroutine and the callable. Called once, by the running thread.
    void (*finish)(task_header& self, bool dropped) noexcept;
    /// Destroys the output that nobody takes; reports it if it is a failure.
    void (*discard_output)(task_header& self) noexcept;
    /// Says what the output is, without taking it, and copies why it is a failure.
    outcome (*inspect_output)(const task_header& self, failure& why) noexcept;
    /// Frees the cell.
    void (*deallocate)(task_header& self) noexcept;
};

/// A task's place in the list of its group's children.
struct group_member : list_node {
    explicit group_member(task_header& task) noexcept : task_of(task) {}

    task_header& task_of;
};

/// The part of a task that everybody knows. One cell holds it, the callable and the output; the
/// coroutine frames are apart. Aligned so that a wake_target fits into one word.
class alignas(64) task_header : public list_node {  // the node: registry of live tasks
public:
    task_header(const task_kind& kind, scheduler& owner, std::source_location site) noexcept
        : in_group(*this), kind_(kind), scheduler_(owner), main_(*this), spawn_site_(site) {}

    task_header(const task_header&) = delete;
    task_header& operator=(const task_header&) = delete;

    /// Polls the task (or drops it, if it was cancelled). Uses up the reference of the queue entry
    /// unless the answer is requeue or yielded. Nothing of the task may be touched after
    /// `gone`/`waits`.
    poll_end run(execution& exec) noexcept;

    /// Wakes slot `slot`. The cell must be alive during the call.
    void wake(unsigned slot) noexcept;

    /// Asks the task to end: it is dropped at its next poll, which this call brings about.
    void cancel() noexcept;

    /// Destroys the task here and now, on a thread that runs tasks, unless another thread is
    /// polling it;
    /// that one will then find it cancelled. For owners that cannot suspend.
    /// Requires: the caller holds a reference.
    /// Returns: true when the task is complete.
    bool destroy_now(execution& exec) noexcept;

    /// Ends a task that was refused by the registry, without running it; releases what launch()
    /// counted
    /// for the registry and the queue.
    void end_unlisted() noexcept;

    void add_ref() noexcept { state.add_ref(); }

    void release_refs(std::uint64_t count = 1) noexcept {
        if (state.release_refs(count)) deallocate();
    }

    scheduler& owner() const noexcept { return scheduler_; }

    const task_kind& kind() const noexcept { return kind_; }

    context& main_line() noexcept { return main_; }

    std::source_location spawn_site() const noexcept { return spawn_site_; }

    task_state state;
    /// next in the inject queue; belongs to whoever holds the entry
    task_header* queue_next = nullptr;
    std::uint64_t id = 0;       ///< unique in the runtime; set before the task is visible
    execution* exec = nullptr;  ///< valid while running; the running thread's

    // Branch slots. `used` and `woken` belong to the running thread.
    std::uint64_t used_slots = 0;
    std::uint64_t woken_slots = 0;
    /// Slots woken since the last poll. Bits are set with release before the state's W, and taken
    /// with
    /// acquire after P: who set the bit is seen, and a bit set too late comes with a further wake.
    atomic<std::uint64_t> ready_slots{0};

    std::uint32_t budget = 0;             ///< of the running poll
    bool yielding = false;                ///< wants a further poll after others had their turn
    bool dropping = false;                ///< cancelled, waits for children elsewhere to end
    bool detached = false;                ///< nobody owns it but the runtime; for dumps
    bool failure_taken_by_group = false;  ///< the group's join() tells it; set before completion

    waker join_waker;  ///< owned as state.h says
    /// the group that owns the task, if one does; set before it is visible
    group_core* group = nullptr;
    group_member in_group;  ///< protected by the group's lock

    /// Where the task was last seen waiting: the bits of a std::source_location, which is one
    /// pointer to
    /// static data. Written by the running thread, read by dumps; relaxed, because it is only a
    /// picture.
    atomic<const void*> last_site{nullptr};
    static_assert(sizeof(std::source_location) == sizeof(const void*));

private:
    bool run_main_line() noexcept;
    void complete(bool dropped) noexcept;
    void deallocate() noexcept;

    const task_kind& kind_;
    scheduler& scheduler_;
    context main_;
    std::source_location spawn_site_;
};

}  // namespace edo::detail

// What every poll asks, where the compiler can see it.
namespace edo {

inline detail::execution& context::execution() const noexcept {
    return *task_.exec;
}

inline bool context::has_budget() const noexcept {
    return task_.budget != 0;
}

inline void context::spend_budget() noexcept {
    --task_.budget;
}

inline bool context::charge() noexcept {
    if (!has_budget()) {
        yield();
        return false;
    }
    spend_budget();
    return true;
}

inline bool context::is_woken() const noexcept {
    return slots_ == 0 || shared_ != 0 || (task_.woken_slots & slots_) != 0;
}

}  // namespace edo
