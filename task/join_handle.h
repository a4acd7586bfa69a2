#pragma once

#include <cstdint>
#include <exception>
#include <source_location>
#include <system_error>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/error.h>
#include <edo/task/operation.h>
#include <edo/task/state/output_claim.h>

namespace edo {

/// How a task ended: with a value, with an exception, or because it was cancelled.
/// Thread-safe: no.
template <class T>
class [[nodiscard]] join_outcome {
public:
    explicit join_outcome(detail::output_slot<T>& taken) {
        output_.move_from(taken);
        taken.clear();
    }

    join_outcome(join_outcome&& other) { output_.move_from(other.output_); }

    join_outcome& operator=(join_outcome&&) = delete;

    bool has_value() const noexcept { return output_.has_value(); }

    explicit operator bool() const noexcept { return has_value(); }

    bool is_cancelled() const noexcept { return output_.is_empty(); }

    /// What the task threw, or null.
    std::exception_ptr exception() const noexcept {
        return output_.has_exception() ? output_.exception() : nullptr;
    }

    /// The value; rethrows the exception; throws std::system_error(errc::cancelled).
    T value() && {
        if (output_.is_empty()) throw std::system_error(make_error_code(errc::cancelled));
        return output_.take();
    }

private:
    detail::output_slot<T> output_;
};

/// Owns a spawned task.
///
/// Destroying the handle asks the task to end (it is dropped at its current await, on a worker) and
/// gives up its result. To wait for that use `co_await handle.cancel()`; to let the task run on
/// without an owner, `std::move(handle).detach()`.
///
/// Thread-safe: no; the handle may be moved to and destroyed on any thread, also after the runtime.
template <class T>
class [[nodiscard]] join_handle {
public:
    /// Holds no task.
    join_handle() noexcept = default;
    join_handle(join_handle&& other) noexcept = default;

    join_handle& operator=(join_handle&& other) noexcept {
        if (this != &other) {
            claim_.give_up(true);
            claim_.~output_claim();
            ::new (&claim_) detail::output_claim<T>(std::move(other.claim_));
        }
        return *this;
    }

    ~join_handle() { claim_.give_up(true); }

    /// Waits for the end of the task and yields what it returned; rethrows what it threw.
    ///
    /// Errors:      a cancelled task yields errc::cancelled if T is a result, else
    ///              std::system_error with that code is thrown. The same when its runtime ended
    ///              first.
    /// Cancellation: dropping the wait drops the handle, so the task is cancelled. To wait for a
    /// while only,
    ///              keep the operation in a variable and pass that to select or timeout.
    auto join(std::source_location site = std::source_location::current()) && noexcept {
        check(site);
        return detail::join_operation<T, true, false>(std::move(claim_));
    }

    void join() & = delete;  // the handle is given away: std::move(handle).join()

    /// As join(), but an exception or a cancellation is part of the answer.
    auto try_join(std::source_location site = std::source_location::current()) && noexcept {
        check(site);
        return detail::join_operation<T, true, true>(std::move(claim_));
    }

    void try_join() & = delete;  // the handle is given away: std::move(handle).try_join()

    /// Asks the task to end and waits until its frames are destroyed. If it ends by itself first,
    /// the result can still be joined. May be awaited again later, but by one at a time.
    /// Cancellation: loses nothing; the request stands.
    auto cancel(std::source_location site = std::source_location::current()) noexcept {
        check(site);
        return detail::cancel_operation<T>(claim_);
    }

    /// Asks the task to end and does not wait. Thread-safe: yes.
    void request_cancel(std::source_location site = std::source_location::current()) noexcept {
        claim_.cell(site).cancel();
    }

    /// Lets the task run on; the runtime owns it and lists it as detached. A failure of it goes to
    /// the hook for unobserved failures.
    void detach(std::source_location site = std::source_location::current()) && noexcept {
        check(site);
        claim_.give_up(false);
    }

    void detach() & = delete;  // the handle is given away: std::move(handle).detach()

    /// True when the task has ended, one way or another. Thread-safe: yes.
    bool is_finished() const noexcept { return claim_.cell().state.is_complete(); }

    /// Unique in its runtime; as dumps and messages show it.
    std::uint64_t id() const noexcept { return claim_.cell().id; }

    /// False when the task was joined, detached or moved away.
    explicit operator bool() const noexcept { return static_cast<bool>(claim_); }

    // For the library.
    explicit join_handle(detail::task_cell<T>& counted) noexcept : claim_(counted) {}

private:
    void check(std::source_location site) const noexcept { static_cast<void>(claim_.cell(site)); }

    detail::output_claim<T> claim_;
};

}  // namespace edo
