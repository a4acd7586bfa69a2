#pragma once
// A whole runtime for a scenario, with its end.

#include <cstdint>
#include <edo_check/thread.h>
#include <source_location>
#include <utility>

#include <edo/runtime/scheduler/multi_thread.h>
#include <edo/task/spawn.h>

namespace edo::model {

/// What a scenario is about. What it is not is done calmly, see class calm.
enum class subject {
    whole_life,  ///< start, tasks and end
    end,         ///< from the first task on
    tasks,       ///< neither start nor end
};

class runtime_world {
public:
    /// `blocked_after`: zero for no monitor, which acts by the clock.
    explicit runtime_world(subject about,
                           unsigned workers,
                           duration blocked_after = duration::zero())
        : about_(about) {
        const edo_check::calm start(about != subject::whole_life);
        detail::runtime_config config;
        config.name = "m";
        config.thread_name = "m";
        config.workers = workers;
        config.reactor = reactor_kind::epoll;
        config.busy_poll = duration::zero();
        config.seed = 1;
        config.blocked_after = blocked_after;
        config.report_blocked_after = duration::zero();
        config.max_blocking_threads = 1;
        auto made = detail::multi_thread::create(config);
        edo_check::expect(static_cast<bool>(made), "the runtime does not start");
        runtime_ = *made;
    }

    runtime_world(const runtime_world&) = delete;
    runtime_world& operator=(const runtime_world&) = delete;

    // What the destructor of edo::runtime does; every task has ended afterwards.
    ~runtime_world() {
        end();
        runtime_->release_ref();
        edo_check::expect(begun == ended, "a frame was not destroyed");
    }

    void end() {
        if (about_ == subject::tasks) edo_check::engine::get().await_rest();
        const edo_check::calm all(about_ == subject::tasks);
        runtime_->end(nullptr, duration::max());
    }

    /// Attempts to stand in for a blocked worker that have failed.
    std::uint64_t failures() const { return runtime_->info().rescue_failures; }

    template <class... Args>
    auto spawn(Args&&... args) {
        return detail::launch_with_handle(detail::make_cell(
            *runtime_, std::source_location::current(), std::forward<Args>(args)...));
    }

    // Plain: of tasks that do not run beside each other.
    int begun = 0;
    int ended = 0;

private:
    const subject about_;
    detail::multi_thread* runtime_;
};

/// In a frame: destroyed once, by whoever may touch the frame.
class life {
public:
    explicit life(runtime_world& w) noexcept : world_(w) { ++world_.begun; }

    life(const life&) = delete;
    life& operator=(const life&) = delete;

    ~life() { ++world_.ended; }

private:
    runtime_world& world_;
};

}  // namespace edo::model
