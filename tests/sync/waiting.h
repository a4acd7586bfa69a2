#pragma once

#include "support/manual_executor.h"
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <edo/task/task.h>

namespace edo::testing {

/// A task on an executor of its own that awaits one operation; what it took is in `took`.
///
///     waiting wait(limit.acquire());      // polled once; waits, or is done
///     EXPECT_TRUE(wait.is_done());
///
/// drop() ends the wait at its suspension point, poll() runs what was woken.
template <class Op>
class waiting {
public:
    using taken_type = decltype(std::declval<Op&>().take());
    static constexpr bool takes_void = std::is_void_v<taken_type>;

    explicit waiting(Op&& op) : task_(executor_.spawn(&await_it, std::ref(*this), std::move(op))) {
        poll();
    }

    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;

    ~waiting() { drop(); }

    bool is_done() const { return done_; }

    bool is_woken() const { return executor_.queued() != 0; }

    /// Runs what was woken. Returns: true when the operation is done.
    bool poll() {
        executor_.run_until_idle();
        return done_;
    }

    /// Destroys the wait, also one that was woken but not polled.
    void drop() {
        task_ = {};
        executor_.run_until_idle();
    }

    std::optional<std::conditional_t<takes_void, int, taken_type>> took;

private:
    static task<> await_it(std::reference_wrapper<waiting> self, Op op) {
        if constexpr (takes_void) {
            co_await op;
        } else {
            self.get().took.emplace(co_await op);
        }
        self.get().done_ = true;
    }

    manual_executor executor_;
    bool done_ = false;
    join_handle<void> task_;
};

}  // namespace edo::testing
