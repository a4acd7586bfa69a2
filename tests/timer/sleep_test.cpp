#include <edo/timer/sleep.h>

#include "timer/timed_executor.h"
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/seam/census.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/timer/now.h>

namespace {

using edo::duration;
using edo::instant;
using edo::testing::timed_executor;
using ::testing::ElementsAre;
using namespace std::chrono_literals;

/// Makes the calling thread one of the executor's, outside of any task.
class on_thread_of {
public:
    explicit on_thread_of(timed_executor& ex) {
        edo::detail::set_current_execution(&ex.execution());
    }

    on_thread_of(const on_thread_of&) = delete;
    on_thread_of& operator=(const on_thread_of&) = delete;

    ~on_thread_of() { edo::detail::set_current_execution(nullptr); }
};

template <class Rep, class Period>
edo::task<> sleep_for(std::chrono::duration<Rep, Period> span) {
    co_await edo::sleep(span);
}

edo::task<> sleep_until(instant deadline) {
    co_await edo::sleep_until(deadline);
}

edo::task<> await_sleep(edo::sleep_operation* sleep) {
    co_await *sleep;
}

edo::task<> note_time(duration span, std::vector<duration>* woken, instant begin) {
    co_await edo::sleep(span);
    woken->push_back(edo::now() - begin);
}

TEST(sleep, ends_at_its_very_nanosecond) {
    timed_executor ex;
    auto sleeper = ex.spawn(sleep_for<std::int64_t, std::nano>, 1'000'001ns);
    ex.run_until_idle();

    ex.advance(1'000'000ns);
    EXPECT_FALSE(sleeper.is_finished());
    ex.advance(1ns);
    EXPECT_TRUE(sleeper.is_finished());
}

TEST(sleep, sleepers_wake_in_the_order_of_their_deadlines) {
    timed_executor ex;
    std::vector<duration> woken;
    const instant begin = ex.now();
    auto a = ex.spawn(note_time, duration(30ms), &woken, begin);
    auto b = ex.spawn(note_time, duration(10us), &woken, begin);
    auto c = ex.spawn(note_time, duration(20h), &woken, begin);
    auto last = ex.run(sleep_for<std::int64_t, std::ratio<3600>>, 21h);

    EXPECT_THAT(woken, ElementsAre(10us, 30ms, 20h));
}

TEST(sleep, nothing_to_wait_for_is_over_at_the_first_poll) {
    timed_executor ex;
    auto zero = ex.spawn(sleep_for<std::int64_t, std::nano>, 0ns);
    auto negative = ex.spawn(sleep_for<std::int64_t, std::ratio<3600>>, -5h);
    auto lowest = ex.spawn(sleep_for<std::int64_t, std::nano>, duration::min());
    auto nan = ex.spawn(sleep_for<double, std::ratio<1>>,
                        std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()));

    EXPECT_EQ(ex.run_until_idle(), 4u);

    EXPECT_TRUE(zero.is_finished());
    EXPECT_TRUE(negative.is_finished());
    EXPECT_TRUE(lowest.is_finished());
    EXPECT_TRUE(nan.is_finished());
}

TEST(sleep, too_long_for_the_clock_never_ends) {
    timed_executor ex;
    auto longest = ex.spawn(sleep_for<std::int64_t, std::nano>, duration::max());
    auto hours = ex.spawn(sleep_for<std::int64_t, std::ratio<3600>>, std::chrono::hours::max());
    auto infinite =
        ex.spawn(sleep_for<double, std::ratio<1>>,
                 std::chrono::duration<double>(std::numeric_limits<double>::infinity()));
    ex.run_until_idle();

    EXPECT_EQ(ex.wheel().next_deadline(), instant::max());
    ex.advance_to(instant::max() - 1ns);

    EXPECT_FALSE(longest.is_finished());
    EXPECT_FALSE(hours.is_finished());
    EXPECT_FALSE(infinite.is_finished());
}

TEST(sleep, ten_years_are_ten_years) {
    timed_executor ex;
    const instant begin = ex.now();

    auto sleeper = ex.run(sleep_for<std::int64_t, std::ratio<3600>>, 24h * 365 * 10);

    EXPECT_EQ(ex.now() - begin, 24h * 365 * 10);
}

TEST(sleep, a_fraction_of_a_nanosecond_is_rounded_up) {
    timed_executor ex;
    auto sleeper =
        ex.spawn(sleep_for<double, std::nano>, std::chrono::duration<double, std::nano>(1.25));
    ex.run_until_idle();

    EXPECT_EQ(ex.advance(1ns), 0u);
    EXPECT_EQ(ex.advance(1ns), 1u);
}

// A worker's time is that of its turn; a task may have computed for long since then.
TEST(sleep, counts_from_when_it_was_called_and_not_from_the_turn) {
    static instant real;
    timed_executor ex;
    ex.execution().read_clock = [](const edo::detail::execution&) noexcept { return real; };
    real = ex.now() + 10ms;  // that long has the task computed
    auto sleeper = ex.spawn(sleep_for<std::int64_t, std::milli>, 1ms);
    ex.run_until_idle();

    ex.advance(10ms + 1ms - 1ns);
    EXPECT_FALSE(sleeper.is_finished());
    ex.advance(1ns);
    EXPECT_TRUE(sleeper.is_finished());
}

TEST(sleep, made_outside_of_a_runtime_counts_from_its_first_poll) {
    edo::sleep_operation made_before = edo::sleep(1s);
    timed_executor ex;
    ex.advance(1h);
    auto sleeper = ex.spawn(await_sleep, &made_before);
    ex.run_until_idle();

    EXPECT_EQ(made_before.deadline(), ex.now() + 1s);
    ex.advance(1s - 1ns);
    EXPECT_FALSE(sleeper.is_finished());
    ex.advance(1ns);
    EXPECT_TRUE(sleeper.is_finished());
}

TEST(sleep, made_in_a_runtime_counts_from_the_call) {
    timed_executor ex;
    const on_thread_of thread(ex);
    const instant called = ex.now();
    edo::sleep_operation sleep = edo::sleep(1s);
    ex.advance(400ms);

    EXPECT_EQ(sleep.deadline(), called + 1s);
    EXPECT_FALSE(sleep.is_elapsed());
    ex.advance(600ms);
    EXPECT_TRUE(sleep.is_elapsed());
}

TEST(sleep, until_an_instant_in_the_past_is_over_at_once) {
    timed_executor ex;
    edo::sleep_operation sleep = edo::sleep_until(ex.now() - 1ns);
    auto sleeper = ex.spawn(await_sleep, &sleep);
    ex.run_until_idle();

    EXPECT_TRUE(sleeper.is_finished());
}

TEST(sleep, a_wake_without_a_reason_changes_nothing) {
    timed_executor ex;
    edo::sleep_operation sleep = edo::sleep_until(ex.now() + 1s);
    auto sleeper = ex.spawn(await_sleep, &sleep);
    ex.run_until_idle();

    ex.execution().scheduler->tasks.for_each(
        [](void*, edo::detail::task_header& task) { task.wake(0); }, nullptr);
    EXPECT_EQ(ex.run_until_idle(), 1u);

    EXPECT_FALSE(sleeper.is_finished());
    EXPECT_EQ(ex.advance(1s), 1u);
    EXPECT_TRUE(sleeper.is_finished());
}

TEST(sleep, dropping_it_leaves_no_timer) {
    timed_executor ex;
    {
        auto sleeper = ex.spawn(sleep_for<std::int64_t, std::ratio<3600>>, 1h);
        ex.run_until_idle();
        EXPECT_EQ(ex.wheel().next_deadline(), ex.now() + 1h);
    }
    ex.run_until_idle();

    EXPECT_EQ(ex.wheel().next_deadline(), instant::max());
}

struct reset_case {
    const char* name;
    duration before;  // when the reset happens
    duration to;      // the new deadline
    duration ends;    // when the sleep of 1 s ends
};

class sleep_reset : public ::testing::TestWithParam<reset_case> {};

TEST_P(sleep_reset, counts_from_the_new_deadline) {
    const reset_case& c = GetParam();
    timed_executor ex;
    const instant begin = ex.now();
    edo::sleep_operation sleep = edo::sleep_until(begin + 1s);
    auto sleeper = ex.spawn(await_sleep, &sleep);
    ex.run_until_idle();
    ex.advance_to(begin + c.before);

    sleep.reset(begin + c.to);
    EXPECT_EQ(sleep.deadline(), begin + c.to);

    ex.advance_to(begin + c.ends - 1ns);
    EXPECT_FALSE(sleeper.is_finished());
    ex.advance_to(begin + c.ends);
    EXPECT_TRUE(sleeper.is_finished());
}

INSTANTIATE_TEST_SUITE_P(cases,
                         sleep_reset,
                         ::testing::Values(reset_case{"later", 500ms, 2s, 2s},
                                           reset_case{"earlier", 100ms, 500ms, 500ms},
                                           reset_case{"a_nanosecond_before_it_fires", 1s - 1ns,
                                                      1s + 1ns, 1s + 1ns},
                                           reset_case{"to_the_same", 300ms, 1s, 1s}),
                         [](const auto& of) { return of.param.name; });

TEST(sleep, reset_into_the_past_ends_it_at_the_next_turn) {
    timed_executor ex;
    edo::sleep_operation sleep = edo::sleep_until(ex.now() + 1s);
    auto sleeper = ex.spawn(await_sleep, &sleep);
    ex.run_until_idle();

    sleep.reset(ex.now() - 1ns);
    EXPECT_EQ(ex.advance(0ns), 1u);

    EXPECT_TRUE(sleeper.is_finished());
}

TEST(sleep, reset_after_it_fired_but_before_it_was_polled_counts) {
    timed_executor ex;
    edo::sleep_operation sleep = edo::sleep_until(ex.now() + 1s);
    auto sleeper = ex.spawn(await_sleep, &sleep);
    ex.run_until_idle();
    ex.set_now(ex.now() + 1s);
    ASSERT_EQ(ex.wheel().advance(ex.now()), 1u);  // the task is queued

    sleep.reset(ex.now() + 1s);
    ex.run_until_idle();

    EXPECT_FALSE(sleeper.is_finished());
    ex.advance(1s);
    EXPECT_TRUE(sleeper.is_finished());
}

edo::task<> sleep_twice(edo::sleep_operation* sleep) {
    co_await *sleep;
    sleep->reset(edo::now() + 1s);
    co_await *sleep;
}

TEST(sleep, can_be_awaited_again_after_a_reset) {
    timed_executor ex;
    const instant begin = ex.now();
    edo::sleep_operation sleep = edo::sleep_until(begin + 1s);

    auto sleeper = ex.run(sleep_twice, &sleep);

    EXPECT_EQ(ex.now(), begin + 2s);
}

TEST(sleep, reset_to_never_ends_the_wait_for_it) {
    timed_executor ex;
    edo::sleep_operation sleep = edo::sleep_until(ex.now() + 1s);
    auto sleeper = ex.spawn(await_sleep, &sleep);
    ex.run_until_idle();

    sleep.reset(instant::max());
    ex.advance(24h);
    EXPECT_FALSE(sleeper.is_finished());
    sleep.reset(ex.now() + 1s);
    ex.advance(1s);

    EXPECT_TRUE(sleeper.is_finished());
}

// A task woken by its sleep drops a hundred others that are due at the same instant.
edo::task<> drop_others(instant at, std::vector<edo::join_handle<void>>* others) {
    co_await edo::sleep_until(at);
    others->clear();
}

TEST(sleep, dropping_others_from_a_woken_task_is_safe) {
    timed_executor ex;
    const instant at = ex.now() + 1s;
    std::vector<edo::join_handle<void>> others;
    auto dropper = ex.spawn(drop_others, at, &others);
    for (int i = 0; i < 100; ++i)
        others.push_back(ex.spawn(sleep_until, at + duration(i % 2)));
    ex.run_until_idle();

    ex.advance_to(at + 1s);

    EXPECT_TRUE(dropper.is_finished());
    EXPECT_EQ(ex.alive(), 0u);
}

edo::task<> idle_timeout(std::vector<std::size_t>* winners) {
    auto idle = edo::sleep(30s);
    for (;;) {
        auto first = co_await edo::select_biased(idle, edo::sleep(20s));
        winners->push_back(first.index());
        if (first.index() == 0) break;
        if (winners->size() < 3) idle.reset(edo::now() + 30s);
    }
}

TEST(sleep, in_a_variable_survives_select_and_can_be_put_off) {
    timed_executor ex;
    const instant begin = ex.now();
    std::vector<std::size_t> winners;

    auto task = ex.run(idle_timeout, &winners);

    EXPECT_THAT(winners, ElementsAre(1, 1, 1, 0));
    EXPECT_EQ(ex.now() - begin, 70s);
}

// A task of one runtime waits for a sleep that another runtime's wheel holds.
class poll_once {
public:
    explicit poll_once(edo::sleep_operation& sleep) noexcept : sleep_(sleep) {}

    bool poll(edo::context& cx) noexcept { return sleep_.poll(cx) || true; }

    void take() noexcept {}

private:
    edo::sleep_operation& sleep_;
};

edo::task<> begin_elsewhere(edo::sleep_operation* sleep) {
    co_await poll_once(*sleep);
    co_await edo::sleep(duration::max());
}

TEST(sleep, stays_on_the_clock_where_it_was_begun) {
    timed_executor first, second;
    edo::sleep_operation sleep = edo::sleep_until(first.now() + 1h);
    auto keeper = first.spawn(begin_elsewhere, &sleep);
    first.run_until_idle();
    auto sleeper = second.spawn(await_sleep, &sleep);
    second.run_until_idle();

    second.advance(2h);
    EXPECT_FALSE(sleeper.is_finished());
    first.advance(1h);
    second.run_until_idle();

    EXPECT_TRUE(sleeper.is_finished());
}

TEST(sleep, throws_when_the_runtime_of_its_clock_is_gone) {
    timed_executor second;
    std::optional<edo::sleep_operation> sleep;
    std::optional<timed_executor> first(std::in_place);
    sleep.emplace(first->now() + 1h);
    auto keeper = first->spawn(begin_elsewhere, &*sleep);
    first->run_until_idle();
    auto sleeper = second.spawn(await_sleep, &*sleep);
    second.run_until_idle();

    first->wheel().shutdown();
    second.run_until_idle();

    ASSERT_TRUE(sleeper.is_finished());

    struct outcome_of {
        static edo::task<std::error_code> join(edo::join_handle<void>* handle) {
            auto outcome = co_await std::move(*handle).try_join();
            try {
                std::move(outcome).value();
            } catch (const std::system_error& e) {
                co_return e.code();
            }
            co_return std::error_code{};
        }

        static edo::task<> store(edo::join_handle<void>* handle, std::error_code* to) {
            *to = co_await join(handle);
        }
    };

    std::error_code code;
    auto joined = second.run(&outcome_of::store, &sleeper, &code);
    EXPECT_EQ(code, edo::errc::runtime_shutdown);
}

TEST(sleep, refused_by_a_wheel_that_is_shut_down_throws) {
    timed_executor ex;
    ex.wheel().shutdown();

    struct attempt {
        static edo::task<> sleep(bool* refused) {
            try {
                co_await edo::sleep(1s);
            } catch (const std::system_error& e) {
                *refused = e.code() == edo::errc::runtime_shutdown;
            }
        }
    };

    bool refused = false;
    auto task = ex.spawn(&attempt::sleep, &refused);
    ex.run_until_idle();

    EXPECT_TRUE(refused);
}

TEST(sleep, dropped_by_another_thread_while_the_clock_runs) {
    constexpr int rounds = 2'000;
    timed_executor ex;
    int cancelled = 0;
    std::atomic<bool> done{false};
    std::atomic<std::int64_t> now{ex.now().time_since_epoch().count()};
    std::thread driver([&] {
        while (!done.load())
            ex.wheel().advance(instant(duration(now.fetch_add(100))));
    });
    for (int round = 0; round < rounds; ++round) {
        ex.set_now(instant(duration(now.load() - 1'000)));
        auto sleeper = std::make_optional(
            ex.spawn(sleep_until, instant(duration(now.load() + round % 5'000))));
        ex.run_until_idle();
        if (!sleeper->is_finished()) ++cancelled;
        sleeper.reset();
        // The other thread may have decided to wake it, and not done so yet.
        while (ex.alive() != 0)
            ex.run_until_idle();
    }
    done.store(true);
    driver.join();

    EXPECT_GT(cancelled, 0);
    EXPECT_EQ(edo::detail::census_of(edo::detail::census_kind::timer), 0);
}

TEST(sleep_death_test, moving_it_after_its_first_poll_is_an_error) {
    timed_executor ex;
    edo::sleep_operation sleep = edo::sleep_until(ex.now() + 1s);
    auto sleeper = ex.spawn(await_sleep, &sleep);
    ex.run_until_idle();

    EXPECT_DEATH(edo::sleep_operation(std::move(sleep)), "moved after its first poll");
}

TEST(now, is_the_clock_of_the_runtime_on_its_threads) {
    timed_executor ex;
    const on_thread_of thread(ex);
    ex.set_now(instant(123h));

    EXPECT_EQ(edo::now(), instant(123h));
}

TEST(now, elsewhere_is_the_clock_of_the_machine) {
    const instant before = edo::detail::monotonic_clock::read();
    const instant now = edo::now();

    EXPECT_GE(now, before);
    EXPECT_LE(now, edo::detail::monotonic_clock::read());
}

}  // namespace
