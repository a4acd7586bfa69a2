// How much a task may do in one turn, and how it asks for more.

#include <edo/task/budget.h>

#include "../support/event.h"
#include "../support/manual_executor.h"
#include <functional>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

#include <edo/base/seam/tuning.h>
#include <edo/task/join.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/yield.h>

namespace {

using edo::task;
using edo::detail::tuning::poll_budget;
using edo::testing::event;
using edo::testing::manual_executor;

task<> spend(int times) {
    for (int i = 0; i < times; ++i)
        co_await edo::consume_budget();
}

task<> note_turn(bool& had_turn) {
    had_turn = true;
    co_return;
}

TEST(budget, there_is_some_outside_of_tasks) {
    EXPECT_TRUE(edo::has_budget());
}

TEST(budget, others_have_their_turn_when_it_has_ended) {
    manual_executor ex;
    bool had_turn = false, when_it_had_ended = false;

    auto h = ex.spawn([&]() -> task<> {
        co_await spend(poll_budget);
        EXPECT_FALSE(had_turn);
        co_await edo::consume_budget();
        when_it_had_ended = had_turn;
    });
    auto other = ex.spawn(note_turn, std::ref(had_turn));
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_TRUE(when_it_had_ended);
}

TEST(unconstrained, goes_on_without_a_budget) {
    manual_executor ex;
    bool had_turn = false;

    auto h = ex.spawn([&]() -> task<> {
        co_await edo::unconstrained(spend(10 * poll_budget));
        EXPECT_FALSE(had_turn);
    });
    auto other = ex.spawn(note_turn, std::ref(had_turn));
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_TRUE(had_turn);
}

TEST(unconstrained, leaves_the_budget_of_the_others_as_it_was) {
    manual_executor ex;
    unsigned before = 0, after = 0;

    auto h = ex.spawn([&]() -> task<> {
        for (; before < 3; ++before)
            co_await edo::consume_budget();
        co_await edo::unconstrained(spend(1'000));
        while (edo::has_budget()) {
            co_await edo::consume_budget();
            ++after;
        }
    });
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(before + after, poll_budget);
}

TEST(unconstrained, one_of_several_branches_frees_only_itself) {
    manual_executor ex;
    bool had_turn = false, freed_had_ended = false;

    auto h = ex.spawn([&]() -> task<> {
        const auto freed = [&]() -> task<> {
            co_await edo::unconstrained(spend(1'000));
            EXPECT_FALSE(had_turn);
            freed_had_ended = true;
        };
        const auto charged = [&]() -> task<> {
            co_await spend(1'000);
            EXPECT_TRUE(had_turn);
        };
        co_await edo::join(freed(), charged());
    });
    auto other = ex.spawn(note_turn, std::ref(had_turn));
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_TRUE(freed_had_ended);
}

TEST(unconstrained, a_yield_inside_is_a_yield) {
    manual_executor ex;
    bool had_turn = false;

    auto h = ex.spawn([&]() -> task<> {
        co_await edo::unconstrained(edo::yield_now());
        EXPECT_TRUE(had_turn);
    });
    auto other = ex.spawn(note_turn, std::ref(had_turn));
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

TEST(unconstrained, is_without_a_budget_in_each_of_its_polls) {
    manual_executor ex;
    event e;
    unsigned turns = 0;

    auto h = ex.spawn([&]() -> task<> {
        const auto waits_and_spends = [&]() -> task<> {
            co_await e.wait();
            co_await spend(1'000);
        };
        co_await edo::unconstrained(waits_and_spends());
        EXPECT_EQ(turns, 1U);
    });
    ex.run_until_idle();
    auto other = ex.spawn([&]() -> task<> {
        for (;;) {
            ++turns;
            e.raise();
            co_await edo::yield_now();
            if (turns > 3) co_return;
        }
    });
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

task<int> fail() {
    throw std::runtime_error("no");
    co_return 0;
}

TEST(unconstrained, yields_what_the_inner_one_yields) {
    manual_executor ex;
    int here = 3;

    auto h = ex.spawn([&]() -> task<> {
        const auto owned = [](int n) -> task<std::unique_ptr<int>> {
            co_return std::make_unique<int>(n);
        };
        const auto reference = [&]() -> task<int&> { co_return here; };
        const std::unique_ptr<int> got = co_await edo::unconstrained(owned(7));
        EXPECT_EQ(*got, 7);
        int& same = co_await edo::unconstrained(reference());
        EXPECT_EQ(&same, &here);
        EXPECT_THROW(co_await edo::unconstrained(fail()), std::runtime_error);
    });
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

TEST(unconstrained, variable_survives_and_goes_on_where_it_was) {
    manual_executor ex;
    event e, other;
    int steps = 0;

    auto h = ex.spawn([&]() -> task<> {
        const auto two_steps = [&]() -> task<int> {
            ++steps;
            co_await e.wait();
            co_return ++steps;
        };
        auto inner = two_steps();
        auto first = co_await edo::select(other.wait(), edo::unconstrained(inner));
        EXPECT_EQ(first.index(), 0U);
        EXPECT_EQ(steps, 1);
        const int last = co_await edo::unconstrained(inner);
        EXPECT_EQ(last, 2);
    });
    ex.run_until_idle();
    other.raise();
    ex.run_until_idle();
    EXPECT_FALSE(h.is_finished());
    e.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

TEST(unconstrained, dropped_it_drops_the_inner_one) {
    manual_executor ex;
    event e, other;

    auto h = ex.spawn([&]() -> task<> {
        auto first = co_await edo::select(other.wait(), edo::unconstrained(e.wait()));
        EXPECT_EQ(first.index(), 0U);
        EXPECT_FALSE(e.has_waiter());
    });
    ex.run_until_idle();
    EXPECT_TRUE(e.has_waiter());
    other.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

}  // namespace
