#include <edo/timer/interval.h>

#include "timer/timed_executor.h"
#include <chrono>
#include <cstdint>
#include <ostream>
#include <system_error>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/task/select.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>

namespace {

using edo::duration;
using edo::instant;
using edo::missed_tick;
using edo::testing::timed_executor;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using namespace std::chrono_literals;

/// When a tick was due and when it was taken, from the start.
struct taken_tick {
    duration due, taken;
    friend bool operator==(const taken_tick&, const taken_tick&) = default;

    friend void PrintTo(const taken_tick& tick, std::ostream* to) {
        *to << "{due " << tick.due.count() << " ns, taken " << tick.taken.count() << " ns}";
    }
};

/// Takes a tick before each piece of work, and one after the last.
edo::task<> take_ticks(missed_tick policy,
                       std::vector<duration> work,
                       std::vector<taken_tick>* ticks) {
    const instant begin = edo::now();
    auto interval = edo::interval(100ms, policy);
    work.push_back(0ns);
    for (duration span : work) {
        const instant due = co_await interval.tick();
        ticks->push_back({due - begin, edo::now() - begin});
        co_await edo::sleep(span);
    }
}

struct policy_case {
    const char* name;
    missed_tick policy;
    std::vector<duration> work;
    std::vector<taken_tick> ticks;
};

class interval_policy : public ::testing::TestWithParam<policy_case> {};

TEST_P(interval_policy, gives_these_instants) {
    timed_executor ex;
    std::vector<taken_tick> ticks;

    auto task = ex.run(take_ticks, GetParam().policy, GetParam().work, &ticks);

    EXPECT_THAT(ticks, ElementsAreArray(GetParam().ticks));
}

INSTANTIATE_TEST_SUITE_P(
    tables,
    interval_policy,
    ::testing::Values(policy_case{"burst_in_time",
                                  missed_tick::burst,
                                  {20ms, 99ms, 0ms},
                                  {{0ms, 0ms}, {100ms, 100ms}, {200ms, 200ms}, {300ms, 300ms}}},
                      policy_case{"delay_in_time",
                                  missed_tick::delay,
                                  {20ms, 99ms, 0ms},
                                  {{0ms, 0ms}, {100ms, 100ms}, {200ms, 200ms}, {300ms, 300ms}}},
                      policy_case{"skip_in_time",
                                  missed_tick::skip,
                                  {20ms, 99ms, 0ms},
                                  {{0ms, 0ms}, {100ms, 100ms}, {200ms, 200ms}, {300ms, 300ms}}},
                      policy_case{"burst_catches_up",
                                  missed_tick::burst,
                                  {330ms, 0ms, 0ms, 0ms, 0ms},
                                  {{0ms, 0ms},
                                   {100ms, 330ms},
                                   {200ms, 330ms},
                                   {300ms, 330ms},
                                   {400ms, 400ms},
                                   {500ms, 500ms}}},
                      policy_case{"delay_counts_from_the_late_tick",
                                  missed_tick::delay,
                                  {330ms, 0ms, 0ms},
                                  {{0ms, 0ms}, {100ms, 330ms}, {430ms, 430ms}, {530ms, 530ms}}},
                      policy_case{"skip_leaves_out_what_was_missed",
                                  missed_tick::skip,
                                  {330ms, 0ms, 0ms},
                                  {{0ms, 0ms}, {100ms, 330ms}, {400ms, 400ms}, {500ms, 500ms}}},
                      policy_case{"skip_exactly_on_a_multiple",
                                  missed_tick::skip,
                                  {300ms, 0ms, 0ms},
                                  {{0ms, 0ms}, {100ms, 300ms}, {400ms, 400ms}, {500ms, 500ms}}},
                      policy_case{"burst_after_ten_periods",
                                  missed_tick::burst,
                                  {1000ms, 0ms},
                                  {{0ms, 0ms}, {100ms, 1000ms}, {200ms, 1000ms}}},
                      policy_case{"delay_after_ten_periods",
                                  missed_tick::delay,
                                  {1000ms, 0ms},
                                  {{0ms, 0ms}, {100ms, 1000ms}, {1100ms, 1100ms}}},
                      policy_case{"skip_after_ten_periods",
                                  missed_tick::skip,
                                  {1000ms, 0ms},
                                  {{0ms, 0ms}, {100ms, 1000ms}, {1100ms, 1100ms}}},
                      policy_case{"delay_tolerates_5_ms",
                                  missed_tick::delay,
                                  {105ms, 0ms},
                                  {{0ms, 0ms}, {100ms, 105ms}, {200ms, 200ms}}},
                      policy_case{"delay_tolerates_no_more",
                                  missed_tick::delay,
                                  {105ms + 1ns, 0ms},
                                  {{0ms, 0ms}, {100ms, 105ms + 1ns}, {205ms + 1ns, 205ms + 1ns}}}),
    [](const auto& of) { return of.param.name; });

edo::task<> short_period(std::vector<duration>* due) {
    const instant begin = edo::now();
    auto interval = edo::interval(1ms, missed_tick::delay);
    co_await interval.tick();
    co_await edo::sleep(1ms + 501us);
    for (int i = 0; i < 2; ++i) {
        const instant at = co_await interval.tick();
        due->push_back(at - begin);
    }
}

TEST(interval, half_a_period_is_late_for_a_short_one) {
    timed_executor ex;
    std::vector<duration> due;

    auto task = ex.run(short_period, &due);

    EXPECT_THAT(due, ElementsAre(1ms, 2ms + 501us));
}

edo::task<> starts_later(std::vector<duration>* due) {
    const instant begin = edo::now();
    auto interval = edo::interval_at(begin + 70ms, 100ms);
    for (int i = 0; i < 3; ++i) {
        const instant at = co_await interval.tick();
        due->push_back(at - begin);
        EXPECT_EQ(at, edo::now());
    }
}

TEST(interval, at_begins_at_its_start) {
    timed_executor ex;
    std::vector<duration> due;

    auto task = ex.run(starts_later, &due);

    EXPECT_THAT(due, ElementsAre(70ms, 170ms, 270ms));
}

edo::task<> reset_each_way(std::vector<duration>* due) {
    const instant begin = edo::now();
    auto interval = edo::interval(100ms);
    const auto take = [&](instant at) { due->push_back(at - begin); };
    instant at = co_await interval.tick();  // 0
    take(at);
    co_await edo::sleep(30ms);
    interval.reset();
    at = co_await interval.tick();
    take(at);  // 130
    interval.reset_immediately();
    at = co_await interval.tick();
    take(at);  // 130
    interval.reset_after(7ms);
    at = co_await interval.tick();
    take(at);  // 137
    interval.reset_at(begin + 500ms);
    at = co_await interval.tick();
    take(at);  // 500
    at = co_await interval.tick();
    take(at);  // 600
}

TEST(interval, resets_move_the_next_tick_only) {
    timed_executor ex;
    std::vector<duration> due;

    auto task = ex.run(reset_each_way, &due);

    EXPECT_THAT(due, ElementsAre(0ms, 130ms, 130ms, 137ms, 500ms, 600ms));
}

// The first tick is there at once, also when the turn of the worker began long before the call.
TEST(interval, first_tick_needs_no_turn_of_the_worker) {
    static instant real;
    timed_executor ex;
    ex.execution().read_clock = [](const edo::detail::execution&) noexcept { return real; };
    real = ex.now() + 10ms;
    std::vector<taken_tick> ticks;
    auto task = ex.spawn(take_ticks, missed_tick::burst, std::vector<duration>{}, &ticks);

    EXPECT_EQ(ex.run_until_idle(), 1u);

    EXPECT_TRUE(task.is_finished());
}

TEST(interval, made_outside_of_a_runtime_starts_with_its_first_tick) {
    auto interval = edo::interval(100ms);
    timed_executor ex;
    ex.advance(1h);
    const instant begin = ex.now();
    std::vector<duration> due;

    struct ticker {
        static edo::task<> run(edo::interval* ticks, instant from, std::vector<duration>* to) {
            for (int i = 0; i < 2; ++i) {
                const instant at = co_await ticks->tick();
                to->push_back(at - from);
            }
        }
    };

    auto task = ex.run(&ticker::run, &interval, begin, &due);

    EXPECT_THAT(due, ElementsAre(0ms, 100ms));
}

edo::task<> tick_in_select(std::vector<duration>* due) {
    const instant begin = edo::now();
    auto interval = edo::interval(100ms);
    while (due->size() < 3) {
        auto first = co_await edo::select_biased(interval.tick(), edo::sleep(30ms));
        if (first.index() == 0) due->push_back(std::get<0>(first) - begin);
    }
}

TEST(interval, dropping_a_tick_loses_nothing) {
    timed_executor ex;
    std::vector<duration> due;

    auto task = ex.run(tick_in_select, &due);

    EXPECT_THAT(due, ElementsAre(0ms, 100ms, 200ms));
}

edo::task<> pending_tick_survives(std::vector<duration>* due) {
    const instant begin = edo::now();
    auto interval = edo::interval(100ms);
    co_await interval.tick();
    auto pending = interval.tick();
    bool was_reset = false;
    for (;;) {
        auto first = co_await edo::select_biased(pending, edo::sleep(30ms));
        if (first.index() == 0) {
            due->push_back(std::get<0>(first) - begin);
            break;
        }
        if (!was_reset) interval.reset_after(45ms);
        was_reset = true;
    }
}

TEST(interval, a_tick_in_a_variable_follows_a_reset) {
    timed_executor ex;
    std::vector<duration> due;

    auto task = ex.run(pending_tick_survives, &due);

    EXPECT_THAT(due, ElementsAre(75ms));
}

edo::task<> longest_period(int* ticks) {
    auto interval = edo::interval(duration::max(), missed_tick::skip);
    co_await interval.tick();
    ++*ticks;
    co_await interval.tick();
    ++*ticks;
}

TEST(interval, longest_period_ticks_once) {
    timed_executor ex;
    int ticks = 0;
    auto task = ex.spawn(longest_period, &ticks);
    ex.run_until_idle();

    ex.advance_to(instant::max() - 1ns);

    EXPECT_EQ(ticks, 1);
}

edo::task<> from_the_beginning_of_time(missed_tick policy, std::vector<instant>* due) {
    auto interval = edo::interval_at(instant::min(), 10s, policy);
    for (int i = 0; i < 2; ++i) {
        const instant at = co_await interval.tick();
        due->push_back(at);
    }
}

TEST(interval, a_start_centuries_ago_does_not_overflow) {
    timed_executor ex;
    const instant begin = ex.now();
    std::vector<instant> due;

    auto skipping = ex.run(from_the_beginning_of_time, missed_tick::skip, &due);

    ASSERT_EQ(due.size(), 2u);
    EXPECT_EQ(due[0], instant::min());
    EXPECT_GT(due[1], begin);
    EXPECT_LE(due[1], begin + 10s);
    EXPECT_EQ(static_cast<std::uint64_t>(due[1].time_since_epoch().count() -
                                         (instant::min() + 10s).time_since_epoch().count()) %
                  10'000'000'000u,
              0u);
}

TEST(interval, tick_of_a_runtime_that_is_gone_throws) {
    timed_executor ex;

    struct attempt {
        static edo::task<> tick(timed_executor* on, bool* refused) {
            auto interval = edo::interval(1s);
            co_await interval.tick();
            on->wheel().shutdown();
            try {
                co_await interval.tick();
            } catch (const std::system_error& e) {
                *refused = e.code() == edo::errc::runtime_shutdown;
            }
        }
    };

    bool refused = false;
    auto task = ex.spawn(&attempt::tick, &ex, &refused);
    ex.run_until_idle();

    EXPECT_TRUE(refused);
}

TEST(interval_death_test, a_period_of_zero_is_an_error) {
    EXPECT_DEATH(edo::interval(0ms), "period greater than zero.*interval_test.cpp");
    EXPECT_DEATH(edo::interval(-1ms), "period greater than zero");
    EXPECT_DEATH(static_cast<void>(edo::interval_at(instant{}, 0ms)), "period greater than zero");
}

}  // namespace
