#pragma once
// A task that is a thread of the model: whoever wakes it wakes the thread.

#include <edo_check/lock.h>
#include <source_location>

#include <edo/task/state/header.h>
#include <edo/task/state/scheduler.h>

namespace edo::model {

/// Polled by its own thread: from its making on, but for wait().
class thread_task final : public detail::task_header {
public:
    explicit thread_task(detail::scheduler& s)
        : task_header(kind_of, s, std::source_location::current()) {
        init_state(false);
        state.start_poll();
    }

    detail::wake_target target() noexcept { return {*this, 0}; }

    /// Ends the poll until somebody has woken the task, perhaps meanwhile.
    void wait() noexcept {
        std::uint8_t spare = detail::task_state::most_spare;
        if (state.stop_poll(false, false, spare) == detail::task_state::stop::requeue)
            woken_.unpark();
        woken_.park();
        state.start_poll();
    }

    void scheduled() noexcept { woken_.unpark(); }

private:
    static constexpr detail::task_kind kind_of{nullptr, nullptr, nullptr, nullptr};
    edo_check::parker woken_;
};

class thread_scheduler final : public detail::root_scheduler {
public:
    void schedule(detail::task_header& task) noexcept override {
        static_cast<thread_task&>(task).scheduled();
    }

    const char* name() const noexcept override { return "threads"; }

    void destroy() noexcept override {}
};

}  // namespace edo::model
