#include <edo/runtime/testing.h>

#include "support/event.h"
#include <chrono>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/runtime/spawn_blocking.h>
#include <edo/task/join.h>
#include <edo/task/select.h>
#include <edo/task/yield.h>
#include <edo/timer/interval.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>
#include <edo/timer/timeout.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::event;

TEST(paused_runtime, sleep_of_a_day_takes_exactly_a_day_of_its_time) {
    edo::testing::paused_runtime rt;

    rt.block_on(edo::sleep(24h));

    EXPECT_EQ(rt.elapsed(), 24h);
}

TEST(paused_runtime, tasks_wake_in_the_order_of_their_deadlines) {
    std::vector<int> order;
    auto note = [&order](edo::duration span, int n) -> edo::task<> {
        co_await edo::sleep(span);
        order.push_back(n);
    };
    edo::testing::paused_runtime rt;

    rt.block_on(edo::join(note(3h, 3), note(1ms, 1), note(10s, 2)));

    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(rt.elapsed(), 3h);
}

TEST(paused_runtime, time_stands_still_while_tasks_run) {
    edo::testing::paused_runtime rt;

    rt.block_on([]() -> edo::task<> {
        const edo::instant begin = edo::now();
        for (int i = 0; i < 1'000; ++i)
            co_await edo::yield_now();
        EXPECT_EQ(edo::now(), begin);
    });

    EXPECT_EQ(rt.elapsed(), 0s);
}

TEST(paused_runtime, time_stands_still_while_a_blocking_call_runs) {
    edo::testing::paused_runtime rt;
    std::latch go_on(1);

    rt.block_on([&]() -> edo::task<> {
        auto call = edo::spawn([&]() -> edo::task<> {
            co_await edo::spawn_blocking([&] { go_on.wait(); });
            EXPECT_EQ(edo::now(), edo::now());
        });
        auto sleeper = edo::spawn([]() -> edo::task<> { co_await edo::sleep(1h); });
        std::thread foreign([&] { go_on.count_down(); });
        const edo::instant begin = edo::now();
        co_await std::move(call).join();
        EXPECT_EQ(edo::now() - begin, 0s) << "although somebody sleeps";
        foreign.join();
        co_await std::move(sleeper).join();
    });

    EXPECT_EQ(rt.elapsed(), 1h);
}

TEST(paused_runtime, wake_of_a_foreign_thread_arrives_while_nothing_is_timed) {
    edo::testing::paused_runtime rt;
    event e;
    std::thread foreign([&] { e.raise(); });

    rt.block_on(e.wait());

    foreign.join();
    EXPECT_EQ(rt.elapsed(), 0s);
}

TEST(paused_runtime, timeout_ends_a_wait_for_ever) {
    edo::testing::paused_runtime rt;
    event never;

    const auto answer = rt.block_on(edo::timeout(5s, never.wait()));

    EXPECT_EQ(answer.error(), edo::errc::timed_out);
    EXPECT_EQ(rt.elapsed(), 5s);
}

TEST(paused_runtime, cancelled_timer_does_not_move_the_time) {
    edo::testing::paused_runtime rt;

    rt.block_on([]() -> edo::task<> {
        co_await edo::select_biased(edo::yield_now(), edo::sleep(1s));
        co_await edo::sleep(1h);
    });

    EXPECT_EQ(rt.elapsed(), 1h);
}

TEST(paused_runtime, poll_for_moves_the_time_by_its_limit_only) {
    edo::testing::paused_runtime rt;
    auto h = rt.spawn([]() -> edo::task<> { co_await edo::sleep(10s); });

    rt.poll_for(4s);
    EXPECT_EQ(rt.elapsed(), 4s);
    EXPECT_FALSE(h.is_finished());
    rt.poll_for(6s);

    EXPECT_EQ(rt.elapsed(), 10s);
    rt.poll_for(0s);
    EXPECT_TRUE(h.is_finished());
}

TEST(paused_runtime, same_seed_chooses_the_same_branches) {
    auto choices = [](std::uint64_t seed) {
        edo::testing::paused_runtime rt(seed);
        return rt.block_on([]() -> edo::task<std::vector<std::size_t>> {
            std::vector<std::size_t> chosen;
            for (int i = 0; i < 64; ++i) {
                auto r = co_await edo::select(edo::sleep(0s), edo::sleep(0s), edo::sleep(0s));
                chosen.push_back(r.index());
            }
            co_return chosen;
        });
    };

    EXPECT_EQ(choices(7), choices(7));
    EXPECT_NE(choices(7), choices(8));
}

TEST(run, returns_what_the_test_yields) {
    const edo::duration slept = edo::testing::run([]() -> edo::task<edo::duration> {
        const edo::instant begin = edo::now();
        co_await edo::sleep(24h);
        co_return edo::now() - begin;
    });

    EXPECT_EQ(slept, 24h);
}

edo::task<int> forty_two() {
    co_await edo::sleep(1h);
    co_return 42;
}

TEST(run, takes_a_task_as_well_as_a_callable) {
    EXPECT_EQ(edo::testing::run(forty_two()), 42);
    EXPECT_EQ(edo::testing::run(forty_two), 42);
}

edo::task<> wait_in_vain() {
    event never;
    co_await never.wait();
}

TEST(run, test_that_cannot_go_on_ends_with_a_dump) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            ::setenv("EDO_TEST_LIMIT", "1", 1);
            edo::testing::run(wait_in_vain);
        },
        "not ended within 1 s.*test event.*EDO_SEED=");
}

TEST(run, bad_limit_or_seed_is_an_error) {
    ::setenv("EDO_TEST_LIMIT", "soon", 1);
    EXPECT_THROW(edo::testing::run(forty_two), std::invalid_argument);
    ::unsetenv("EDO_TEST_LIMIT");
    ::setenv("EDO_SEED", "zz", 1);
    EXPECT_THROW(edo::testing::run(forty_two), std::system_error);
    ::unsetenv("EDO_SEED");
}

TEST(run, rethrows_and_prints_the_seed) {
    ::testing::internal::CaptureStderr();
    EXPECT_THROW(edo::testing::run([]() -> edo::task<> {
                     throw std::runtime_error("failed");
                     co_return;
                 }),
                 std::runtime_error);

    EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::HasSubstr("EDO_SEED="));
}

TEST(run, fails_when_a_task_is_left_running) {
    ::testing::internal::CaptureStderr();
    event never;
    std::string what;
    try {
        edo::testing::run([&]() -> edo::task<> {
            edo::spawn([&never]() -> edo::task<> { co_await never.wait(); }).detach();
            co_await edo::yield_now();
        });
    } catch (const std::logic_error& e) {
        what = e.what();
    }
    static_cast<void>(::testing::internal::GetCapturedStderr());

    EXPECT_THAT(what, ::testing::HasSubstr("left running"));
    EXPECT_THAT(what, ::testing::HasSubstr("test event"));
}

}  // namespace
