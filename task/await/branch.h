#pragma once

#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <edo/task/await/await.h>
#include <edo/task/context.h>
#include <edo/task/operation.h>
#include <edo/task/state/promise.h>
#include <edo/task/task.h>

namespace edo::detail {

/// Stands for void where a value is needed.
template <class T>
using non_void_t = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
/// How a combinator stores what a branch yields: a reference becomes a pointer.
template <class T>
using stored_t =
    std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, non_void_t<T>>;

/// One operand of select, join or timeout: an operation or a task, polled as a line of its own.
///
/// `A` is the operand as the user passed it: `X` for a temporary, which the branch owns and drops
/// with itself; `X&` for a variable, which survives the branch and can be a branch again.
///
/// The combinator may be in a variable too, and outlive the line that has polled it. release_line()
/// prepares its branches for that: what has started stays, what refers to the line goes, and the
/// next poll asks everything again. May be moved until its first poll.
template <class A>
class branch;

/// Drops a branch whose output is taken, also when that is an exception: before the awaiting
/// coroutine goes on.
template <class Branch>
class drop_at_end {
public:
    explicit drop_at_end(Branch& ended) noexcept : ended_(ended) {}

    drop_at_end(const drop_at_end&) = delete;
    drop_at_end& operator=(const drop_at_end&) = delete;

    ~drop_at_end() { ended_.drop(); }

private:
    Branch& ended_;
};

/// What a branch of this operand yields.
template <class A>
using yielded_t = decltype(std::declval<branch<A>&>().take());

template <class F>
auto store(F&& take) -> stored_t<decltype(take())> {
    using T = decltype(take());
    if constexpr (std::is_void_v<T>) {
        take();
        return std::monostate{};
    } else if constexpr (std::is_reference_v<T>) {
        return &take();
    } else {
        return take();
    }
}

/// An operation that a branch owns until it is dropped. As std::optional, but what is made in it is
/// not copied there from elsewhere.
template <class Op>
class owned_operation {
public:
    explicit owned_operation(Op&& operand) noexcept(std::is_nothrow_move_constructible_v<Op>)
        : op_(std::move(operand)) {}

    owned_operation(owned_operation&& other) noexcept(std::is_nothrow_move_constructible_v<Op>)
        : is_here_(other.is_here_) {
        if (is_here_) ::new (&op_) Op(std::move(other.op_));
    }

    owned_operation& operator=(owned_operation&&) = delete;

    ~owned_operation() { reset(); }

    Op& operator*() noexcept { return op_; }

    void reset() noexcept {
        if (std::exchange(is_here_, false)) op_.~Op();
    }

private:
    union {
        Op op_;
    };

    bool is_here_ = true;
};

/// The same of an operation that may stay: nothing happens when it goes.
template <class Op>
    requires std::is_trivially_destructible_v<Op>
class owned_operation<Op> {
public:
    explicit owned_operation(Op&& operand) noexcept(std::is_nothrow_move_constructible_v<Op>)
        : op_(std::move(operand)) {}

    Op& operator*() noexcept { return op_; }

    void reset() noexcept {}

private:
    Op op_;
};

/// An operation.
template <class A>
    requires operation<std::remove_reference_t<A>>
class branch<A> {
    using op_type = std::remove_reference_t<A>;
    static constexpr bool owns = !std::is_reference_v<A>;

public:
    explicit branch(A&& operand) : op_(hold(std::forward<A>(operand))) {}

    branch(branch&& other) noexcept(!owns || std::is_nothrow_move_constructible_v<op_type>)
        : op_(std::move(other.op_)) {}

    branch& operator=(branch&&) = delete;

    ~branch() { drop(); }

    bool poll(context& parent) noexcept {
        return line_ ? poll_operation(op(), *line_) : poll_first(parent);
    }

    /// poll(), if a wake may concern the branch.
    bool poll_if_woken(context& parent) noexcept {
        return line_ ? poll_again_if_woken() : poll_first(parent);
    }

    bool is_woken() const noexcept { return !line_ || line_->is_woken(); }

    decltype(auto) take() { return op().take(); }

    bool prepare_drop() noexcept {
        if constexpr (owns) {
            return !line_ || prepare_drop_of(op());
        } else {
            return true;  // the variable survives, with all that runs elsewhere on its behalf
        }
    }

    void drop() noexcept {
        if constexpr (owns) {
            op_.reset();
            line_.reset();
        } else {
            release_line();
        }
    }

    void release_line() noexcept {
        if (!line_) return;
        edo::release_line(op());
        line_.reset();
    }

    const context* line() const noexcept { return line_ ? &*line_ : nullptr; }

    const char* wait_name() const noexcept { return wait_name_of<op_type>(); }

    void visit(void (*seen)(void* to, const context& branch), void* to) {
        if (line_) visit_branches_of(op(), seen, to);
    }

private:
    // Whether the line is made when the operation asks for it. One that survives has to be told
    // that the line goes, asked or not.
    static constexpr bool asks_for_line =
        !waiting_at_first<op_type> && (owns || !requires(op_type& op) { op.release_line(); });

    bool poll_again_if_woken() noexcept {
        return line_->is_woken() && poll_operation(op(), *line_);
    }

    bool poll_first(context& parent) noexcept {
        if constexpr (!asks_for_line) {
            return poll_operation(op(), line_.emplace(parent));
        } else if (has_budget_for<op_type>(parent)) {
            line_to_be first(parent, line_);
            if (poll_within_budget(op(), first)) return true;
            if (!line_) line_.emplace(parent);
            return false;
        } else {
            put_off(op(), line_.emplace(parent));
            return false;
        }
    }

    static auto hold(A&& operand) {
        if constexpr (owns) {
            return owned_operation<op_type>(std::move(operand));
        } else {
            return &operand;
        }
    }

    op_type& op() noexcept { return *op_; }

    std::optional<branch_context> line_;  // outlives the operation: it is declared first
    std::conditional_t<owns, owned_operation<op_type>, op_type*> op_;
};

/// A task that the branch owns.
template <class T>
class branch<task<T>> : std::conditional_t<is_result_v<T>, result_owner, frame_owner> {
public:
    explicit branch(task<T>&& operand) : task_(std::move(operand)) {
        EDO_CHECK(
            static_cast<bool>(task_),
            "a task was given to a combinator that has none of its coroutine left: it was awaited "
            "before, or moved from");
    }

    branch(branch&& other) noexcept : task_(std::move(other.task_)) {}

    branch& operator=(branch&&) = delete;

    ~branch() { drop(); }

    bool poll(context& parent) noexcept {
        if (!line_) {
            start(parent);
        } else if (std::exchange(is_detached_, false)) {
            line_->attach_again(parent);
        }
        return line_->run();
    }

    bool poll_if_woken(context& parent) noexcept { return is_woken() && poll(parent); }

    bool is_woken() const noexcept { return !line_ || is_detached_ || line_->is_woken(); }

    T take() {
        if constexpr (is_result_v<T>) {
            if (this->child == nullptr) return T(this->early);
        }
        return static_cast<promise<T>*>(this->child)->output.take();
    }

    bool prepare_drop() noexcept { return !line_ || line_->is_done() || line_->prepare_drop(); }

// A combinator that was never polled destroys its branches with an empty line_. When the checks of
// a sanitizer lie between, g++ 12 no longer sees that *line_ is read only behind `if (!line_)`.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
    void drop() noexcept {
        if (!line_) {
            task_ = task<T>{};
            return;
        }
        if (is_detached_) line_->check_dropped_by_its_task();
        if (!line_->is_done()) line_->drop();
        if (this->child != nullptr) std::exchange(this->child, nullptr)->handle().destroy();
        line_.reset();
    }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

    void release_line() noexcept {
        if (!line_ || std::exchange(is_detached_, true)) return;
        line_->detach();
    }

    const context* line() const noexcept { return line_ ? &*line_ : nullptr; }

    const char* wait_name() const noexcept { return nullptr; }

    void visit(void (*)(void*, const context&), void*) {}

private:
    void start(context& parent) noexcept {
        line_.emplace(parent);
        promise<T>& top = task_.release();
        this->child = &top;
        top.owner = this;
        top.line = &*line_;
        line_->start(top);
    }

    std::optional<branch_context> line_;
    task<T> task_;
    bool is_detached_ = false;  // the line has no parent until the next poll
};

/// What a task that is polled as a variable needs between two combinators: the line goes with the
/// task.
template <class T>
class pinned_line final : public task_line_base,
                          public std::conditional_t<is_result_v<T>, result_owner, frame_owner> {
public:
    pinned_line(context& parent, promise<T>& top) noexcept : line_(parent) {
        this->child = &top;
        top.owner = this;
        top.line = &line_;
        line_.start(top);
    }

    ~pinned_line() override {
        line_.check_dropped_by_its_task();
        if (!line_.is_done()) line_.drop();
        if (this->child != nullptr) std::exchange(this->child, nullptr)->handle().destroy();
    }

    // Made in memory of allocate_frame(); see branch<task<T>&>.
    static void operator delete(void* memory, std::size_t size) noexcept {
        free_frame(memory, size);
    }

    branch_context& line() noexcept { return line_; }

    T take() {
        if constexpr (is_result_v<T>) {
            if (this->child == nullptr) return T(this->early);
        }
        return static_cast<promise<T>*>(this->child)->output.take();
    }

private:
    branch_context line_;
};

/// A task in a variable of the user: it goes on where it was when the next combinator polls it.
template <class T>
class branch<task<T>&> {
public:
    /// Throws std::bad_alloc: a poll cannot, so the memory for the line is taken here.
    explicit branch(task<T>& operand) : task_(&operand) {
        EDO_CHECK(
            static_cast<bool>(operand),
            "a task was given to a combinator that has none of its coroutine left: it was awaited "
            "before, or moved from");
        if (operand.pinned() == nullptr) room_ = allocate_frame(sizeof(pinned_line<T>));
    }

    branch(branch&& other) noexcept
        : task_(std::exchange(other.task_, nullptr)), room_(std::exchange(other.room_, nullptr)) {}

    branch& operator=(branch&&) = delete;

    ~branch() {
        drop();
        if (room_ != nullptr) free_frame(room_, sizeof(pinned_line<T>));
    }

    bool poll(context& parent) noexcept {
        if (!attached_) {
            attached_ = true;
            if (pinned() == nullptr) {
                void* const memory = std::exchange(room_, nullptr);
                task_->pin(::new (memory) pinned_line<T>(parent, task_->frame()));
            } else {
                pinned()->line().attach_again(parent);
            }
        }
        return pinned()->line().run();
    }

    bool poll_if_woken(context& parent) noexcept { return is_woken() && poll(parent); }

    bool is_woken() const noexcept { return !attached_ || pinned()->line().is_woken(); }

    T take() {
        // The task has ended: the variable is empty from now on.
        attached_ = false;
        task<T> ended = std::move(*task_);
        return static_cast<pinned_line<T>*>(ended.pinned())->take();
    }

    bool prepare_drop() noexcept { return true; }

    void drop() noexcept {
        if (std::exchange(attached_, false)) pinned()->line().detach();
    }

    void release_line() noexcept { drop(); }

    const context* line() const noexcept { return attached_ ? &pinned()->line() : nullptr; }

    const char* wait_name() const noexcept { return nullptr; }

    void visit(void (*)(void*, const context&), void*) {}

private:
    pinned_line<T>* pinned() const noexcept {
        return static_cast<pinned_line<T>*>(task_->pinned());
    }

    task<T>* task_;
    void* room_ = nullptr;  // for the line of a task that has not started yet
    bool attached_ = false;
};

/// Shows a branch, and those of the operation in it, to `seen`.
template <class Branch>
void show_branch(Branch& shown, void (*seen)(void* to, const context& branch), void* to) {
    if (shown.line() != nullptr) seen(to, *shown.line());
    shown.visit(seen, to);
}

template <class A>
concept branch_operand = requires { sizeof(branch<A>); };

}  // namespace edo::detail
