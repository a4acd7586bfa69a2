#include <edo/runtime/metrics.h>

#include "net/local_pair.h"
#include "runtime/flavors.h"
#include "support/event.h"
#include <atomic>
#include <functional>
#include <latch>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/runtime/blocking_pool.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/task/budget.h>
#include <edo/task/spawn.h>
#include <edo/task/spawn_options.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>
#include <edo/timer/timeout.h>

namespace {

using namespace std::chrono_literals;
using edo::runtime_metrics;
using edo::worker_metrics;
using edo::testing::event;
using ::testing::HasSubstr;

EDO_SUITE_FOR_ALL_RUNTIMES(metrics_of_any_runtime);

edo::task<> nothing() {
    co_return;
}

edo::task<> wait_for(std::reference_wrapper<event> e) {
    co_await e.get().wait();
}

edo::task<> fail() {
    throw std::runtime_error("as it should");
    co_return;
}

TEST_P(metrics_of_any_runtime, count_how_tasks_begin_and_end) {
    const auto made = make();
    auto& rt = *made;
    event never;
    rt.block_on([&]() -> edo::task<> {
        co_await edo::spawn(nothing).join();
        auto thrown = co_await edo::spawn(fail).try_join();
        EXPECT_TRUE(thrown.exception() != nullptr);
        auto waiting = edo::spawn(wait_for, std::ref(never));
        co_await waiting.cancel();
    });
    // The root's end is counted before anybody is told of it.
    const runtime_metrics now = rt.metrics();
    EXPECT_EQ(now.tasks_spawned, 4U);
    EXPECT_EQ(now.tasks_ended, 4U);
    EXPECT_EQ(now.tasks_thrown, 1U);
    EXPECT_EQ(now.tasks_cancelled, 1U);
    EXPECT_EQ(now.tasks_alive, 0U);
    EXPECT_GE(now.total().polls, 4U);
}

TEST_P(metrics_of_any_runtime, count_the_tasks_that_are_alive) {
    const auto made = make();
    auto& rt = *made;
    event go_on;
    rt.block_on([&]() -> edo::task<> {
        auto waiting = edo::spawn(wait_for, std::ref(go_on));
        EXPECT_EQ(rt.metrics().tasks_alive, 2U);
        go_on.raise();
        co_await std::move(waiting).join();
        EXPECT_EQ(rt.metrics().tasks_alive, 1U);
    });
}

TEST_P(metrics_of_any_runtime, know_a_task_that_another_runtime_has_destroyed) {
    const auto made = make();
    auto& rt = *made;
    event never;
    std::optional<edo::join_handle<void>> handle = rt.spawn(wait_for, std::ref(never));
    {
        edo::current_thread_runtime other;
        other.block_on([&]() -> edo::task<> {
            handle.reset();
            co_return;
        });
    }
    rt.shutdown();
    const runtime_metrics now = rt.metrics();
    EXPECT_EQ(now.tasks_spawned, 1U);
    EXPECT_EQ(now.tasks_ended, 1U);
    EXPECT_EQ(now.tasks_cancelled, 1U);
}

TEST_P(metrics_of_any_runtime, count_polls_that_a_used_up_budget_has_ended) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([&]() -> edo::task<> {
        for (int i = 0; i < 1000; ++i)
            co_await edo::consume_budget();
    });
    EXPECT_GE(rt.metrics().total().forced_yields, 1000U / 128);
    EXPECT_LE(rt.metrics().total().forced_yields, 1000U / 128 + 1);
}

TEST_P(metrics_of_any_runtime, do_not_take_a_voluntary_yield_for_a_forced_one) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([&]() -> edo::task<> {
        for (int i = 0; i < 1000; ++i)
            co_await edo::yield_now();
    });
    EXPECT_EQ(rt.metrics().total().forced_yields, 0U);
    EXPECT_GE(rt.metrics().total().polls, 1000U);
}

TEST_P(metrics_of_any_runtime, count_timers_and_how_late_they_are) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([&]() -> edo::task<> {
        for (int i = 0; i < 3; ++i)
            co_await edo::sleep(1ms);
        const auto in_time = co_await edo::timeout(1h, edo::sleep(1ms));
        EXPECT_TRUE(in_time.has_value());
        auto sleeper = edo::spawn([]() -> edo::task<> { co_await edo::sleep(1h); });
        while (rt.metrics().total().timers_pending != 1)
            co_await edo::yield_now();
        co_await sleeper.cancel();
    });
    const worker_metrics now = rt.metrics().total();
    EXPECT_EQ(now.timers_armed, 6U);
    EXPECT_EQ(now.timers_fired, 4U);
    EXPECT_EQ(now.timers_pending, 0U);
    EXPECT_EQ(now.timer_lateness.total(), 4U);
    EXPECT_GT(now.timer_lateness.sum, edo::duration::zero());
}

TEST_P(metrics_of_any_runtime, count_sleeps_of_the_worker_and_leave_them_out_of_its_work) {
    const auto made = make();
    auto& rt = *made;
    const auto began = std::chrono::steady_clock::now();
    rt.block_on([]() -> edo::task<> {
        for (int i = 0; i < 20; ++i)
            co_await edo::sleep(5ms);
    });
    const auto took = std::chrono::steady_clock::now() - began;
    const runtime_metrics now = rt.metrics();
    EXPECT_GE(now.total().parks, 1U);
    EXPECT_GT(now.total().busy, edo::duration::zero());
    // Of 100 ms of sleep at the least.
    for (const worker_metrics& each : now.workers)
        EXPECT_LT(each.busy, took - 50ms);
}

TEST_P(metrics_of_any_runtime, measure_a_long_poll) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        co_await edo::sleep(1ms);  // the first poll after a wait is measured
        const auto until = std::chrono::steady_clock::now() + 3ms;
        while (std::chrono::steady_clock::now() < until) {
        }
        co_await edo::sleep(1ms);
    });
    const worker_metrics now = rt.metrics().total();
    EXPECT_GE(now.poll_time.quantile(1), 3ms);
    EXPECT_GE(now.poll_time.sum, 3ms);
}

TEST_P(metrics_of_any_runtime, measure_how_long_woken_tasks_wait) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        for (int i = 0; i < 10; ++i) {
            co_await edo::sleep(1ms);  // its wake is the next one that is measured
        }
    });
    const worker_metrics now = rt.metrics().total();
    EXPECT_GE(now.schedule_latency.total(), 1U);
    EXPECT_GT(now.schedule_latency.sum, edo::duration::zero());
}

TEST_P(metrics_of_any_runtime, count_events_of_sockets) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        edo::testing::local_pair pair;
        auto reading = edo::spawn(edo::testing::read_byte, std::cref(pair.handle));
        co_await edo::sleep(1ms);  // meanwhile it finds nothing, and waits
        pair.send_byte();
        const auto read = co_await std::move(reading).join();
        EXPECT_TRUE(read.has_value());
    });
    EXPECT_GE(rt.metrics().total().reactor_events, 1U);
    EXPECT_GE(rt.metrics().total().reactor_polls, 1U);
}

TEST_P(metrics_of_any_runtime, count_what_comes_from_other_threads) {
    const auto made = make();
    auto& rt = *made;
    for (int i = 0; i < 10; ++i)
        rt.block_on(rt.spawn(nothing).join());
    EXPECT_GE(rt.metrics().injected, 10U);
    EXPECT_EQ(rt.metrics().inject_queued, 0U);
}

TEST_P(metrics_of_any_runtime, list_the_pools_for_blocking_calls) {
    const auto made = make();
    auto& rt = *made;
    edo::blocking_pool disk = rt.blocking_pool("disk");
    rt.block_on([&]() -> edo::task<> {
        co_await edo::spawn_blocking([] {});
        co_await disk.spawn([] {});
        co_await disk.spawn([] {});
    });
    const runtime_metrics now = rt.metrics();
    ASSERT_EQ(now.pools.size(), 2U);
    EXPECT_EQ(now.pools[0].name, "default");
    EXPECT_EQ(now.pools[0].completed, 1U);
    EXPECT_EQ(now.pools[1].name, "disk");
    EXPECT_EQ(now.pools[1].completed, 2U);
    EXPECT_THAT(now.to_prometheus(),
                HasSubstr("edo_blocking_completed_calls_total{runtime=\"edo\",pool=\"disk\","
                          "number=\"1\"} 2\n"));
}

TEST_P(metrics_of_any_runtime, may_be_read_while_everything_runs_and_never_go_back) {
    const auto made = make();
    auto& rt = *made;
    std::atomic<bool> is_over{false};
    std::thread reader([&] {
        runtime_metrics before = rt.metrics();
        while (!is_over.load()) {
            const runtime_metrics now = rt.metrics();
            EXPECT_GE(now.tasks_spawned, before.tasks_spawned);
            EXPECT_GE(now.tasks_ended, before.tasks_ended);
            EXPECT_GE(now.tasks_spawned, now.tasks_ended);
            EXPECT_GE(now.total().polls, before.total().polls);
            EXPECT_GE(now.total().timers_armed, before.total().timers_armed);
            before = now;
        }
    });
    rt.block_on([]() -> edo::task<> {
        for (int round = 0; round < 50; ++round) {
            std::vector<edo::join_handle<void>> handles;
            for (int i = 0; i < 50; ++i)
                handles.push_back(edo::spawn([]() -> edo::task<> { co_await edo::sleep(10us); }));
            for (auto& each : handles)
                co_await std::move(each).join();
        }
    });
    is_over.store(true);
    reader.join();
}

TEST_P(metrics_of_any_runtime, outlive_the_shutdown) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> { co_await edo::sleep(1us); });
    rt.shutdown();
    const runtime_metrics now = rt.metrics();
    EXPECT_EQ(now.tasks_ended, 1U);
    EXPECT_EQ(now.total().timers_fired, 1U);
}

/// Holds a worker in a poll.
struct gate {
    std::latch entered{1}, open{1};

    void hold() {
        entered.count_down();
        open.wait();
    }
};

edo::task<> hold(std::reference_wrapper<gate> at) {
    at.get().hold();
    co_return;
}

TEST(metrics_of_workers, tell_of_a_blocked_one_and_of_its_spare) {
    gate at;
    auto rt = edo::runtime::builder()
                  .worker_threads(1)
                  .blocked_after(1ms)
                  .report_blocked_after(0s)
                  .build()
                  .value();
    EXPECT_EQ(rt.metrics().substitutions, 0U);
    auto held = rt.spawn(hold, std::ref(at));
    at.entered.wait();
    while (rt.metrics().substitutions == 0)
        std::this_thread::yield();

    // The spare has nothing to do, so it is not blocked too.
    const runtime_metrics now = rt.metrics();

    at.open.count_down();
    rt.block_on(std::move(held).join());
    EXPECT_EQ(now.substitutions, 1U);
    EXPECT_EQ(now.blocked_polls, 1U);
    ASSERT_EQ(now.workers.size(), 2U);
    EXPECT_FALSE(now.workers[0].is_spare);
    EXPECT_TRUE(now.workers[1].is_spare);
    const std::string text = now.to_prometheus();
    EXPECT_THAT(text, HasSubstr("edo_substitutions_total{runtime=\"edo\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("edo_blocked_polls_total{runtime=\"edo\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("edo_worker_is_spare{runtime=\"edo\",worker=\"0\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("edo_worker_is_spare{runtime=\"edo\",worker=\"1\"} 1\n"));
}

edo::task<> queue_three_and_hold(std::reference_wrapper<gate> at) {
    for (int i = 0; i < 3; ++i)
        edo::spawn(nothing).detach();
    at.get().hold();
    co_return;
}

// Nobody takes the place of the worker, so what is queued stays where it is.
TEST(metrics_of_workers, count_what_waits_in_each_queue) {
    gate at;
    auto rt = edo::runtime::builder().worker_threads(1).blocked_after(0s).build().value();
    const auto batch = edo::spawn_options().priority(edo::priority::batch);
    auto held = rt.spawn(queue_three_and_hold, std::ref(at));
    at.entered.wait();
    std::vector<edo::join_handle<void>> waiting;
    for (int i = 0; i < 2; ++i)
        waiting.push_back(rt.spawn(nothing));
    for (int i = 0; i < 5; ++i)
        waiting.push_back(rt.spawn(edo::with(batch, nothing)));
    waiting.push_back(rt.spawn(edo::with(edo::spawn_options().worker(0), nothing)));

    const runtime_metrics now = rt.metrics();

    at.open.count_down();
    for (auto& each : waiting)
        rt.block_on(std::move(each).join());
    rt.block_on(std::move(held).join());
    EXPECT_EQ(now.workers[0].queued, 4U);
    EXPECT_EQ(now.inject_queued, 2U);
    EXPECT_EQ(now.batch_queued, 5U);
    const std::string text = now.to_prometheus();
    EXPECT_THAT(text, HasSubstr("edo_worker_queued_tasks{runtime=\"edo\",worker=\"0\"} 4\n"));
    EXPECT_THAT(text, HasSubstr("edo_inject_queued_tasks{runtime=\"edo\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("edo_batch_queued_tasks{runtime=\"edo\"} 5\n"));
    EXPECT_EQ(rt.metrics().batch_queued, 0U);
    EXPECT_EQ(rt.metrics().total().queued, 0U);
}

TEST(metrics_of_workers, count_a_full_queue_once_when_half_of_it_is_given_away) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    rt.block_on([]() -> edo::task<> {
        std::vector<edo::join_handle<void>> handles;
        for (int i = 0; i < 300; ++i)
            handles.push_back(edo::spawn(nothing));
        for (auto& each : handles)
            co_await std::move(each).join();
    });
    EXPECT_EQ(rt.metrics().total().spills, 1U);
}

TEST(metrics_of_workers, count_what_one_takes_from_the_other) {
    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    rt.block_on([&]() -> edo::task<> {
        // Tasks in the queue of a worker that is busy: the other one comes for them.
        while (rt.metrics().total().steals == 0) {
            std::vector<edo::join_handle<void>> handles;
            for (int i = 0; i < 10; ++i)
                handles.push_back(edo::spawn(nothing));
            const auto until = std::chrono::steady_clock::now() + 200us;
            while (std::chrono::steady_clock::now() < until) {
            }
            for (auto& each : handles)
                co_await std::move(each).join();
        }
    });
    const worker_metrics now = rt.metrics().total();
    EXPECT_GE(now.stolen, now.steals);
    EXPECT_GE(now.steal_attempts, now.steals);
}

// The task keeps its worker until the other one has run its first child. The second child is in the
// slot of that worker, where nobody steals, and out of which it pushed the first.
TEST(metrics_of_workers, count_one_steal_of_one_task_once) {
    // No spare comes for the one that is kept: whoever runs the child has stolen it.
    auto rt = edo::runtime::builder().worker_threads(2).blocked_after(0s).build().value();
    std::latch first_ran(1), second_ran(1);
    rt.spawn([&]() -> edo::task<> {
          edo::spawn([&]() -> edo::task<> {
              first_ran.count_down();
              co_return;
          }).detach();
          edo::spawn([&]() -> edo::task<> {
              second_ran.count_down();
              co_return;
          }).detach();
          first_ran.wait();
          co_return;
      }).detach();
    second_ran.wait();
    rt.shutdown();

    const worker_metrics now = rt.metrics().total();
    EXPECT_EQ(now.steals, 1U);
    EXPECT_EQ(now.stolen, 1U);
}

}  // namespace
