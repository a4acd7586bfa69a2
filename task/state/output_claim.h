#pragma once

#include <exception>
#include <source_location>
#include <system_error>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/error.h>
#include <edo/task/operation.h>
#include <edo/task/state/cell.h>

namespace edo {

template <class T>
class join_outcome;

namespace detail {

/// Owns one reference to a spawned task and the right to its output.
template <class T>
class output_claim {
public:
    output_claim() noexcept = default;

    explicit output_claim(task_cell<T>& counted) noexcept : cell_(&counted) {}

    output_claim(output_claim&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}

    output_claim& operator=(output_claim&&) = delete;

    explicit operator bool() const noexcept { return cell_ != nullptr; }

    task_cell<T>& cell(std::source_location used_at) const noexcept {
        if (cell_ == nullptr) [[unlikely]]
            fail(
                "a handle was used that holds no task: it was joined, taken from, detached or "
                "moved away before",
                used_at);
        return *cell_;
    }

    /// Requires: it holds a task, as was checked when the operation was made.
    task_cell<T>& cell() const noexcept { return cell(std::source_location::current()); }

    /// The output, which is told by that. Requires: the task is complete.
    output_slot<T>& output_to_take() const noexcept {
        cell().output_was_taken.store(true, relaxed);  // decides about a report only
        return cell().output();
    }

    /// Gives up the output; `cancel` asks the task to end as well.
    // Out of line: g++ 12 else warns of handles in a std::optional that is empty.
    [[gnu::noinline]] void give_up(bool cancel) noexcept {
        if (cell_ == nullptr) return;
        task_cell<T>& c = *std::exchange(cell_, nullptr);
        if (!cancel && c.state.drop_handle_simply()) return;
        const auto was = c.state.drop_handle(cancel);
        if (was.complete) c.kind().discard_output(c);
        if (was.had_waker) c.join_target.release();
        if (was.enqueue) c.owner().schedule(c);
        if (was.complete || was.had_waker) c.release_refs();
    }

    /// Lets go of a task that is complete and whose output was taken.
    void release() noexcept { std::exchange(cell_, nullptr)->release_refs(); }

    /// Polls for the end of the task. Returns: true when the output may be taken.
    bool poll_end(context& cx, bool& registered) noexcept {
        task_cell<T>& c = cell();
        if (c.state.is_complete()) return true;
        if (c.state.has_join_waker()) {  // ours, or one that an abandoned cancel() has left
            registered = c.join_target == cx.target();
            if (registered) return false;
            if (!c.state.clear_join_waker()) return true;
            c.join_target.release();
        } else if (cx.may_run_others() &&
                   cx.execution().scheduler->run_new_task(c, cx.execution())) {
            if (c.state.is_complete()) return true;
        }
        c.join_target = cx.waker().take();
        registered = c.state.set_join_waker();
        if (registered) return false;
        c.join_target.release();
        return true;
    }

    /// Takes back the waker that poll_end() left.
    void forget_waker(bool& registered) noexcept {
        if (!registered) return;
        registered = false;
        if (cell_ != nullptr && cell_->state.clear_join_waker()) cell_->join_target.release();
    }

private:
    task_cell<T>* cell_ = nullptr;
};

/// Waits for a task whose handle it has swallowed; see join_handle::join().
template <class T, bool Cancels, bool AsOutcome>
class [[nodiscard]] join_operation {
public:
    static constexpr const char* wait_name = "join";

    explicit join_operation(output_claim<T>&& claim) noexcept : claim_(std::move(claim)) {}

    join_operation(join_operation&& other) noexcept
        : claim_(std::move(other.claim_)), registered_(std::exchange(other.registered_, false)) {}

    join_operation& operator=(join_operation&&) = delete;

    ~join_operation() {
        if (is_taken_) {
            claim_.release();
        } else {
            claim_.give_up(Cancels);
        }
    }

    bool poll(context& cx) noexcept { return claim_.poll_end(cx, registered_); }

    decltype(auto) take() {
        is_taken_ = true;
        if constexpr (AsOutcome) {
            return take_outcome();
        } else {
            return static_cast<T>(take_value());
        }
    }

private:
    join_outcome<T> take_outcome() { return join_outcome<T>(claim_.output_to_take()); }

    T take_value() {
        auto& out = claim_.output_to_take();
        if (out.is_empty()) {
            if constexpr (is_result_v<T>) {
                return T(errc::cancelled);
            } else {
                throw std::system_error(make_error_code(errc::cancelled));
            }
        }
        return out.take();
    }

    output_claim<T> claim_;
    bool registered_ = false;
    bool is_taken_ = false;
};

/// Asks a task to end and waits until it is gone; see join_handle::cancel().
template <class T>
class [[nodiscard]] cancel_operation {
public:
    static constexpr const char* wait_name = "cancel";

    explicit cancel_operation(output_claim<T>& claim) noexcept : claim_(claim) {}

    cancel_operation(cancel_operation&& other) noexcept
        : claim_(other.claim_), registered_(std::exchange(other.registered_, false)) {}

    cancel_operation& operator=(cancel_operation&&) = delete;

    ~cancel_operation() { claim_.forget_waker(registered_); }

    bool poll(context& cx) noexcept {
        if (!requested_) {
            requested_ = true;
            claim_.cell().cancel();
        }
        EDO_CHECK(registered_ || !claim_.cell().state.is_awaited_by_handle(),
                  "two cancel() of one join handle were awaited at the same time; one has to be "
                  "done, or dropped, before the next");
        return claim_.poll_end(cx, registered_);
    }

    void take() noexcept { claim_.forget_waker(registered_); }

    /// For the library; see edo::release_line(). In a variable it is in nobody's way.
    void release_line() noexcept { claim_.forget_waker(registered_); }

private:
    output_claim<T>& claim_;
    bool requested_ = false;
    bool registered_ = false;
};

}  // namespace detail

}  // namespace edo
