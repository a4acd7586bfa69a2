#pragma once

#include <edo/base/clock.h>
#include <edo/task/context.h>

namespace edo::detail {

/// Lets a thread that is no worker wait for an operation, as if it were a task: the operation is
/// polled with line(), and its wake ends park(). The operation may wake it once.
/// Thread-safe: no; the wake may come from any thread, also when the waiter is gone.
class thread_waiter {
public:
    thread_waiter();
    thread_waiter(const thread_waiter&) = delete;
    thread_waiter& operator=(const thread_waiter&) = delete;
    ~thread_waiter();

    context& line() noexcept;
    /// Waits for the wake, at most for `limit`. Returns: whether it has come.
    bool park(duration limit = duration::max()) noexcept;
    bool is_woken() const noexcept;

private:
    class cell;
    cell* cell_;  // counted: wakers keep it
};

}  // namespace edo::detail
