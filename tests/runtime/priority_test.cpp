// Batch tasks: they take the time that is left, and a part of it in any case.

#include "runtime/flavors.h"
#include "support/event.h"
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/clock.h>
#include <edo/runtime/runtime.h>
#include <edo/task/spawn.h>
#include <edo/task/spawn_options.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::event;

EDO_SUITE_FOR_ALL_RUNTIMES(batch_tasks_in_any_runtime);

edo::spawn_options batch() {
    return edo::spawn_options().priority(edo::priority::batch);
}

void compute_for(edo::duration span) {
    const auto end = std::chrono::steady_clock::now() + span;
    while (std::chrono::steady_clock::now() < end) {
    }
}

edo::task<int> doubled(int n) {
    co_await edo::yield_now();
    co_return 2 * n;
}

TEST_P(batch_tasks_in_any_runtime, yield_their_values_wherever_they_are_spawned) {
    const auto made = make();
    auto& rt = *made;
    auto outside = rt.spawn(edo::with(batch(), doubled), 1);
    rt.block_on([&]() -> edo::task<> {
        auto inside = edo::spawn(edo::with(batch().name("scan"), doubled), 2);
        edo::task_group group;
        auto child = group.spawn(edo::with(batch(), doubled), 3);
        const auto joined = co_await group.join();
        EXPECT_TRUE(joined.has_value());
        EXPECT_EQ(child.take(), 6);
        const int four = co_await std::move(inside).join();
        EXPECT_EQ(four, 4);
        const int two = co_await std::move(outside).join();
        EXPECT_EQ(two, 2);
    });
}

edo::task<> wait_for(std::reference_wrapper<event> e) {
    co_await e.get().wait();
}

TEST_P(batch_tasks_in_any_runtime, are_woken_from_other_threads) {
    const auto made = make();
    auto& rt = *made;
    event e;
    auto waiting = rt.spawn(edo::with(batch(), wait_for), std::ref(e));
    std::thread other([&] {
        while (!e.has_waiter())
            std::this_thread::yield();
        e.raise();
    });
    rt.block_on(std::move(waiting).join());
    other.join();
}

TEST_P(batch_tasks_in_any_runtime, are_dropped_at_shutdown) {
    event never;
    auto kept = std::make_shared<int>(1);
    {
        const auto made = make();
        auto& rt = *made;
        rt.spawn(edo::with(batch(),
                           [kept](std::reference_wrapper<event> e) -> edo::task<> {
                               co_await e.get().wait();
                           }),
                 std::ref(never))
            .detach();
        rt.spawn(edo::with(batch(),
                           [kept]() -> edo::task<> {
                               for (;;)
                                   co_await edo::yield_now();
                           }))
            .detach();
        rt.shutdown();
    }
    EXPECT_EQ(kept.use_count(), 1);
}

std::atomic<bool> stop_computing;

edo::task<> compute_in_slices() {
    while (!stop_computing.load()) {
        compute_for(100us);
        co_await edo::yield_now();
    }
}

TEST_P(batch_tasks_in_any_runtime, keep_a_timer_waiting_for_one_slice_only) {
    const auto made = make();
    auto& rt = *made;
    stop_computing.store(false);
    std::vector<edo::join_handle<void>> all;
    for (int i = 0; i < 20; ++i)
        all.push_back(rt.spawn(edo::with(batch(), compute_in_slices)));
    // Each round waits for two turns. With twenty slices before each it would take 4 ms a round.
    const auto took = rt.block_on([]() -> edo::task<edo::duration> {
        const auto began = std::chrono::steady_clock::now();
        for (int i = 0; i < 50; ++i) {
            co_await edo::sleep(10us);
            co_await edo::yield_now();
        }
        co_return std::chrono::steady_clock::now() - began;
    });
    stop_computing.store(true);
    for (auto& each : all)
        rt.block_on(std::move(each).join());
    EXPECT_LT(took, 100ms);
}

std::atomic<int> slices;

edo::task<> count_slices() {
    while (!stop_computing.load()) {
        slices.fetch_add(1);
        co_await edo::yield_now();
    }
}

edo::task<> keep_busy() {
    while (!stop_computing.load())
        co_await edo::yield_now();
}

TEST_P(batch_tasks_in_any_runtime, have_their_part_where_others_are_always_ready) {
    const auto made = make();
    auto& rt = *made;
    stop_computing.store(false);
    slices.store(0);
    std::vector<edo::join_handle<void>> all;
    for (int i = 0; i < 16; ++i)
        all.push_back(rt.spawn(keep_busy));
    all.push_back(rt.spawn(edo::with(batch(), count_slices)));
    rt.block_on([]() -> edo::task<> {
        while (slices.load() < 100)
            co_await edo::yield_now();
    });
    stop_computing.store(true);
    for (auto& each : all)
        rt.block_on(std::move(each).join());
}

edo::task<> note_turn(std::reference_wrapper<std::vector<char>> order, char who, int turns) {
    for (int i = 0; i < turns; ++i) {
        order.get().push_back(who);
        co_await edo::yield_now();
    }
}

TEST(batch_tasks, come_after_the_others_on_one_thread) {
    edo::current_thread_runtime rt;
    std::vector<char> order;
    order.reserve(16);
    auto late = rt.spawn(edo::with(batch(), note_turn), std::ref(order), 'b', 1);
    auto first = rt.spawn(note_turn, std::ref(order), 'l', 3);
    rt.block_on(std::move(first).join());
    rt.block_on(std::move(late).join());
    // A batch task may have one turn at the first look at the driver.
    const std::string seen(order.begin(), order.end());
    EXPECT_TRUE(seen == "lllb" || seen == "blll") << seen;
}

}  // namespace
