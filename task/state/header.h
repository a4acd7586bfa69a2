#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>
#include <system_error>

#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/task/context.h>
#include <edo/task/hooks.h>
#include <edo/task/state/state.h>
#include <edo/task/waker.h>

namespace edo::detail {

class group_core;

/// How a poll of a task ended, for the executor.
enum class poll_end {
    waits,    ///< nothing to do; somebody else will queue it, or its entry is in a queue already
    requeue,  ///< woken meanwhile: the caller queues it, with the reference it holds
    yielded,  ///< gives others a turn: the caller queues it at the back
    gone,     ///< ended, or the queue entry was void; the caller's reference is used up
};

/// Why a task failed, if it did.
struct failure {
    std::error_code error;
    std::exception_ptr exception;
};

/// What differs between tasks of different types.
struct task_kind {
    /// Moves the result out of the ended top coroutine (or notes that it was dropped), destroys
    /// what is left of the coroutine and the callable. Called once, by the running thread.
    void (*finish)(task_header& self, bool dropped) noexcept;
    /// Destroys the output that nobody takes; reports it if it is a failure.
    void (*discard_output)(task_header& self) noexcept;
    /// Says what the output is, without taking it, and copies why it is a failure.
    task_end (*inspect_output)(const task_header& self, failure& why) noexcept;
    /// Frees the cell.
    void (*deallocate)(task_header& self) noexcept;
    /// The task's name, which never changes. Null: tasks of this kind have none.
    const std::string& (*name)(const task_header& self) noexcept = nullptr;
};

/// A task's place in the registry.
struct registry_entry : list_node {};

/// A task's place in the list of its group's children; protected by the group's lock.
struct group_member : list_node {};

/// The part of a task that everybody knows. One cell holds it, the callable and the output; the
/// coroutine frames are apart. Aligned so that a wake_target fits into one word.
class alignas(64) task_header : public registry_entry, public group_member {
public:
    task_header(const task_kind& kind, scheduler& owner, std::source_location site) noexcept
        : main_(*this), scheduler_(owner), kind_(kind), spawn_site_(site) {}

    task_header(const task_header&) = delete;
    task_header& operator=(const task_header&) = delete;

    /// Polls the task (or drops it, if it was cancelled). Uses up the reference of the queue entry
    /// unless the answer is requeue or yielded. Nothing of the task may be touched after
    /// `gone`/`waits`.
    poll_end run(execution& exec) noexcept;

    /// Takes the task for a poll by run_started(). Returns: false if the queue entry is void; then
    /// its reference is used up.
    bool start() noexcept {
        switch (state.start_poll()) {
            case task_state::start::poll:
                return true;
            case task_state::start::drop:
                dropping = true;
                return true;
            case task_state::start::stale:
                break;
        }
        release_refs();
        return false;
    }

    /// Takes an idle task, to be dropped by run_started(), or else asks it to end.
    /// Returns: false if it is not the caller's.
    bool start_drop() noexcept {
        if (!state.claim_idle()) return false;
        dropping = true;
        return true;
    }

    /// The rest of run(), after start(), start_drop() or state.start_first_poll(); uses up the
    /// reference of the queue entry, or the one that came with the drop or the first poll.
    poll_end run_started(execution& exec) noexcept;

    /// Lets go of a queue entry if it is void. Returns: false when the task is to be polled.
    bool drop_void_entry() noexcept {
        if (!state.take_void_entry()) return false;
        release_refs();
        return true;
    }

    /// Wakes slot `slot`. The cell must be alive during the call.
    void wake(unsigned slot) noexcept;

    /// Its first half. Returns: true when the caller must queue the task, for which it now holds a
    /// reference.
    bool notify(unsigned slot) noexcept {
        if (slot != 0) ready_slots.fetch_or(std::uint64_t{1} << slot, release);  // see ready_slots
        return state.wake();
    }

    /// The same, and gives up a reference that a waker held.
    void wake_and_release(unsigned slot) noexcept;
    /// The same for who has joined a task that has ended: behind what is ready already, because it
    /// often waits for others of those next.
    void wake_after_join(unsigned slot) noexcept;

    /// Asks the task to end: it is dropped at its next poll, which this call brings about.
    void cancel() noexcept;

    /// Destroys the task here and now, on a thread that runs tasks. For owners that cannot suspend.
    /// Requires: the caller has claimed the task (state.claim()) and holds a reference.
    void destroy_claimed(execution& exec) noexcept;

    /// Ends a task that was refused by the registry, without running it; releases what launch()
    /// counted for the registry and the queue.
    void end_unlisted() noexcept;

    /// Tells the hooks of a task that has just been listed. The cell must be alive during the call.
    void tell_spawned() const noexcept;

    /// For the cell: the task ends by an exception.
    void note_thrown() noexcept;

    void add_ref() noexcept { state.add_ref(); }

    /// Counts one more, for a waker, at the price of a spare one if there is any.
    /// Requires: the calling thread runs the task.
    void add_ref_while_running() noexcept {
        if (spare_refs > 0) {
            --spare_refs;
        } else {
            state.add_ref();
        }
    }

    void release_refs(std::uint64_t count = 1) noexcept {
        if (state.release_refs(count)) deallocate();
    }

    /// Makes a new task queued: with references for its life, its queue entry, the spare ones and,
    /// if it has one, its handle.
    void init_state(bool has_handle) noexcept {
        spare_refs = first_spare_refs;
        state.init((has_handle ? 3 : 2) + first_spare_refs, has_handle);
    }

    scheduler& owner() const noexcept { return scheduler_; }

    const task_kind& kind() const noexcept { return kind_; }

    context& main_line() noexcept { return main_; }

    std::source_location spawn_site() const noexcept { return spawn_site_; }

    /// Empty if it has none.
    std::string_view name() const noexcept {
        return kind_.name != nullptr ? std::string_view(kind_.name(*this)) : std::string_view();
    }

private:
    // The order is by cache lines: what a poll touches lies in the two lines from here on, what a
    // wake touches in the second of them.
    //
    // Small things fill the padding of what lies before them, down to the last byte: one flag more,
    // and a cell without a callable and without a large output has 256 bytes instead of 192.
    [[no_unique_address]] context main_;

public:
    /// Cancelled, waits for children elsewhere to end. Both belong to the running thread.
    bool dropping : 1 = false;
    bool failure_kept_from_hook : 1 = false;  ///< as the group says; set before completion
    atomic<bool> output_was_taken{false};     ///< by the handle; relaxed: says only what was told
    std::uint8_t spare_refs = 0;              ///< see state.h; belongs to the running thread

    task_state state;
    std::uint64_t id = 0;  ///< unique in the runtime; set before the task is visible

    union {
        execution* exec = nullptr;  ///< while running: the running thread's
        /// From claim() to destroy_claimed(), which may be put off: the task to destroy afterwards.
        task_header* claimed_before;
    };

    /// Branch slots in use; belongs to the running thread.
    std::uint64_t used_slots = 0;
    /// Slots woken since the last poll. Bits are set with release before the state's W, and taken
    /// with acquire after P: who set the bit is seen, and a bit set too late comes with a further
    /// wake.
    atomic<std::uint64_t> ready_slots{0};

    /// Where the task was last seen waiting: the bits of a std::source_location, which is one
    /// pointer to static data. Written by the running thread, read by dumps; relaxed, because it is
    /// only a picture.
    atomic<const void*> last_site{nullptr};
    static_assert(sizeof(std::source_location) == sizeof(const void*));

private:
    bool poll_main_line(execution& e) noexcept;
    bool poll_with_hooks() noexcept;
    void tell_ended() const noexcept;

    task_info info() const noexcept { return {id, name(), spawn_site_}; }

    bool drop_main_line() noexcept;
    bool notify_and_release(unsigned slot) noexcept;
    void complete(bool dropped) noexcept;
    void complete_in_group() noexcept;
    bool end_unshared(std::uint64_t refs, bool dropped) noexcept;
    void count_end(bool dropped) noexcept;
    task_state::completion publish_output(std::uint64_t refs) noexcept;
    void deallocate() noexcept;
    void free_unlisted(bool was_last) noexcept;

    static constexpr std::uint8_t first_spare_refs = 2;

    scheduler& scheduler_;
    const task_kind& kind_;
    std::source_location spawn_site_;

public:
    /// next in the inject queue; belongs to whoever holds the entry
    task_header* queue_next = nullptr;
    /// Who waits in join() or cancel(): a waker with its reference, owned as state.h says. The
    /// target stays to be compared when the reference is used up.
    wake_target join_target;
    /// the group that owns the task, if one does; set before it is visible
    group_core* group = nullptr;
};

}  // namespace edo::detail

// What every poll asks, where the compiler can see it.
namespace edo {

inline detail::execution& context::execution() const noexcept {
    return *task_.exec;
}

inline bool context::has_budget() const noexcept {
    return execution().budget != 0;
}

inline void context::spend_budget() noexcept {
    --execution().budget;
}

inline bool context::may_run_others() const noexcept {
    return is_main() && task_.exec != nullptr;
}

inline bool context::charge() noexcept {
    if (!has_budget()) {
        yield_for_budget();
        return false;
    }
    spend_budget();
    return true;
}

inline bool detail::branch_context::is_woken() const noexcept {
    return slots_ == 0 || shared_ != 0 || (execution().woken_slots & slots_) != 0;
}

}  // namespace edo
