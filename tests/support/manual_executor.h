#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <source_location>
#include <utility>

#include <edo/task/spawn.h>

namespace edo::testing {

/// An executor that is driven by hand: nothing runs until the test says so, and then one poll at a
/// time.
///
///     manual_executor ex;
///     auto handle = ex.spawn(my_task, 1);
///     ex.run_until_idle();
///     EXPECT_TRUE(handle.is_finished());
///
/// Wakes may come from any thread; tasks run on the thread that calls run_*(). Several executors on
/// one thread are fine. Its time stands still until the test moves it.
class manual_executor {
public:
    manual_executor() : core_(new core) {
        execution_.scheduler = core_;
        execution_.spawns_into = core_;
        execution_.choices = &choices_;
        execution_.now = instant{std::chrono::seconds(1)};
        execution_.read_clock = [](const detail::execution& e) noexcept { return e.now; };
    }

    manual_executor(const manual_executor&) = delete;
    manual_executor& operator=(const manual_executor&) = delete;

    /// Drops every task that is left.
    ~manual_executor() {
        std::deque<detail::task_header*> roots;
        core_->tasks.for_each(
            [](void* to, detail::task_header& task) {
                if (task.state.add_ref_unless_complete())
                    static_cast<std::deque<detail::task_header*>*>(to)->push_back(&task);
            },
            &roots);
        for (detail::task_header* task : roots) {
            task->cancel();
            task->release_refs();
        }
        run_until_idle();
        // Only now: from here on the last cell that is freed takes the core with it.
        if (core_->tasks.close()) core_->destroy();
    }

    template <class F, class... Args>
    auto spawn_at(std::source_location site, F&& fn, Args&&... args) {
        return detail::launch_with_handle(
            detail::make_cell(*core_, site, std::forward<F>(fn), std::forward<Args>(args)...));
    }

    template <class... Args>
    auto spawn(Args&&... args) {
        return spawn_at(std::source_location::current(), std::forward<Args>(args)...);
    }

    /// Polls the task that is next in the queue. Returns: false when the queue is empty.
    bool run_one() {
        detail::task_header* next = nullptr;
        {
            std::lock_guard guard(core_->lock);
            if (core_->queue.empty()) return false;
            next = core_->queue.front();
            core_->queue.pop_front();
        }
        detail::execution* const outer = detail::current_execution();
        detail::set_current_execution(&execution_);
        ++polls_;
        // A task that yields goes behind the others, one that was woken while it ran too.
        const detail::poll_end end = next->run(execution_);
        if (end == detail::poll_end::requeue || end == detail::poll_end::yielded)
            core_->schedule(*next);
        detail::set_current_execution(outer);
        return true;
    }

    /// Polls until no task is queued. Returns: the number of polls.
    std::size_t run_until_idle() {
        std::size_t count = 0;
        while (run_one())
            ++count;
        return count;
    }

    std::size_t queued() const {
        std::lock_guard guard(core_->lock);
        return core_->queue.size();
    }

    std::size_t alive() const { return core_->tasks.count_alive(); }

    std::size_t polls() const { return polls_; }

    detail::execution& execution() { return execution_; }

    detail::scheduler& scheduler() { return *core_; }

    void set_now(instant now) { execution_.now = now; }

private:
    struct core final : detail::root_scheduler {
        void schedule(detail::task_header& task) noexcept override {
            std::lock_guard guard(lock);
            queue.push_back(&task);
        }

        const char* name() const noexcept override { return "manual executor"; }

        void destroy() noexcept override { delete this; }

        virtual ~core() = default;

        mutable std::mutex lock;
        std::deque<detail::task_header*> queue;
    };

    core* core_;
    detail::random choices_{1};
    detail::execution execution_;
    std::size_t polls_ = 0;
};

}  // namespace edo::testing
