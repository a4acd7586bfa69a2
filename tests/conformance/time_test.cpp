// Time that the test moves, in steps of any size; and more timers at once than fire in one turn.

#include "runtime/flavors.h"
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/runtime/testing.h>
#include <edo/task/spawn.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

TEST(time_behaviour, moves_by_fractions_of_a_millisecond_exactly) {
    paused_runtime rt;
    auto never = rt.spawn([]() -> task<> { co_await edo::sleep(24h); });
    std::vector<duration> seen;

    for (const duration step : {duration(1ms), duration(1ms + 1ns), duration(300ns)}) {
        rt.poll_for(step);
        seen.push_back(rt.elapsed());
    }

    EXPECT_THAT(seen, ElementsAre(1ms, 2ms + 1ns, 2ms + 301ns));
}

TEST(time_behaviour, four_steps_of_a_quarter_fire_a_timer_of_a_millisecond) {
    paused_runtime rt;
    auto sleeper = rt.spawn([]() -> task<> { co_await edo::sleep(1ms); });

    for (int step = 0; step < 3; ++step)
        rt.poll_for(250us);
    EXPECT_FALSE(sleeper.is_finished());
    rt.poll_for(250us);

    EXPECT_TRUE(sleeper.is_finished());
    EXPECT_EQ(rt.elapsed(), 1ms);
}

/// Polls a sleep once, so that it is among the timers.
class poll_once {
public:
    explicit poll_once(sleep_operation& sleep) noexcept : sleep_(sleep) {}

    bool poll(context& cx) noexcept {
        EXPECT_FALSE(sleep_.poll(cx));
        return true;
    }

    void take() noexcept {}

private:
    sleep_operation& sleep_;
};

TEST(time_behaviour, sleep_that_was_put_off_and_dropped_takes_no_other_with_it) {
    paused_runtime rt;
    std::vector<duration> woken;

    rt.block_on([&]() -> task<> {
        const instant begin = now();
        const auto sleep_and_note = [&](duration span) -> task<> {
            co_await edo::sleep(span);
            woken.push_back(now() - begin);
        };
        auto first = spawn([&] { return sleep_and_note(100ms); });
        auto second = spawn([&] { return sleep_and_note(200ms); });
        {
            auto moved = edo::sleep(100ms);  // among those of the first, then of the second
            co_await poll_once(moved);
            moved.reset(begin + 200ms);
            co_await poll_once(moved);
        }
        auto third = spawn([&] { return sleep_and_note(200ms); });
        co_await std::move(first).join();
        co_await std::move(second).join();
        co_await std::move(third).join();
    });

    EXPECT_THAT(woken, ElementsAre(100ms, 200ms, 200ms));
}

EDO_SUITE_FOR_ALL_RUNTIMES(timer_fault);

/// Waits for many sleeps that are due at once, as a deep tree of joins does.
class all_of_many {
public:
    all_of_many(instant deadline, int count) {
        for (int i = 0; i < count; ++i)
            left_.push_back(std::make_unique<sleep_operation>(deadline));
    }

    all_of_many(all_of_many&&) noexcept = default;

    bool poll(context& cx) noexcept {
        std::erase_if(left_, [&](const auto& each) { return each->poll(cx); });
        return left_.empty();
    }

    void take() noexcept {}

private:
    std::vector<std::unique_ptr<sleep_operation>> left_;
};

// More than fire in one turn; and when they have, there is nothing to do but to wait for the rest.
TEST_P(timer_fault, thousands_of_timers_of_one_task_that_are_due_at_once_all_fire) {
    const auto made = make();

    made->block_on([]() -> task<> { co_await all_of_many(now() + 2ms, 5'000); });

    EXPECT_EQ(made->metrics().total().timers_fired, 5'000U);
}

/// Waits for a sleep of an hour that is reset in its first poll.
class reset_sleep {
public:
    explicit reset_sleep(instant to) noexcept : to_(to) {}

    bool poll(context& cx) noexcept {
        if (std::exchange(was_polled_, true)) return asleep_.poll(cx);
        EXPECT_FALSE(asleep_.poll(cx));
        asleep_.reset(to_);
        return asleep_.poll(cx);
    }

    void take() noexcept {}

private:
    instant to_;
    sleep_operation asleep_ = edo::sleep(1h);
    bool was_polled_ = false;
};

TEST_P(timer_fault, sleep_that_is_reset_to_the_beginning_of_time_ends) {
    const auto made = make();

    made->block_on([]() -> task<> { co_await reset_sleep(instant::min()); });

    EXPECT_EQ(made->metrics().total().timers_fired, 1U);
}

}  // namespace
}  // namespace edo::testing
