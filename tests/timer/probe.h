#pragma once

#include "support/manual_executor.h"

#include <edo/timer/wheel/wheel.h>

namespace edo::testing {

/// A timer entry without an operation around it.
class probe : public detail::timer_entry {
public:
    ~probe() { detail::timer_wheel::cancel(*this); }

    instant deadline() const { return deadline_; }
};

/// A task that waits for ever and counts how often it is polled: somebody whom a wheel can wake.
class woken_task {
public:
    class wait_operation {
    public:
        explicit wait_operation(woken_task& owner) noexcept : owner_(owner) {}

        bool poll(context& cx) noexcept {
            owner_.target_ = cx.target();
            ++owner_.polls_;
            return false;
        }

        void take() noexcept {}

    private:
        woken_task& owner_;
    };

    woken_task() : handle_(executor_.spawn(&woken_task::wait_forever, this)) {
        executor_.run_until_idle();
    }

    woken_task(const woken_task&) = delete;
    woken_task& operator=(const woken_task&) = delete;

    ~woken_task() {
        handle_ = join_handle<void>();
        executor_.run_until_idle();
    }

    detail::wake_target target() const { return target_; }

    bool is_woken() const { return executor_.queued() != 0; }

    /// Polls the task if it was woken. Returns: whether it was.
    bool run() { return executor_.run_until_idle() != 0; }

private:
    static task<> wait_forever(woken_task* self) { co_await wait_operation(*self); }

    manual_executor executor_;
    detail::wake_target target_;
    int polls_ = 0;
    join_handle<void> handle_;
};

}  // namespace edo::testing
