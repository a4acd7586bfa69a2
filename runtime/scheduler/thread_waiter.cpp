#include <edo/runtime/scheduler/thread_waiter.h>

#include <cstddef>
#include <source_location>

#include <edo/base/seam/atomic.h>
#include <edo/base/seam/parker.h>
#include <edo/task/frame/frame_pool.h>
#include <edo/task/state/header.h>
#include <edo/task/state/scheduler.h>

namespace edo::detail {

// The task that stands for the thread. It is never polled; only its state word and its count are
// used: "scheduling" it wakes the thread.
class thread_waiter::cell final : public task_header {
public:
    cell() : task_header(kind_of, waking_scheduler(), std::source_location::current()) {
        state.init(2, false);
        // Idle, as after a poll. That has used up one of the two references; the other is the
        // waiter's.
        static_cast<void>(state.start_poll());
        std::uint8_t enough = task_state::most_spare;
        static_cast<void>(state.stop_poll(false, false, enough));
    }

    static void* operator new(std::size_t size) { return allocate_frame(size); }

    static void operator delete(void* memory, std::size_t size) noexcept {
        free_frame(memory, size);
    }

    parker sleeping;
    atomic<bool> woken{false};

private:
    class thread_scheduler final : public root_scheduler {
    public:
        void schedule(task_header& task) noexcept override {
            auto& c = static_cast<cell&>(task);
            c.woken.store(true, release);  // pairs with is_woken()
            c.sleeping.unpark();
            c.release_refs();  // the queue entry's
        }

        const char* name() const noexcept override { return "a thread outside of every runtime"; }

        void destroy() noexcept override {}
    };

    // Never destroyed: wakes may come as late as the destructors of statics.
    static scheduler& waking_scheduler() {
        static thread_scheduler& one = *new thread_scheduler;
        return one;
    }

    static void free_cell(task_header& self) noexcept { delete static_cast<cell*>(&self); }

    static constexpr task_kind kind_of{nullptr, nullptr, nullptr, &free_cell};
};

thread_waiter::thread_waiter() : cell_(new cell) {}

thread_waiter::~thread_waiter() {
    cell_->release_refs();
}

context& thread_waiter::line() noexcept {
    return cell_->main_line();
}

bool thread_waiter::is_woken() const noexcept {
    return cell_->woken.load(acquire);  // pairs with the store in schedule()
}

bool thread_waiter::park(duration limit) noexcept {
    const bool bounded = limit != duration::max();
    const instant until = bounded ? saturating_add(monotonic_clock::read(), limit) : instant::max();
    while (!is_woken()) {
        const duration left = bounded ? until - monotonic_clock::read() : duration::max();
        if (left <= duration::zero()) return is_woken();
        cell_->sleeping.park(left);
    }
    return true;
}

}  // namespace edo::detail
