#pragma once

#include <coroutine>
#include <cstdint>
#include <source_location>

#include <edo/base/clock.h>
#include <edo/base/intrusive_list.h>
#include <edo/base/random.h>
#include <edo/base/seam/tuning.h>
#include <edo/task/waker.h>

namespace edo {

class context;
class task_group;

namespace detail {

class promise_base;
class reactor;
class registry;
class scheduler;
class task_header;
class timer_wheel;

/// What a task can see of the thread that polls it. The runtime fills it in; io and timer know the
/// types behind the pointers. One per worker; only that worker's thread touches it.
struct execution {
    class scheduler* scheduler = nullptr;
    class reactor* reactor = nullptr;
    timer_wheel* wheel = nullptr;
    random* choices = nullptr;
    task_header* task = nullptr;  ///< the task that is being polled, if one is
    context* line = nullptr;      ///< the line of that task that is running
    instant now{};                ///< the clock as read at the start of the current turn
    /// The clock as it is, for what must not be early: reads it, or takes the virtual time.
    instant (*read_clock)(const execution&) noexcept = nullptr;
};

/// The execution of the calling thread; null on a thread that belongs to no runtime.
execution* current_execution() noexcept;
void set_current_execution(execution* exec) noexcept;

/// What is known of a kind of wait.
struct leaf_kind {
    /// Polls the operation. Returns: the coroutine to resume, or null while there is nothing to do.
    /// The
    /// leaf may be gone by then: it lives in the frame of that coroutine.
    std::coroutine_handle<> (*poll)(struct leaf& self, context& cx) noexcept;
    /// Asks what is below (groups of branches) to end. Returns: true when the leaf may be destroyed
    /// now
    /// without blocking. May be null: always true.
    bool (*prepare_drop)(struct leaf& self) noexcept;
    /// What the task waits for, in a word or two, for dumps.
    const char* name;
    /// Lists what waits below (the branches of a select), for dumps. May be null.
    void (*visit)(struct leaf& self, void (*seen)(void* to, const context& branch), void* to);
};

/// The point at which a line of a task is suspended. Lives in the awaiter, so in the coroutine's
/// frame.
struct leaf {
    const leaf_kind* kind;
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

/// A place in a frame that owns children on other workers; see task_group.
struct group_link : list_node {
    /// Cancels the children. Returns: true when none is alive any more. Wakes the line otherwise,
    /// when
    /// the last one has gone.
    bool (*cancel_children)(group_link& self) noexcept = nullptr;
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
    ~context();

    /// A waker that makes this line be polled again.
    edo::waker waker() const noexcept;

    /// The runtime's time at the start of this turn of the worker.
    instant now() const noexcept { return execution().now; }

    /// Takes one unit of the task's budget. After 128 units a task has to let others run.
    /// Returns: false when none is left; then the operation must report that it is not ready, and
    /// the
    ///          line is polled again after others had their turn.
    /// The library charges every operation by itself; only an operation that does unbounded work in
    /// one
    /// poll needs to call this.
    inline bool charge() noexcept;

    // What follows is for the library.

    /// The main line of `task`.
    explicit context(detail::task_header& task) noexcept : task_(task) {}

    /// A branch of `parent`'s task. Takes a slot if one is free, else shares the parent's.
    explicit context(context& parent) noexcept;

    detail::task_header& task() const noexcept { return task_; }

    inline detail::execution& execution() const noexcept;

    detail::wake_target target() const noexcept { return {task_, slot_}; }

    inline bool has_budget() const noexcept;
    inline void spend_budget() noexcept;
    /// Has this line polled again after others had their turn.
    void yield() noexcept;

    /// True when a wake may concern this line or a branch of it, in the current poll of the task.
    inline bool is_woken() const noexcept;

    /// Runs the line until it waits or ends: polls its leaf and resumes the coroutine above it.
    /// Returns: true when the topmost coroutine has ended.
    bool run() noexcept;

    /// Where run() begins: the topmost coroutine, not yet started.
    void start(detail::promise_base& top) noexcept { ready_ = &top; }

    /// First half of dropping the line: cancels what runs elsewhere on its behalf.
    /// Returns: true when drop() may follow; else the line is woken when it is time to ask again.
    bool prepare_drop() noexcept;
    /// Destroys the line's suspended coroutines, from the innermost outwards and without recursion.
    void drop() noexcept;

    /// Takes a branch that outlives its combinator out of the tree of lines, and puts it below
    /// another
    /// line of the same task.
    void detach() noexcept;
    void attach(context& parent) noexcept;

    bool is_done() const noexcept { return done_; }

    bool is_started() const noexcept { return leaf_ != nullptr || started_; }

    detail::leaf* leaf() const noexcept { return leaf_; }

    detail::promise_base* ready_frame() const noexcept { return ready_; }

    // Called by awaiters while the line runs.

    void suspend_at(detail::leaf& at) noexcept { leaf_ = &at; }

    void unsuspend() noexcept { leaf_ = nullptr; }

    /// Goes on with `next` at once, or through run() when the stack may have become deep.
    std::coroutine_handle<> transfer(detail::promise_base& next) noexcept;

    std::coroutine_handle<> finish() noexcept {
        done_ = true;
        return std::noop_coroutine();
    }

    void add_group(detail::group_link& group) noexcept { groups_.push_back(group); }

private:
    friend class detail::task_header;

    detail::task_header& task_;
    context* parent_ = nullptr;
    detail::leaf* leaf_ = nullptr;  // where the line is suspended, or
    // which coroutine goes on without asking, or neither: running
    detail::promise_base* ready_ = nullptr;
    detail::intrusive_list<detail::group_link> groups_;
    // this line's slot and those of branches below; 0: polled at each wake
    std::uint64_t slots_ = 0;
    std::uint32_t shared_ = 0;  // lines at and below this one without a slot: polled at each wake
    std::uint8_t slot_ = 0;
    std::uint8_t transfers_ = 0;
    bool owns_slot_ = false;
    bool done_ = false;
    bool started_ = false;
};

}  // namespace edo

// defines the inline functions of context, which look into the task
#include <edo/task/state/header.h>
