#pragma once

#include "support/manual_executor.h"
#include <utility>
#include <vector>

#include <edo/task/spawn.h>
#include <edo/timer/wheel/wheel.h>

namespace edo::testing {

/// A manual executor with a timer wheel. Its time stands still until the test moves it.
class timed_executor : public manual_executor {
public:
    timed_executor() { execution().wheel = &wheel_; }

    /// Drops every task that is left, while there is still a wheel.
    ~timed_executor() {
        std::vector<detail::task_header*> left;
        scheduler().tasks.for_each(
            [](void* to, detail::task_header& task) {
                if (task.state.add_ref_unless_complete())
                    static_cast<std::vector<detail::task_header*>*>(to)->push_back(&task);
            },
            &left);
        for (detail::task_header* task : left) {
            task->cancel();
            task->release_refs();
        }
        run_until_idle();
    }

    instant now() { return execution().now; }

    detail::timer_wheel& wheel() { return wheel_; }

    /// Sets the time, wakes who is due and runs what can run. Returns: how many timers were due.
    unsigned advance_to(instant at) {
        set_now(at);
        unsigned fired = 0;
        do {
            fired += wheel_.advance(at);
            run_until_idle();
        } while (wheel_.next_deadline() <= at);
        return fired;
    }

    unsigned advance(duration span) { return advance_to(now() + span); }

    /// Runs a task to its end, with time that jumps to the next deadline whenever all tasks wait.
    template <class... Args>
    auto run(Args&&... args) {
        auto handle = spawn(std::forward<Args>(args)...);
        run_until_idle();
        while (!handle.is_finished()) {
            const instant next = wheel_.exact_next_deadline();
            EDO_CHECK(next != instant::max(), "the task waits for something that never comes");
            advance_to(next);
        }
        return handle;
    }

private:
    detail::timer_wheel wheel_;
};

}  // namespace edo::testing
