// Time that the test moves, in steps of any size; sleeps, timeouts and intervals in real time, on
// each kind of runtime; and more timers at once than fire in one turn.

#include "runtime/flavors.h"
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/runtime/testing.h>
#include <edo/task/budget.h>
#include <edo/task/spawn.h>
#include <edo/task/yield.h>
#include <edo/timer/interval.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>
#include <edo/timer/timeout.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Ge;

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

/// Polls a sleep once, so that it is among the timers if its time has not come.
class poll_once {
public:
    explicit poll_once(sleep_operation& sleep) noexcept : sleep_(sleep) {}

    bool poll(context& cx) noexcept {
        static_cast<void>(sleep_.poll(cx));
        return true;
    }

    void take() noexcept {}

private:
    sleep_operation& sleep_;
};

/// When each of three tasks has gone on, of which the first sleeps for one span and the others for
/// two. Meanwhile a fourth sleep is put off from the first one's deadline to theirs, and dropped.
task<std::array<duration, 3>> put_off_and_drop(duration span) {
    std::array<duration, 3> woken{};
    const instant begin = now();
    const auto sleep_and_note = [&](duration for_so_long, std::size_t who) -> task<> {
        co_await edo::sleep_until(begin + for_so_long);
        woken[who] = now() - begin;
    };
    auto first = spawn([&] { return sleep_and_note(span, 0); });
    auto second = spawn([&] { return sleep_and_note(2 * span, 1); });
    {
        auto moved = edo::sleep_until(begin + span);
        co_await poll_once(moved);
        moved.reset(begin + 2 * span);
        co_await poll_once(moved);
    }
    auto third = spawn([&] { return sleep_and_note(2 * span, 2); });
    co_await std::move(first).join();
    co_await std::move(second).join();
    co_await std::move(third).join();
    co_return woken;
}

TEST(time_behaviour, sleep_that_was_put_off_and_dropped_takes_no_other_with_it) {
    paused_runtime rt;

    EXPECT_THAT(rt.block_on(put_off_and_drop(100ms)), ElementsAre(100ms, 200ms, 200ms));
}

// ---- real time, on each kind of runtime

EDO_SUITE_FOR_ALL_RUNTIMES(timers);

constexpr duration soon = 10ms;

TEST_P(timers, sleep_that_was_put_off_and_dropped_takes_no_other_with_it) {
    const auto made = make();

    EXPECT_THAT(made->block_on(put_off_and_drop(soon)),
                ElementsAre(Ge(soon), Ge(2 * soon), Ge(2 * soon)));
}

TEST_P(timers, last_reset_of_a_sleep_counts_before_and_after_it_has_fired) {
    const auto made = make();

    made->block_on([]() -> task<> {
        const instant begin = now();
        auto asleep = edo::sleep(1h);
        co_await poll_once(asleep);
        asleep.reset(begin + 1ms);
        co_await asleep;
        EXPECT_GE(now(), begin + 1ms);
        asleep.reset(begin + 3ms);
        asleep.reset(begin + 2ms);
        co_await asleep;
        EXPECT_GE(now(), begin + 2ms);
    });

    EXPECT_EQ(made->metrics().total().timers_pending, 0U);
}

/// Waits for one sleep, and then drops those that are due with it.
task<> drop_others(instant due, std::reference_wrapper<std::vector<join_handle<void>>> others) {
    co_await edo::sleep_until(due);
    others.get().clear();
}

task<> sleep_till(instant due) {
    co_await edo::sleep_until(due);
}

TEST_P(timers, a_hundred_that_are_dropped_by_a_task_that_one_of_them_woke_are_gone) {
    const auto made = make();

    made->block_on([]() -> task<> {
        const instant due = now() + soon;
        std::vector<join_handle<void>> others;
        for (int i = 0; i < 100; ++i)
            others.push_back(spawn(sleep_till, due + duration(i % 2)));
        co_await drop_others(due, std::ref(others));
    });

    while (made->metrics().tasks_alive != 0)
        made->block_on(yield_now());
    EXPECT_EQ(made->metrics().total().timers_pending, 0U);
}

task<> run_for_ever() {
    for (;;)
        co_await consume_budget();
}

task<> yield_for_ever() {
    for (;;)
        co_await yield_now();
}

TEST_P(timers, timeout_ends_an_inner_task_that_is_always_ready) {
    const auto made = make();

    for (const auto inner : {&run_for_ever, &yield_for_ever}) {
        const auto ended = made->block_on(timeout(2ms, inner()));
        EXPECT_EQ(ended, errc::timed_out);
    }
}

task<int> seven() {
    co_return 7;
}

TEST_P(timers, value_that_is_ready_wins_over_a_deadline_that_has_passed_or_never_comes) {
    const auto made = make();

    EXPECT_EQ(made->block_on(timeout_at(instant::min(), seven())), 7);
    EXPECT_EQ(made->block_on(timeout(duration::max(), seven())), 7);
}

TEST_P(timers, interval_never_ticks_early) {
    const auto made = make();

    made->block_on([]() -> task<> {
        const instant begin = now();
        auto ticks = interval(1ms);
        for (int i = 0; i < 10; ++i) {
            const instant due = co_await ticks.tick();
            EXPECT_GE(due, begin + i * 1ms);
            EXPECT_GE(now(), due);
        }
    });
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
