#pragma once

#include <cstdint>
#include <memory>

#include <edo/base/random.h>
#include <edo/base/result.h>
#include <edo/runtime/driver/driver.h>
#include <edo/runtime/scheduler/batch_turns.h>
#include <edo/runtime/scheduler/core.h>
#include <edo/runtime/scheduler/inject_queue.h>
#include <edo/runtime/scheduler/spin.h>
#include <edo/runtime/scheduler/visit_plan.h>
#include <edo/runtime/scheduler/worker_counts.h>
#include <edo/task/context.h>

namespace edo::detail {

/// Runs all tasks on the thread that made it, while that thread waits for something: a queue, first
/// in first out, another for batch tasks, a driver, and an inject queue for wakes of other threads.
///
/// Who touches what: everything but the inject queue and driver::wake() belongs to that thread.
class current_thread final : public core {
public:
    static result<current_thread*> create(runtime_config config);

    void schedule(task_header& task) noexcept override;
    scheduler& place(const placement& wanted, std::source_location site) noexcept override;
    void wait_for(thread_waiter& waiter) noexcept override;
    runtime_info info() const override;
    runtime_metrics metrics() override;
    void run_in_place(blocking_job& job) noexcept override;

    /// Runs what is ready and waits for more, at most until `limit` from now or until no task is
    /// left.
    /// Returns: how many polls of tasks it made.
    std::size_t poll_for(duration limit) noexcept;

    /// Aborts unless the calling thread is the one that made the runtime.
    void check_thread(const char* what) const noexcept;

    /// The runtime's time, virtual if it is paused.
    instant time() const noexcept {
        return config().paused ? virtual_now_ : monotonic_clock::read();
    }

private:
    explicit current_thread(runtime_config config);
    ~current_thread() override = default;

    void shutdown(instant until) noexcept override;

    unsigned stuck_workers() noexcept override { return 0; }

    struct own_execution : execution {
        current_thread* self = nullptr;
    };

    /// The scheduler that batch tasks know.
    class batch_side final : public side_scheduler {
    public:
        explicit batch_side(current_thread& owner) noexcept
            : side_scheduler(owner), owner_(owner) {}

        void schedule(task_header& task) noexcept override { owner_.schedule(task); }

    private:
        current_thread& owner_;
    };

    template <class Done>
    void run_until(instant until, Done done) noexcept;
    task_header* next_task() noexcept;
    void push(task_header& task) noexcept;
    void take_injected() noexcept;
    void run_next(task_header& task) noexcept;
    void take_turn(task_header& task) noexcept;
    poll_end run_task(task_header& task) noexcept;
    void drop_waiting_tasks() noexcept;
    void run_ready(std::size_t most) noexcept;
    void visit_driver() noexcept;
    void fire_timers() noexcept;
    void wait(instant until) noexcept;
    void wait_in_virtual_time(instant until) noexcept;
    bool spin(instant until) noexcept;

    bool is_batch(const task_header& task) const noexcept { return &task.owner() == &batch_; }

    bool has_work() const noexcept {
        return !queue_.is_empty() || !batch_queue_.is_empty() || !inject_.is_empty();
    }

    own_execution exec_;
    task_list queue_;
    task_list batch_queue_;
    batch_side batch_{*this};
    batch_turns batch_turns_;
    bool batch_is_due_ = false;
    visit_plan visits_;
    inject_queue inject_;
    driver driver_;
    random choices_;
    spin_policy spin_;
    unsigned polls_until_visit_ = 0;
    instant last_visit_{};
    // The number of polls after which those that a full batch of timers has woken had their turn.
    std::uint64_t timers_wait_until_ = 0;
    instant timers_wait_at_most_{};  // when they are not waited for any longer
    worker_counts counts_;
    // The length of the queue at the last look at the driver. Relaxed: a figure for people.
    atomic<std::size_t> queued_{0};
    std::uint64_t polls_ = 0;
    counter counted_polls_;  // the same for other threads
    instant virtual_now_{};
    const void* thread_mark_;  // identifies the owner's thread
};

}  // namespace edo::detail
