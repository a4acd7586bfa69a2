#pragma once
// Real tasks on workers of the model: what the runtime would do for them, in its simplest form.

#include <edo_check/atomic.h>
#include <edo_check/channel.h>
#include <edo_check/lock.h>
#include <edo_check/thread.h>
#include <source_location>
#include <utility>

#include <edo/base/random.h>
#include <edo/task/operation.h>
#include <edo/task/spawn.h>

namespace edo::model {

/// All tasks are spawned before the workers start; the workers end when every task has.
class executor final : public detail::root_scheduler {
public:
    ~executor() {
        if (tasks.close()) is_destroyed_ = true;
        edo_check::expect(is_destroyed_, "a task's cell is left");
    }

    /// A waker that was between its two steps may come after the end: its entry is void then.
    void schedule(detail::task_header& task) noexcept override {
        task.queue_next = nullptr;  // as a queue may, to which the link belongs from here on
        if (!queue_.put(&task)) task.release_refs();
    }

    const char* name() const noexcept override { return "model"; }

    void destroy() noexcept override { is_destroyed_ = true; }

    template <class... Args>
    auto spawn(Args&&... args) {
        return detail::launch_with_handle(
            detail::make_cell(*this, std::source_location::current(), std::forward<Args>(args)...));
    }

    /// The body of a worker.
    void work() noexcept {
        detail::random choices{1};
        detail::execution exec;
        begin(exec, choices);
        while (void* const next = queue_.take())
            run(*static_cast<detail::task_header*>(next), exec);
        detail::set_current_execution(nullptr);
    }

    /// Polls whatever is queued `count` times, on the calling thread.
    void run_some(unsigned count) noexcept {
        detail::random choices{1};
        detail::execution exec;
        begin(exec, choices);
        for (unsigned i = 0; i < count; ++i)
            run(*static_cast<detail::task_header*>(queue_.take()), exec);
        detail::set_current_execution(nullptr);
    }

    /// For who ends a task without polling it.
    void close_if_all_have_ended() noexcept {
        if (tasks.have_all_ended()) queue_.close();
    }

    /// Polls `task` for the first time, on the calling thread, if nobody has. Its entry stays.
    void run_first_poll(detail::task_header& task) noexcept {
        detail::random choices{1};
        detail::execution exec;
        begin(exec, choices);
        if (task.state.start_first_poll()) poll_ended(task, task.run_started(exec));
        detail::set_current_execution(nullptr);
    }

    detail::reactor* reactor = nullptr;  ///< for operations that wait for descriptors

    void begin(detail::execution& exec, detail::random& choices) noexcept {
        exec.scheduler = this;
        exec.spawns_into = this;
        exec.reactor = reactor;
        exec.choices = &choices;
        exec.read_clock = [](const detail::execution& e) noexcept { return e.now; };
        detail::set_current_execution(&exec);
    }

private:
    void run(detail::task_header& task, detail::execution& exec) noexcept {
        task.queue_next = nullptr;  // as a queue may that gives up an entry
        poll_ended(task, task.run(exec));
    }

    void poll_ended(detail::task_header& task, detail::poll_end how) noexcept {
        switch (how) {
            case detail::poll_end::waits:
                return;
            case detail::poll_end::gone:
                return close_if_all_have_ended();
            case detail::poll_end::requeue:
            case detail::poll_end::yielded:
                return schedule(task);
        }
    }

    edo_check::channel queue_;
    bool is_destroyed_ = false;
};

/// Something that threads raise and one task waits for. All that it says goes through the wake: the
/// flag itself orders nothing. So a wake that does not hand over what preceded it is a lost wake.
class signal {
public:
    class wait_operation {
    public:
        explicit wait_operation(signal& s) noexcept : signal_(&s) {}

        wait_operation(wait_operation&& other) noexcept
            : signal_(other.signal_), is_listed_(std::exchange(other.is_listed_, false)) {}

        ~wait_operation() {
            if (!is_listed_) return;
            edo::waker dropped;
            const edo_check::mutex_lock guard(signal_->lock_);
            dropped = std::exchange(signal_->waker_, {});
        }

        bool poll(context& cx) noexcept {
            if (signal_->is_raised()) return true;
            if (is_listed_) return false;
            is_listed_ = true;
            {
                const edo_check::mutex_lock guard(signal_->lock_);
                signal_->waker_ = cx.waker();
            }
            return signal_->is_raised();
        }

        void take() noexcept {}

    private:
        signal* signal_;
        bool is_listed_ = false;
    };

    wait_operation wait() noexcept { return wait_operation(*this); }

    bool is_raised() const noexcept { return raised_.load(std::memory_order_relaxed) != 0; }

    /// Wakes with a waker that it keeps meanwhile.
    void raise() noexcept {
        raised_.store(1, std::memory_order_relaxed);
        const edo::waker taken = waker();
        taken.wake();
    }

    /// Wakes with a waker that is used up.
    void raise_and_release() noexcept {
        raised_.store(1, std::memory_order_relaxed);
        edo::waker taken;
        {
            const edo_check::mutex_lock guard(lock_);
            taken = std::exchange(waker_, {});
        }
        std::move(taken).wake();
    }

    edo::waker waker() noexcept {
        const edo_check::mutex_lock guard(lock_);
        return waker_;
    }

private:
    edo_check::atomic<int> raised_{0};
    edo_check::mutex lock_;
    edo::waker waker_;
};

/// Polls an operation to its end and never takes from it, as a combinator may that is dropped
/// first.
template <class Op>
class untaken {
public:
    static constexpr bool is_combinator = true;

    explicit untaken(Op&& op) noexcept : op_(std::move(op)) {}

    bool poll(context& cx) noexcept {
        is_done_ = is_done_ || op_.poll(cx);
        return false;
    }

    void take() noexcept {}

    void release_line() noexcept { op_.release_line(); }

private:
    Op op_;
    bool is_done_ = false;
};

}  // namespace edo::model
