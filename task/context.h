#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <source_location>
#include <utility>

#include <edo/base/clock.h>
#include <edo/base/random.h>
#include <edo/base/seam/tuning.h>
#include <edo/task/state/task_counts.h>
#include <edo/task/waker.h>

namespace edo {

class context;
class task_group;
class task_hooks;

namespace detail {

class bound_value;
class group_core;
class interrupted;
class promise_base;
class reactor;
class registry;
class scheduler;
class task_header;
class timer_wheel;

/// What a task can see of the thread that polls it. The runtime fills it in; io and timer know the
/// types behind the pointers. One per worker; only that worker's thread touches it.
struct execution {
    class scheduler* scheduler = nullptr;    ///< of the runtime
    class scheduler* spawns_into = nullptr;  ///< of what is spawned here and says nothing else
    class reactor* reactor = nullptr;
    timer_wheel* wheel = nullptr;
    random* choices = nullptr;
    task_header* task = nullptr;    ///< the task that is being polled, if one is
    context* line = nullptr;        ///< the line of that task that is running
    std::uint64_t woken_slots = 0;  ///< of that task: what this poll is for; see task_header
    std::uint32_t budget = 0;       ///< of that poll: operations that may still complete in it
    bool yielding = false;          ///< that task wants a further poll after others had their turn
    const interrupted* below = nullptr;  ///< the poll in the middle of which that one is made
    instant now{};                       ///< the clock as read at the start of the current turn
    /// The clock as it is, for what must not be early: reads it, or takes the virtual time.
    instant (*read_clock)(const execution&) noexcept = nullptr;
    const task_hooks* hooks = nullptr;  ///< of the runtime, for polls; null: none
    bound_value* locals = nullptr;      ///< values of task_locals for what is being polled
    task_counts counts;
};

/// Keeps what `exec` knows of the running poll, for a scope in which another task is run or
/// destroyed.
class interrupted {
public:
    explicit interrupted(execution& exec) noexcept
        : exec_(exec),
          task_(exec.task),
          line_(exec.line),
          woken_slots_(exec.woken_slots),
          budget_(exec.budget),
          yielding_(exec.yielding),
          locals_(std::exchange(exec.locals, nullptr)),
          below_(std::exchange(exec.below, this)) {}

    interrupted(const interrupted&) = delete;
    interrupted& operator=(const interrupted&) = delete;

    ~interrupted() {
        exec_.task = task_;
        exec_.line = line_;
        exec_.woken_slots = woken_slots_;
        exec_.budget = budget_;
        exec_.yielding = yielding_;
        exec_.locals = locals_;
        exec_.below = below_;
    }

    const task_header* task() const noexcept { return task_; }

    /// The poll that was interrupted by the one that was interrupted.
    const interrupted* below() const noexcept { return below_; }

private:
    execution& exec_;
    task_header* task_;
    context* line_;
    std::uint64_t woken_slots_;
    std::uint32_t budget_;
    bool yielding_;
    bound_value* locals_;
    const interrupted* below_;
};

/// The execution of the calling thread; null on a thread that belongs to no runtime.
execution* current_execution() noexcept;
void set_current_execution(execution* exec) noexcept;

/// What is known of a kind of wait.
struct leaf_kind {
    /// Polls the operation. Returns: the coroutine to resume, or null while there is nothing to do.
    /// The leaf may be gone by then: it lives in the frame of that coroutine.
    std::coroutine_handle<> (*poll)(struct leaf& self, context& cx) noexcept;
    /// Asks what is below (groups of branches) to end. Returns: true when the leaf may be destroyed
    /// now without blocking. May be null: always true.
    bool (*prepare_drop)(struct leaf& self) noexcept;
    /// What the task waits for, in a word or two, for dumps.
    const char* name;
    /// Lists what waits below (the branches of a select), for dumps. May be null.
    void (*visit)(struct leaf& self, void (*seen)(void* to, const context& branch), void* to);
};

/// The point at which a line of a task is suspended. Lives in the awaiter, so in the coroutine's
/// frame.
struct leaf {
    const leaf_kind* kind;          ///< set when the line is suspended
    promise_base* frame = nullptr;  ///< the coroutine that waits
};

/// prepare_drop() of a combinator; true for anything else.
template <class Op>
bool prepare_drop_of(Op& op) noexcept {
    if constexpr (requires { op.prepare_drop(); }) {
        return op.prepare_drop();
    } else {
        return true;
    }
}

/// Shows the branches of a combinator to `seen`; anything else has none.
template <class Op>
void visit_branches_of(Op& op, void (*seen)(void* to, const context& branch), void* to) {
    if constexpr (requires { op.visit_branches(seen, to); }) op.visit_branches(seen, to);
}

/// A place in a frame that owns children on other workers; see task_group. Listed by the line that
/// runs the frame.
struct group_link {
    group_link* next = nullptr;
    group_link** place = nullptr;  ///< what points to it; null: not listed
    /// Cancels the children. Returns: true when none is alive any more. Wakes the line otherwise,
    /// when the last one has gone.
    bool (*cancel_children)(group_link& self) noexcept = nullptr;
    group_core* children = nullptr;

    bool is_linked() const noexcept { return place != nullptr; }

    void unlink() noexcept {
        *place = next;
        if (next != nullptr) next->place = place;
        place = nullptr;
    }
};

}  // namespace detail

/// What an operation learns when it is polled: who asks, and so whom to wake.
///
/// A context is one *line* of a task: its main line, or one branch of a select or join. A line is a
/// chain of coroutines that await each other; it is suspended at one leaf, the innermost operation.
/// Operations written by users see a context only during poll(), on the thread that polls the task.
///
/// Thread-safe: no.
class context {
public:
    context(const context&) = delete;
    context& operator=(const context&) = delete;

    ~context() {
        if (groups_ != nullptr) [[unlikely]]
            unlink_groups();
    }

    /// A waker that makes this line be polled again.
    edo::waker waker() const noexcept;

    /// The runtime's time at the start of this turn of the worker.
    instant now() const noexcept { return execution().now; }

    /// Takes one unit of the task's budget. After 128 units a task has to let others run.
    /// Returns: false when none is left; then the operation must report that it is not ready, and
    ///          the line is polled again after others had their turn. The library charges every
    ///          operation by itself; only an operation that does unbounded work in one poll needs
    ///          to call this.
    inline bool charge() noexcept;

    // What follows is for the library.

    /// The main line of `task`.
    explicit context(detail::task_header& task) noexcept : task_(task) {}

    detail::task_header& task() const noexcept { return task_; }

    inline detail::execution& execution() const noexcept;

    detail::wake_target target() const noexcept {
        return {task_, is_made() ? slot_ : slot_once_made()};
    }

    inline bool has_budget() const noexcept;
    inline void spend_budget() noexcept;
    /// Whether a leaf may poll the task that it waits for in the middle of its own poll: not in a
    /// branch, whose siblings would wait too, and not on a thread that is no worker.
    inline bool may_run_others() const noexcept;
    /// Has this line polled again after others had their turn.
    void yield() noexcept;
    /// The same, because the budget is used up.
    void yield_for_budget() noexcept;

    /// Runs the line until it waits or ends: polls its leaf and resumes the coroutine above it.
    /// Returns: true when the topmost coroutine has ended.
    bool run() noexcept;
    /// The same; see run_line.h.
    inline bool run_on(detail::execution& exec) noexcept;

    /// Where run() begins: the topmost coroutine, not yet started.
    void start(detail::promise_base& top) noexcept { set_ready(top); }

    /// First half of dropping the line: cancels what runs elsewhere on its behalf.
    /// Returns: true when drop() may follow; else the line is woken when it is time to ask again.
    bool prepare_drop() noexcept;
    /// A group of this line, or of a branch below it, that has children; null if there is none.
    detail::group_core* group_with_children() noexcept;
    /// Destroys the line's suspended coroutines, from the innermost outwards and without recursion.
    void drop() noexcept;

    bool is_done() const noexcept { return (flags_ & done_bit) != 0; }

    bool is_main() const noexcept { return (flags_ & branch_bit) == 0; }

    /// False only of a line_to_be.
    bool is_made() const noexcept { return slot_ != not_made; }

    /// Where the line is suspended; null if it is not.
    detail::leaf* leaf() const noexcept {
        return (at_ & 1) == 0 ? reinterpret_cast<detail::leaf*>(at_) : nullptr;
    }

    // Called by awaiters while the line runs.

    void suspend_at(detail::leaf& at) noexcept { at_ = reinterpret_cast<std::uintptr_t>(&at); }

    /// Goes on with `next` at once, or through run() when the stack may have become deep.
    std::coroutine_handle<> transfer(detail::promise_base& next) noexcept;

    std::coroutine_handle<> finish() noexcept {
        flags_ |= done_bit;
        return std::noop_coroutine();
    }

    void add_group(detail::group_link& group) noexcept {
        group.next = groups_;
        group.place = &groups_;
        if (groups_ != nullptr) groups_->place = &group.next;
        groups_ = &group;
    }

protected:
    struct as_branch {};

    context(detail::task_header& task, as_branch) noexcept : task_(task), flags_(branch_bit) {}

    std::uint8_t slot_of_branch() const noexcept { return slot_; }

    void set_slot(std::uint8_t slot) noexcept { slot_ = slot; }

    /// In place of the slot: the line is made when somebody asks for it; see line_to_be.
    static constexpr std::uint8_t not_made = 0xff;

private:
    static constexpr std::uint8_t done_bit = 1;
    static constexpr std::uint8_t branch_bit = 2;

    std::uint8_t slot_once_made() const noexcept;
    void unlink_groups() noexcept;

    void set_ready(detail::promise_base& next) noexcept {
        at_ = reinterpret_cast<std::uintptr_t>(&next) | 1;
    }

    detail::promise_base* take_ready() noexcept {
        if ((at_ & 1) == 0) return nullptr;
        return reinterpret_cast<detail::promise_base*>(std::exchange(at_, 0) & ~std::uintptr_t{1});
    }

    detail::task_header& task_;
    // The leaf at which the line is suspended; or, marked by the lowest bit, the coroutine that
    // goes on without asking; or 0: running.
    std::uintptr_t at_ = 0;
    detail::group_link* groups_ = nullptr;
    std::uint8_t transfers_ = 0;
    std::uint8_t slot_ = 0;
    std::uint8_t flags_ = 0;  // one byte, as two bits cannot be set without being read before
};

namespace detail {

/// A branch of a select, join or timeout: a line below another one. Has a slot of its own, so that
/// it is polled only when it was woken, or shares the main line's if all are taken.
class branch_context final : public context {
public:
    /// A branch of `parent`'s task.
    explicit branch_context(context& parent) noexcept;
    ~branch_context();

    /// True when a wake may concern this line or a branch of it, in the current poll of the task.
    inline bool is_woken() const noexcept;

    /// Takes a branch that outlives its combinator out of the tree of lines.
    void detach() noexcept {
        if (parent_ != nullptr) take_from_those_above();
        parent_ = nullptr;
    }

    /// Puts it below another line of the same task, which polls it next: all of it, because polls
    /// of the task that did not reach it have used up the wakes of the lines below.
    void attach_again(context& parent) noexcept;

    /// Aborts unless the line goes where it was started: in its own task.
    void check_dropped_by_its_task() const noexcept;

private:
    void attach(context& parent) noexcept {
        if (!parent.is_main()) attach_to_branch(parent);
    }

    void attach_to_branch(context& parent) noexcept;
    void add_to_those_above() noexcept;
    void take_from_those_above() noexcept;

    branch_context* parent_ = nullptr;  // null too if that is the main line
    // this line's slot and those of branches below; 0: polled at each wake
    std::uint64_t slots_ = 0;
    std::uint32_t shared_ = 0;  // lines at and below this one without a slot: polled at each wake
    bool owns_slot_ = false;
};

/// What an operation sees at the first poll of its branch. Often it is ready by then and never asks
/// whom to wake: then no line is made. The first question makes it, where the branch keeps it, and
/// the line is what all later polls see. So nothing may refer to this object after the poll; what
/// has to, such as a branch below, refers to the line.
class line_to_be final : public context {
public:
    line_to_be(context& parent, std::optional<branch_context>& place) noexcept
        : context(parent.task(), as_branch{}), parent_(parent), place_(place) {
        set_slot(not_made);
    }

    /// The line; makes it unless that is done.
    branch_context& made() const noexcept;

private:
    context& parent_;
    std::optional<branch_context>& place_;
};

}  // namespace detail
}  // namespace edo

// defines the inline functions of context, which look into the task
#include <edo/task/state/header.h>
