#pragma once

#include <type_traits>
#include <utility>

#include <edo/base/result.h>
#include <edo/sync/wait/cancel_tree.h>
#include <edo/task/await/branch.h>
#include <edo/task/context.h>

namespace edo::sync {

/// Waits for a token to be cancelled; see cancellation_token::cancelled(). Keeps the token's state
/// alive.
class [[nodiscard]] cancelled_operation {
public:
    static constexpr const char* wait_name = "cancellation";
    static constexpr bool is_waiting_at_first = true;

    explicit cancelled_operation(const detail::cancel_handle& token) noexcept : token_(token) {}

    cancelled_operation(cancelled_operation&& other) noexcept
        : token_(std::move(other.token_)), node_(std::move(other.node_)) {}

    ~cancelled_operation() {
        if (node_.is_known()) token_->abandon(node_);
    }

    bool poll(context& cx) noexcept { return token_->poll(node_, cx); }

    void take() noexcept {}

    /// For the library; see edo::release_line().
    void release_line() noexcept { node_.release_line(); }

private:
    detail::cancel_handle token_;
    detail::wait_node node_;
};

/// Runs an operand until a token is cancelled; see cancellation_token::run_until_cancelled().
template <class A>
class [[nodiscard]] until_cancelled_operation {
    using yielded = detail::yielded_t<A>;

public:
    static constexpr bool is_combinator = true;
    static constexpr const char* wait_name = "run_until_cancelled";
    using result_type = detail::flattened_t<yielded>;

    until_cancelled_operation(const detail::cancel_handle& token, A&& operand)
        : stop_(cancelled_operation(token)), work_(std::forward<A>(operand)) {}

    until_cancelled_operation(until_cancelled_operation&& other)
        : stop_(std::move(other.stop_)), work_(std::move(other.work_)) {}

    ~until_cancelled_operation() { drop_all(); }

    // When the work is to go, whatever still runs elsewhere for it is waited for.
    bool poll(context& cx) noexcept {
        if (stage_ == stage::running) stage_ = poll_branches(cx);
        if (stage_ == stage::running) return false;
        if (stage_ == stage::cancelled) {
            if (!work_.prepare_drop()) return false;
            work_.drop();
        }
        stop_.drop();
        return true;
    }

    result_type take() {
        if (stage_ == stage::cancelled) return errc::cancelled;
        const detail::drop_at_end guard(work_);
        if constexpr (std::is_void_v<yielded>) {
            work_.take();
            return {};
        } else {
            return work_.take();
        }
    }

    bool prepare_drop() noexcept { return work_.prepare_drop(); }

    void release_line() noexcept {
        work_.release_line();
        stop_.release_line();
    }

    void visit_branches(void (*seen)(void* to, const context& branch), void* to) {
        detail::show_branch(work_, seen, to);
    }

private:
    enum class stage : unsigned char { running, done, cancelled };

    stage poll_branches(context& cx) noexcept {
        // A token that is cancelled from the start wins over work that might be done at once; later
        // the work wins, so that nothing finished is thrown away.
        const bool was_started = std::exchange(is_started_, true);
        if (!was_started && stop_.poll(cx)) return stage::cancelled;
        if (work_.is_woken() && work_.poll(cx)) return stage::done;
        if (was_started && stop_.is_woken() && stop_.poll(cx)) return stage::cancelled;
        return stage::running;
    }

    void drop_all() noexcept {
        work_.drop();
        stop_.drop();
    }

    detail::branch<cancelled_operation> stop_;
    detail::branch<A> work_;
    stage stage_ = stage::running;
    bool is_started_ = false;
};

/// Cancels a token when it is destroyed; see cancellation_token::drop_guard().
class [[nodiscard]] cancellation_guard {
public:
    explicit cancellation_guard(detail::cancel_handle token) noexcept : token_(std::move(token)) {}

    cancellation_guard(cancellation_guard&& other) noexcept : token_(std::move(other.token_)) {}

    cancellation_guard& operator=(cancellation_guard&&) = delete;

    ~cancellation_guard() {
        if (token_) token_->cancel();
    }

    /// Does not cancel any more.
    void disarm() noexcept { token_ = {}; }

private:
    detail::cancel_handle token_;
};

/// A request to stop that many tasks can see, with sub-requests that form a tree.
///
///     edo::sync::cancellation_token stop;
///     edo::spawn(serve, stop.child_token());
///     stop.cancel();                                  // reaches every descendant
///
///     co_await edo::select(stop.cancelled(), work());
///
/// Copies are the same token. Cancelling a token cancels its descendants, not its ancestors, and
/// cannot be undone. For one task its join_handle is simpler: destroying the handle cancels the
/// task.
///
/// Thread-safe: yes, also across runtimes and from threads outside of any.
/// Cost:        one allocation for each token; tokens of one tree share a lock.
class cancellation_token {
public:
    /// A new tree. Throws std::bad_alloc.
    cancellation_token() : node_(detail::cancel_node::make_root()) {}

    cancellation_token(const cancellation_token& other) noexcept : node_(other.node_) {}

    cancellation_token& operator=(const cancellation_token& other) noexcept {
        node_ = other.node_;
        return *this;
    }

    ~cancellation_token() {}

    /// A token that is cancelled with this one, and can be cancelled alone. The child of a
    /// cancelled token is cancelled. Throws std::bad_alloc.
    cancellation_token child_token() const {
        return cancellation_token(detail::cancel_node::make_child(node_));
    }

    /// Cancels the token and all its descendants; a second time does nothing. When it returns, all
    /// of them are cancelled and all their waits are woken.
    void cancel() const noexcept { node_->cancel(); }

    /// True when this token or an ancestor was cancelled.
    bool is_cancelled() const noexcept { return node_->is_cancelled(); }

    /// Waits until the token is cancelled.
    /// Completes:    at once when it is.
    /// Cancellation: loses nothing.
    cancelled_operation cancelled() const noexcept { return cancelled_operation(node_); }

    /// Runs a task or an operation until it is done or the token is cancelled. Then the operand is
    /// dropped, before the awaiting coroutine goes on.
    ///
    ///     auto page = co_await edo::or_return(stop.run_until_cancelled(fetch(url)));
    ///
    /// Yields what the operand yields, as a result; a result in a result is flattened. Work that is
    /// done wins over a cancellation at the same time; nothing is started when the token is
    /// cancelled already.
    /// Errors:       errc::cancelled  the token was cancelled; what the operand loses by being
    ///               dropped is lost
    /// Cancellation: as that of the operand.
    template <detail::branch_operand A>
    until_cancelled_operation<A> run_until_cancelled(A&& operand) const {
        return until_cancelled_operation<A>(node_, std::forward<A>(operand));
    }

    /// Cancels the token when the guard is destroyed, unless it is disarmed before.
    cancellation_guard drop_guard() const noexcept { return cancellation_guard(node_); }

private:
    explicit cancellation_token(detail::cancel_handle node) noexcept : node_(std::move(node)) {}

    detail::cancel_handle node_;
};

}  // namespace edo::sync
