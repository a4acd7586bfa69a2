#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <source_location>
#include <thread>
#include <utility>
#include <vector>

#include <edo/task/spawn.h>

namespace edo::testing {

/// The simplest executor with several threads: one queue, one lock. For stress tests of what lies
/// below the runtime, where every task may hop between threads at each poll.
class pool_executor {
public:
    explicit pool_executor(unsigned threads) : core_(new core) {
        for (unsigned i = 0; i < threads; ++i)
            threads_.emplace_back([this, i] { work(i); });
    }

    pool_executor(const pool_executor&) = delete;
    pool_executor& operator=(const pool_executor&) = delete;

    /// Drops every task that is left, on its threads, then ends them.
    ~pool_executor() {
        std::vector<detail::task_header*> roots;
        core_->tasks.for_each(
            [](void* to, detail::task_header& task) {
                if (task.state.add_ref_unless_complete())
                    static_cast<std::vector<detail::task_header*>*>(to)->push_back(&task);
            },
            &roots);
        for (detail::task_header* task : roots) {
            task->cancel();
            task->release_refs();
        }
        {
            std::lock_guard guard(core_->lock);
            core_->ending = true;
        }
        core_->changed.notify_all();
        for (std::thread& t : threads_)
            t.join();
        // Only now: from here on the last cell that is freed takes the core with it.
        if (core_->tasks.close()) core_->destroy();
    }

    template <class... Args>
    auto spawn(Args&&... args) {
        return detail::launch_with_handle(detail::make_cell(*core_, std::source_location::current(),
                                                            std::forward<Args>(args)...));
    }

    std::size_t alive() const { return core_->tasks.count_alive(); }

    detail::scheduler& scheduler() { return *core_; }

private:
    struct core final : detail::root_scheduler {
        void schedule(detail::task_header& task) noexcept override {
            {
                std::lock_guard guard(lock);
                queue.push_back(&task);
            }
            changed.notify_one();
        }

        const char* name() const noexcept override { return "pool executor"; }

        void destroy() noexcept override { delete this; }

        virtual ~core() = default;

        std::mutex lock;
        std::condition_variable changed;
        std::deque<detail::task_header*> queue;
        unsigned running = 0;
        bool ending = false;
    };

    void work(unsigned index) {
        detail::random choices{index + 1};
        detail::execution exec;
        exec.scheduler = core_;
        exec.spawns_into = core_;
        exec.choices = &choices;
        exec.read_clock = [](const detail::execution& e) noexcept { return e.now; };
        detail::set_current_execution(&exec);
        std::unique_lock guard(core_->lock);
        for (;;) {
            if (core_->queue.empty()) {
                if (core_->ending && core_->running == 0 && core_->tasks.have_all_ended()) break;
                core_->changed.wait(guard);
                continue;
            }
            detail::task_header* next = core_->queue.front();
            core_->queue.pop_front();
            ++core_->running;
            guard.unlock();
            const detail::poll_end end = next->run(exec);
            if (end == detail::poll_end::requeue || end == detail::poll_end::yielded)
                core_->schedule(*next);
            guard.lock();
            --core_->running;
            if (core_->ending) core_->changed.notify_all();
        }
        detail::set_current_execution(nullptr);
    }

    core* core_;
    std::vector<std::thread> threads_;
};

}  // namespace edo::testing
