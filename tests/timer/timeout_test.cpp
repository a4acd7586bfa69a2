#include <edo/timer/timeout.h>

#include "support/event.h"
#include "timer/timed_executor.h"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/task/select.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>

namespace {

using edo::duration;
using edo::errc;
using edo::instant;
using edo::result;
using edo::task;
using edo::testing::event;
using edo::testing::timed_executor;
using ::testing::ElementsAre;
using namespace std::chrono_literals;

/// Notes in a log when it dies.
class mourner {
public:
    mourner(std::vector<std::string>* log, std::string name) : log_(log), name_(std::move(name)) {}

    mourner(const mourner&) = delete;
    mourner& operator=(const mourner&) = delete;

    ~mourner() { log_->push_back(name_); }

private:
    std::vector<std::string>* log_;
    std::string name_;
};

task<int> answer_after(duration span) {
    co_await edo::sleep(span);
    co_return 42;
}

task<result<int>> result_after(duration span, result<int> what) {
    co_await edo::sleep(span);
    co_return what;
}

task<> throw_after(duration span) {
    co_await edo::sleep(span);
    throw std::runtime_error("broken");
}

template <class T>
task<> store(task<T> from, std::optional<T>* to) {
    T value = co_await std::move(from);
    to->emplace(std::move(value));
}

/// Runs `body` and answers what it yields.
template <class T>
T run(timed_executor& ex, task<T> body) {
    std::optional<T> value;
    auto handle = ex.run(store<T>, std::move(body), &value);
    return std::move(*value);
}

task<result<int>> limited_answer(duration limit, duration span) {
    auto answer = co_await edo::timeout(limit, answer_after(span));
    static_assert(std::is_same_v<decltype(answer), result<int>>);
    co_return answer;
}

TEST(timeout, passes_on_a_value_that_comes_in_time) {
    timed_executor ex;
    const instant begin = ex.now();

    EXPECT_EQ(run(ex, limited_answer(2s, 1s)), result<int>(42));

    EXPECT_EQ(ex.now() - begin, 1s);
    EXPECT_EQ(ex.wheel().exact_next_deadline(), instant::max());
}

TEST(timeout, ends_with_timed_out_at_its_deadline) {
    timed_executor ex;
    const instant begin = ex.now();

    EXPECT_EQ(run(ex, limited_answer(1s, 2s)), result<int>(errc::timed_out));

    EXPECT_EQ(ex.now() - begin, 1s);
    EXPECT_EQ(ex.wheel().exact_next_deadline(), instant::max());
}

TEST(timeout, a_value_that_is_ready_wins_over_a_deadline_that_has_passed) {
    timed_executor ex;

    EXPECT_EQ(run(ex, limited_answer(1s, 1s)), result<int>(42));
    EXPECT_EQ(run(ex, limited_answer(0s, 0s)), result<int>(42));
    EXPECT_EQ(run(ex, limited_answer(-1s, 0s)), result<int>(42));
}

TEST(timeout, a_limit_of_zero_polls_once) {
    timed_executor ex;

    EXPECT_EQ(run(ex, limited_answer(0s, 1ns)), result<int>(errc::timed_out));
}

TEST(timeout, the_longest_limit_never_passes) {
    timed_executor ex;

    EXPECT_EQ(run(ex, limited_answer(duration::max(), 24h * 365 * 100)), result<int>(42));
}

task<result<int>> flattened(duration limit, duration span, result<int> what) {
    auto answer = co_await edo::timeout(limit, result_after(span, what));
    static_assert(std::is_same_v<decltype(answer), result<int>>);
    co_return answer;
}

TEST(timeout, a_result_in_a_result_is_flattened) {
    timed_executor ex;

    EXPECT_EQ(run(ex, flattened(2s, 1s, 7)), result<int>(7));
    EXPECT_EQ(run(ex, flattened(2s, 1s, errc::closed)), result<int>(errc::closed));
    EXPECT_EQ(run(ex, flattened(1s, 2s, 7)), result<int>(errc::timed_out));
}

task<result<void>> limited_sleep(duration limit, duration span) {
    auto ended = co_await edo::timeout(limit, edo::sleep(span));
    static_assert(std::is_same_v<decltype(ended), result<void>>);
    co_return ended;
}

TEST(timeout, of_an_operation_without_a_value_is_a_result_of_void) {
    timed_executor ex;

    EXPECT_TRUE(run(ex, limited_sleep(2s, 1s)).has_value());
    EXPECT_EQ(run(ex, limited_sleep(1s, 2s)).error(), errc::timed_out);
}

task<result<int>> propagated() {
    int value = co_await edo::or_return(edo::timeout(2s, answer_after(1s)));
    co_await edo::or_return(edo::timeout(1s, edo::sleep(2s)));
    co_return value;
}

TEST(timeout, works_with_or_return) {
    timed_executor ex;

    EXPECT_EQ(run(ex, propagated()), result<int>(errc::timed_out));
}

task<std::string> caught() {
    try {
        auto ended = co_await edo::timeout(2s, throw_after(1s));
        co_return ended ? "value" : "error";
    } catch (const std::runtime_error& e) {
        co_return e.what();
    }
}

TEST(timeout, passes_on_an_exception) {
    timed_executor ex;

    EXPECT_EQ(run(ex, caught()), "broken");
}

task<> mourned_sleep(duration span, std::vector<std::string>* log) {
    mourner frame(log, "inner");
    co_await edo::sleep(span);
}

task<> note_deaths(duration span, std::vector<std::string>* log) {
    auto limited = edo::timeout(1s, mourned_sleep(span, log));
    auto ended = co_await limited;
    log->push_back(ended ? "value" : "error");
}

TEST(timeout, the_inner_one_is_gone_before_the_caller_goes_on) {
    timed_executor ex;
    std::vector<std::string> in_time, late;

    auto a = ex.run(note_deaths, duration(500ms), &in_time);
    auto b = ex.run(note_deaths, duration(2s), &late);

    EXPECT_THAT(in_time, ElementsAre("inner", "value"));
    EXPECT_THAT(late, ElementsAre("inner", "error"));
}

task<> yield_for_ever() {
    for (;;)
        co_await edo::yield_now();
}

task<result<void>> limit_yields() {
    auto ended = co_await edo::timeout(1s, yield_for_ever());
    co_return ended;
}

TEST(timeout, ends_an_inner_one_that_never_lets_go) {
    timed_executor ex;
    std::optional<result<void>> ended;
    auto task = ex.spawn(store<result<void>>, limit_yields(), &ended);
    for (int i = 0; i < 100; ++i)
        ex.run_one();
    EXPECT_FALSE(task.is_finished());

    ex.set_now(ex.now() + 1s);
    ex.wheel().advance(ex.now());
    ex.run_until_idle();

    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->error(), errc::timed_out);
}

/// Always ready: only the budget of the task holds it up.
class ready_operation {
public:
    ready_operation() noexcept {}

    bool poll(edo::context&) noexcept { return true; }

    void take() noexcept {}
};

task<> run_for_ever(std::uint64_t* rounds) {
    for (;;) {
        co_await ready_operation();
        ++*rounds;
    }
}

task<result<void>> limit_busy(std::uint64_t* rounds) {
    auto ended = co_await edo::timeout(1s, run_for_ever(rounds));
    co_return ended;
}

TEST(timeout, is_not_held_up_by_a_used_up_budget) {
    timed_executor ex;
    std::uint64_t rounds = 0;
    std::optional<result<void>> ended;
    auto task = ex.spawn(store<result<void>>, limit_busy(&rounds), &ended);
    for (int i = 0; i < 10; ++i)
        ex.run_one();
    const std::uint64_t before = rounds;
    EXPECT_GE(before, 10u);

    ex.set_now(ex.now() + 1s);
    ex.wheel().advance(ex.now());
    ex.run_until_idle();

    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->error(), errc::timed_out);
}

task<result<void>> wait_for(event* e, duration limit) {
    auto ended = co_await edo::timeout(limit, e->wait());
    co_return ended;
}

TEST(timeout, an_operation_that_is_ready_at_once_needs_no_clock_and_no_timer) {
    static int readings;
    timed_executor ex;
    readings = 0;
    ex.execution().read_clock = [](const edo::detail::execution& exec) noexcept {
        ++readings;
        return exec.now;
    };
    event raised;
    raised.raise();

    EXPECT_TRUE(run(ex, wait_for(&raised, 1s)).has_value());

    EXPECT_EQ(readings, 0);
    EXPECT_EQ(ex.wheel().next_deadline(), instant::max());
}

TEST(timeout, polls_the_operation_only_when_it_or_the_clock_says_so) {
    timed_executor ex;
    event e;
    std::optional<result<void>> ended;
    auto task = ex.spawn(store<result<void>>, wait_for(&e, 1s), &ended);
    ex.run_until_idle();
    EXPECT_EQ(e.polls(), 1);

    e.poke();
    ex.run_until_idle();
    EXPECT_EQ(e.polls(), 2);
    ex.advance(1s);

    EXPECT_EQ(e.polls(), 3);  // a last time, in case it is ready
    EXPECT_EQ(ended->error(), errc::timed_out);
    EXPECT_FALSE(e.has_waiter());
}

task<int> keep_waiting(std::vector<std::error_code>* errors) {
    auto answer = answer_after(5s);
    for (;;) {
        auto value = co_await edo::timeout(2s, answer);
        if (value) co_return *value;
        errors->push_back(value.error());
    }
}

TEST(timeout, a_task_in_a_variable_survives_and_goes_on) {
    timed_executor ex;
    const instant begin = ex.now();
    std::vector<std::error_code> errors;

    EXPECT_EQ(run(ex, keep_waiting(&errors)), 42);

    EXPECT_THAT(errors, ElementsAre(errc::timed_out, errc::timed_out));
    EXPECT_EQ(ex.now() - begin, 5s);
}

task<result<int>> nested(duration outer, duration inner, duration span) {
    auto answer = co_await edo::timeout(outer, edo::timeout(inner, answer_after(span)));
    static_assert(std::is_same_v<decltype(answer), result<int>>);
    co_return answer;
}

TEST(timeout, nests) {
    timed_executor ex;
    const instant begin = ex.now();

    EXPECT_EQ(run(ex, nested(3s, 2s, 1s)), result<int>(42));
    EXPECT_EQ(run(ex, nested(3s, 2s, 4s)), result<int>(errc::timed_out));
    EXPECT_EQ(run(ex, nested(1s, 2s, 4s)), result<int>(errc::timed_out));

    EXPECT_EQ(ex.now() - begin, 1s + 2s + 1s);
}

task<result<std::size_t>> limited_select() {
    auto first =
        co_await edo::timeout(2s, edo::select(edo::timeout(1s, answer_after(5s)), edo::sleep(4s)));
    if (!first) co_return first.error();
    co_return first->index();
}

TEST(timeout, is_a_branch_of_select_and_holds_one) {
    timed_executor ex;
    const instant begin = ex.now();

    EXPECT_EQ(run(ex, limited_select()), result<std::size_t>(std::size_t{0}));

    EXPECT_EQ(ex.now() - begin, 1s);
}

task<result<int>> until(instant deadline) {
    auto answer = co_await edo::timeout_at(deadline, answer_after(10s));
    co_return answer;
}

TEST(timeout, at_counts_to_an_instant) {
    timed_executor ex;
    const instant begin = ex.now();

    EXPECT_EQ(run(ex, until(begin + 3s)), result<int>(errc::timed_out));
    EXPECT_EQ(ex.now() - begin, 3s);
    EXPECT_EQ(run(ex, until(begin)), result<int>(errc::timed_out));
    EXPECT_EQ(ex.now() - begin, 3s);
    EXPECT_EQ(run(ex, until(instant::max())), result<int>(42));
}

TEST(timeout, dropping_it_drops_the_inner_one) {
    timed_executor ex;
    std::vector<std::string> log;
    {
        auto task = ex.spawn(note_deaths, duration(5s), &log);
        ex.run_until_idle();
    }
    ex.run_until_idle();

    EXPECT_THAT(log, ElementsAre("inner"));
    EXPECT_EQ(ex.wheel().next_deadline(), instant::max());
}

TEST(timeout, made_and_never_awaited_does_nothing) {
    std::vector<std::string> log;
    {
        auto limited = edo::timeout(1s, mourned_sleep(1s, &log));
    }
    EXPECT_TRUE(log.empty());
}

TEST(timeout, says_that_the_runtime_is_gone) {
    timed_executor ex;
    event never;
    ex.wheel().shutdown();

    struct attempt {
        static task<result<void>> wait(event* e) {
            auto waited = co_await edo::timeout(1s, e->wait());
            co_return waited;
        }
    };

    EXPECT_EQ(run(ex, attempt::wait(&never)).error(), errc::runtime_shutdown);
    EXPECT_FALSE(never.has_waiter());
}

// The inner task owns a group: its frame must stay until the child, which refers to it, is gone.
task<> use_frame(std::vector<std::string>* log, std::string* name) {
    mourner child(log, "child of " + *name);
    co_await edo::sleep(duration::max());
}

task<result<void>> own_a_group(std::vector<std::string>* log) {
    mourner frame(log, "frame");
    std::string name = "frame";
    edo::task_group group;
    group.spawn(use_frame, log, &name);
    co_await edo::or_return(group.join());
    co_return {};
}

task<result<void>> limit_group(std::vector<std::string>* log) {
    auto ended = co_await edo::timeout(1s, own_a_group(log));
    log->push_back(ended ? "value" : "error");
    co_return ended;
}

TEST(timeout, waits_for_the_children_of_the_inner_one_before_it_ends) {
    timed_executor ex;
    std::vector<std::string> log;
    std::optional<result<void>> ended;
    auto task = ex.spawn(store<result<void>>, limit_group(&log), &ended);
    ex.run_until_idle();
    ex.set_now(ex.now() + 1s);
    ex.wheel().advance(ex.now());

    ex.run_one();  // time is up: the child is asked to go and not destroyed on the spot
    EXPECT_TRUE(log.empty());
    ex.run_until_idle();

    EXPECT_THAT(log, ElementsAre("child of frame", "frame", "error"));
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->error(), errc::timed_out);
}

}  // namespace
