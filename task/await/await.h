#pragma once

// What `co_await` does inside a task, for each kind of operand: another task, an operation,
// or_return of either, or an awaitable that knows nothing of Edo.

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <edo/task/await/foreign.h>
#include <edo/task/operation.h>
#include <edo/task/or_return.h>
#include <edo/task/state/promise.h>
#include <edo/task/task.h>

namespace edo::detail {

/// Waits for a child coroutine and owns it meanwhile.
template <class T, bool Propagates>
class task_awaiter : std::conditional_t<is_result_v<T>, result_owner, frame_owner> {
public:
    explicit task_awaiter(promise<T>& awaited) noexcept {
        this->child = &awaited;
        this->propagates = Propagates;
    }

    task_awaiter(const task_awaiter&) = delete;
    task_awaiter& operator=(const task_awaiter&) = delete;

    ~task_awaiter() {
        if (this->child != nullptr) this->child->handle().destroy();
    }

    bool await_ready() const noexcept { return false; }

    template <class Parent>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Parent> waiting) noexcept {
        promise_base& parent = waiting.promise();
        this->child->parent = &parent;
        this->child->owner = this;
        this->child->line = parent.line;
        return parent.line->transfer(*this->child);
    }

    decltype(auto) await_resume() {
        if constexpr (Propagates) {
            return resume_with_value();
        } else {
            return resume_with_result();
        }
    }

private:
    promise<T>& ended() noexcept { return static_cast<promise<T>&>(*this->child); }

    T resume_with_result() {
        if constexpr (is_result_v<T>) {
            if (this->child == nullptr) return T(this->early);
        }
        return ended().output.take();
    }

    // An error never comes this far: it has ended the parent.
    auto resume_with_value() {
        if constexpr (std::is_void_v<typename T::value_type>) {
            static_cast<void>(ended().output.take());
        } else {
            return std::move(*ended().output.take());
        }
    }
};

/// poll_operation() in the coroutine that awaits.
template <class Op>
inline bool poll_at_await(Op& op, context& cx) noexcept {
    if constexpr (requires { op.poll_inline(cx); }) {
        return op.poll_inline(cx);
    } else {
        return poll_operation(op, cx);
    }
}

/// Waits for an operation. `Stays`: it is in a variable, which may survive a drop of the wait.
template <class Op, bool Stays>
class leaf_awaiter : leaf {
public:
    leaf_awaiter(Op& op, promise_base& waiting) noexcept : op_(op) { frame = &waiting; }

    leaf_awaiter(const leaf_awaiter&) = delete;
    leaf_awaiter& operator=(const leaf_awaiter&) = delete;

    ~leaf_awaiter() {
        if constexpr (Stays) release_line(op_);
    }

    bool await_ready() noexcept { return poll_at_await(op_, *frame->line); }

    void await_suspend(std::coroutine_handle<>) noexcept {
        kind = &kind_of;
        frame->line->suspend_at(*this);
    }

    decltype(auto) await_resume() { return op_.take(); }

private:
    static std::coroutine_handle<> poll(leaf& self, context& cx) noexcept {
        auto& me = static_cast<leaf_awaiter&>(self);
        return poll_operation(me.op_, cx) ? me.frame->handle() : std::coroutine_handle<>{};
    }

    static bool prepare_drop(leaf& self) noexcept {
        return prepare_drop_of(static_cast<leaf_awaiter&>(self).op_);
    }

    static void visit(leaf& self, void (*seen)(void*, const context&), void* to) {
        visit_branches_of(static_cast<leaf_awaiter&>(self).op_, seen, to);
    }

    static constexpr leaf_kind kind_of{&poll, combinator<Op> && !Stays ? &prepare_drop : nullptr,
                                       wait_name_of<Op>(), combinator<Op> ? &visit : nullptr};

    Op& op_;
};

/// Waits for an operation that yields a result; an error ends the waiting coroutine.
template <class Op, bool Stays>
class propagating_leaf_awaiter : leaf {
    using result_type = std::remove_cvref_t<taken_t<Op>>;
    static constexpr bool may_throw = !noexcept(std::declval<Op&>().take());

public:
    propagating_leaf_awaiter(Op& op, promise_base& waiting) noexcept : op_(op) { frame = &waiting; }

    propagating_leaf_awaiter(const propagating_leaf_awaiter&) = delete;
    propagating_leaf_awaiter& operator=(const propagating_leaf_awaiter&) = delete;

    ~propagating_leaf_awaiter() {
        if constexpr (Stays) release_line(op_);
    }

    bool await_ready() {
        if (!poll_at_await(op_, *frame->line)) return false;
        taken_.emplace(op_.take());
        return taken_->has_value();
    }

    std::coroutine_handle<> await_suspend(std::coroutine_handle<>) noexcept {
        if (taken_) return promise_base::end_early(*frame, taken_->error());  // *this is gone
        kind = &kind_of;
        frame->line->suspend_at(*this);
        return std::noop_coroutine();
    }

    auto await_resume() {
        if constexpr (may_throw) {
            // The operation was ready in poll(), which cannot throw into the coroutine: it does so
            // here.
            if (!taken_) std::rethrow_exception(std::move(thrown_));
        }
        if constexpr (std::is_void_v<typename result_type::value_type>) {
            return;
        } else {
            return std::move(**taken_);
        }
    }

private:
    static std::coroutine_handle<> poll(leaf& self, context& cx) noexcept {
        auto& me = static_cast<propagating_leaf_awaiter&>(self);
        if (!poll_operation(me.op_, cx)) return {};
        if (!me.take_result() || me.taken_->has_value()) return me.frame->handle();
        return promise_base::end_early(*me.frame, me.taken_->error());
    }

    // Returns: false when take() has thrown.
    bool take_result() noexcept {
        if constexpr (may_throw) {
            try {
                taken_.emplace(op_.take());
            } catch (...) {
                thrown_ = std::current_exception();
                return false;
            }
        } else {
            taken_.emplace(op_.take());
        }
        return true;
    }

    static bool prepare_drop(leaf& self) noexcept {
        return prepare_drop_of(static_cast<propagating_leaf_awaiter&>(self).op_);
    }

    static void visit(leaf& self, void (*seen)(void*, const context&), void* to) {
        visit_branches_of(static_cast<propagating_leaf_awaiter&>(self).op_, seen, to);
    }

    static constexpr leaf_kind kind_of{&poll, combinator<Op> && !Stays ? &prepare_drop : nullptr,
                                       wait_name_of<Op>(), combinator<Op> ? &visit : nullptr};

    struct nothing {};

    Op& op_;
    std::optional<result_type> taken_;
    [[no_unique_address]] std::conditional_t<may_throw, std::exception_ptr, nothing> thrown_;
};

/// or_return of a result that is there already.
template <class T>
class propagating_result_awaiter {
public:
    propagating_result_awaiter(result<T>& taken, promise_base& waiting) noexcept
        : taken_(taken), waiting_(waiting) {}

    bool await_ready() const noexcept { return taken_.has_value(); }

    std::coroutine_handle<> await_suspend(std::coroutine_handle<>) noexcept {
        return promise_base::end_early(waiting_, taken_.error());
    }

    auto await_resume() {
        if constexpr (std::is_void_v<T>) {
            return;
        } else {
            return std::move(*taken_);
        }
    }

private:
    result<T>& taken_;
    promise_base& waiting_;
};

template <class A>
inline constexpr bool is_or_return_v = false;
template <class A>
inline constexpr bool is_or_return_v<or_return_of<A>> = true;

/// Whether a task can await an A, and as what.
template <class A, class T>
decltype(auto) make_awaiter(promise_common<T>& waiting, A&& awaitable) {
    using bare = std::remove_cvref_t<A>;
    if constexpr (is_task_v<bare>) {
        return task_awaiter<typename bare::value_type, false>(awaitable.release(waiting.site));
    } else if constexpr (is_or_return_v<bare>) {
        static_assert(!std::is_lvalue_reference_v<A>,
                      "await or_return(...) in the expression that makes it: it refers to its "
                      "operand, which may be gone later");
        static_assert(is_result_v<T>,
                      "or_return ends this coroutine with an error, so the coroutine must yield "
                      "edo::result<...>");
        using inner = typename bare::inner_type;
        if constexpr (is_task_v<inner>) {
            using yielded = typename inner::value_type;
            static_assert(is_result_v<yielded>,
                          "or_return needs a task that yields edo::result<...>");
            return task_awaiter<yielded, true>(awaitable.inner().release(waiting.site));
        } else if constexpr (is_result_v<inner>) {
            return propagating_result_awaiter<typename inner::value_type>(awaitable.inner(),
                                                                          waiting);
        } else {
            static_assert(operation<inner>,
                          "or_return takes a task, an operation or a result; wrap a foreign "
                          "awaitable in a task");
            return propagating_leaf_awaiter<inner, bare::is_reference>(awaitable.inner(), waiting);
        }
    } else if constexpr (operation<bare>) {
        constexpr bool stays = std::is_lvalue_reference_v<A>;
        return leaf_awaiter<std::remove_reference_t<A>, stays>(awaitable, waiting);
    } else {
        static_assert(
            foreign_awaitable<A>,
            "this type cannot be awaited: it is no edo::task, no operation (poll and take, see "
            "edo/task/operation.h) and no C++20 awaitable");
        return foreign_awaiter<A>(std::forward<A>(awaitable), waiting);
    }
}

}  // namespace edo::detail
