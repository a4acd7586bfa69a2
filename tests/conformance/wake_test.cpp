// One task that is woken from everywhere.

#include "runtime/flavors.h"
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/base/seam/sanitizer.h>
#include <edo/runtime/runtime.h>
#include <edo/task/spawn.h>

namespace edo::testing {
namespace {

EDO_SUITE_FOR_ALL_RUNTIMES(wakes);

constexpr std::uint64_t wakers = 4;
constexpr std::uint64_t wakes_of_each = EDO_SANITIZED ? 20'000 : 250'000;

/// What wakers write before they wake, and what the task has seen of it.
struct tally {
    std::array<std::atomic<std::uint64_t>, wakers> written{};
    std::array<std::atomic<std::uint64_t>, wakers> seen{};
    std::atomic<bool> is_waiting = false;
    waker task;

    bool is_complete() const {
        for (const auto& each : seen)
            if (each.load(std::memory_order_relaxed) != wakes_of_each) return false;
        return true;
    }
};

/// Looks at what was written, each time that it is woken.
class all_wakes {
public:
    static constexpr const char* wait_name = "all wakes";

    explicit all_wakes(tally& from) noexcept : from_(&from) {}

    bool poll(context& cx) noexcept {
        if (!from_->is_waiting.load(std::memory_order_relaxed)) {
            from_->task = cx.waker();
            from_->is_waiting.store(true, std::memory_order_release);
        }
        // A plain copy: what a waker wrote before its wake is seen by the poll that follows it.
        for (std::size_t i = 0; i < wakers; ++i)
            from_->seen[i].store(from_->written[i].load(std::memory_order_relaxed),
                                 std::memory_order_release);
        return from_->is_complete();
    }

    void take() noexcept {}

private:
    tally* from_;
};

task<> wait_for_all(std::reference_wrapper<tally> from) {
    co_await all_wakes(from.get());
}

// After each burst it waits until the task has seen it: whichever wake got lost, the test hangs.
void wake_in_bursts(tally& with, std::size_t me) {
    detail::random lengths(me);
    while (!with.is_waiting.load(std::memory_order_acquire))
        std::this_thread::yield();
    for (std::uint64_t made = 0; made < wakes_of_each;) {
        for (std::uint64_t left = 1 + lengths.below(256); left > 0 && made < wakes_of_each;
             --left) {
            with.written[me].store(++made, std::memory_order_relaxed);
            with.task.wake();
        }
        while (with.seen[me].load(std::memory_order_acquire) != made)
            std::this_thread::yield();
    }
}

TEST_P(wakes, a_million_of_one_task_by_four_threads_are_each_followed_by_a_poll) {
    tally counted;  // outlives the runtime, whose workers may still hold the waker
    const auto made = make();
    auto waiting = made->spawn(wait_for_all, std::ref(counted));
    std::array<std::thread, wakers> threads;
    for (std::size_t i = 0; i < wakers; ++i)
        threads[i] = std::thread([&counted, i] { wake_in_bursts(counted, i); });

    made->block_on(std::move(waiting).join());

    for (std::thread& each : threads)
        each.join();
    EXPECT_TRUE(counted.is_complete());
    EXPECT_LE(made->metrics().total().polls, wakers * wakes_of_each + 10);
    counted.task = waker{};
}

}  // namespace
}  // namespace edo::testing
