#pragma once

#include <edo/task/operation.h>

namespace edo {
namespace detail {

class [[nodiscard]] yield_operation {
public:
    static constexpr const char* wait_name = "yield";
    static constexpr bool is_waiting_at_first = true;

    yield_operation() noexcept {}

    bool poll(context& cx) noexcept {
        if (yielded_) return true;
        yielded_ = true;
        cx.yield();
        return false;
    }

    void take() noexcept {}

private:
    bool yielded_ = false;
};

}  // namespace detail

/// Lets other tasks run: the task goes on after those that are ready now, and after the timers and,
/// unless that was a few microseconds ago, the reactor were asked.
///
///     co_await edo::yield_now();
///
/// Cancellation: loses nothing.
inline detail::yield_operation yield_now() noexcept {
    return {};
}

}  // namespace edo
