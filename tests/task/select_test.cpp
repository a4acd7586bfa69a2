#include <edo/task/select.h>

#include "../support/event.h"
#include "../support/manual_executor.h"
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/task/join.h>
#include <edo/task/state/header.h>
#include <edo/task/yield.h>

namespace {

using edo::result;
using edo::task;
using edo::testing::event;
using edo::testing::manual_executor;

task<int> wait_and_yield(event& e, int n) {
    co_await e.wait();
    co_return n;
}

task<> wait_on(event& e) {
    co_await e.wait();
}

task<> select_two(event& a, event& b, std::size_t& index) {
    auto r = co_await edo::select(a.wait(), wait_and_yield(b, 7));
    index = r.index();
    if (index == 1) {
        EXPECT_EQ(std::get<1>(r), 7);
    }
    EXPECT_FALSE(a.has_waiter());
    EXPECT_FALSE(b.has_waiter());
}

TEST(select, yields_the_branch_that_is_ready_first_and_the_losers_are_gone) {
    for (int winner = 0; winner < 2; ++winner) {
        manual_executor ex;
        event a, b;
        std::size_t index = 9;

        auto h = ex.spawn(select_two, std::ref(a), std::ref(b), std::ref(index));
        ex.run_until_idle();
        EXPECT_TRUE(a.has_waiter() && b.has_waiter());
        (winner == 0 ? a : b).raise();
        ex.run_until_idle();

        EXPECT_TRUE(h.is_finished());
        EXPECT_EQ(index, static_cast<std::size_t>(winner));
    }
}

template <class... As>
concept selectable = requires(As&&... branches) {
    edo::select(std::forward<As>(branches)...);
    edo::select_biased(std::forward<As>(branches)...);
};
static_assert(!selectable<>, "of no branch at all none is ever ready");
static_assert(!selectable<int>);
static_assert(selectable<event::wait_operation>);
static_assert(selectable<event::wait_operation, task<int>, task<int>&>);

TEST(select, polls_only_woken_branches) {
    manual_executor ex;
    event a, b;
    std::size_t index = 9;

    auto h = ex.spawn(select_two, std::ref(a), std::ref(b), std::ref(index));
    ex.run_until_idle();
    b.poke();
    b.poke();
    ex.run_until_idle();
    b.poke();
    ex.run_until_idle();

    EXPECT_EQ(a.polls(), 1);
    EXPECT_EQ(b.polls(), 3);
    a.raise();
    ex.run_until_idle();
}

task<> nested(event& a, event& b, event& c, std::string& out) {
    auto r = co_await edo::select(edo::select(a.wait(), edo::select(b.wait(), wait_on(c))),
                                  edo::yield_now());
    out = std::to_string(r.index());
}

task<> inner_select(event& a, event& b, std::string& log) {
    auto r = co_await edo::select(a.wait(), b.wait());
    log += "inner" + std::to_string(r.index());
}

task<> outer_select(event& a, event& b, event& c, std::string& log) {
    auto r = co_await edo::select(inner_select(a, b, log), c.wait());
    log += " outer" + std::to_string(r.index());
}

TEST(select, nests_and_a_wake_finds_its_way_to_the_innermost_branch) {
    manual_executor ex;
    event a, b, c;
    std::string log;

    auto h = ex.spawn(outer_select, std::ref(a), std::ref(b), std::ref(c), std::ref(log));
    ex.run_until_idle();
    b.raise();
    ex.run_until_idle();

    EXPECT_EQ(log, "inner1 outer0");
    EXPECT_EQ(c.polls(), 1);
    EXPECT_EQ(a.polls(), 1);
}

TEST(select, takes_other_combinators_as_branches) {
    manual_executor ex;
    event a, b, c;
    std::string out;
    auto h = ex.spawn(nested, std::ref(a), std::ref(b), std::ref(c), std::ref(out));
    ex.run_until_idle();
    EXPECT_EQ(out, "1");
    EXPECT_FALSE(a.has_waiter() || b.has_waiter() || c.has_waiter());
}

// 2^6 leaves in a tree of selects: more lines than a task has slots.
task<> tree(std::vector<event>& leaves, std::size_t from, std::size_t to) {
    if (to - from == 1) {
        co_await leaves[from].wait();
    } else {
        const std::size_t mid = (from + to) / 2;
        co_await edo::select(tree(leaves, from, mid), tree(leaves, mid, to));
    }
}

TEST(select, works_with_more_lines_than_a_task_has_slots) {
    for (std::size_t winner = 0; winner < 64; winner += 7) {
        manual_executor ex;
        std::vector<event> leaves(64);

        auto h = ex.spawn(tree, std::ref(leaves), std::size_t{0}, std::size_t{64});
        ex.run_until_idle();
        EXPECT_FALSE(h.is_finished());
        leaves[winner].raise();
        ex.run_until_idle();

        EXPECT_TRUE(h.is_finished());
        for (event& e : leaves)
            EXPECT_FALSE(e.has_waiter());
    }
}

task<> three_rounds(event& kept, std::vector<event>& others, std::vector<std::size_t>& seen) {
    auto pending = kept.wait();
    for (event& other : others) {
        auto r = co_await edo::select(pending, other.wait());
        seen.push_back(r.index());
    }
}

TEST(select, a_branch_in_a_variable_survives) {
    manual_executor ex;
    event kept;
    std::vector<event> others(3);
    std::vector<std::size_t> seen;

    auto h = ex.spawn(three_rounds, std::ref(kept), std::ref(others), std::ref(seen));
    ex.run_until_idle();
    others[0].raise();
    ex.run_until_idle();
    EXPECT_TRUE(kept.has_waiter());
    others[1].raise();
    ex.run_until_idle();
    kept.raise();
    ex.run_until_idle();

    EXPECT_EQ(seen, (std::vector<std::size_t>{1, 1, 0}));
}

task<int> two_steps(event& first, event& second, std::string& log) {
    co_await first.wait();
    log += "a";
    co_await second.wait();
    log += "b";
    co_return 5;
}

task<> keeps_a_task(event& first, event& second, std::vector<event>& others, std::string& log) {
    auto pending = two_steps(first, second, log);
    for (event& other : others) {
        auto r = co_await edo::select(other.wait(), pending);
        log += std::to_string(r.index());
        if (r.index() == 1) log += std::to_string(std::get<1>(r));
        if (r.index() == 1) break;
    }
}

TEST(select, a_task_in_a_variable_goes_on_where_it_was) {
    manual_executor ex;
    event first, second;
    std::vector<event> others(3);
    std::string log;

    auto h =
        ex.spawn(keeps_a_task, std::ref(first), std::ref(second), std::ref(others), std::ref(log));
    ex.run_until_idle();
    others[0].raise();
    ex.run_until_idle();
    first.raise();
    ex.run_until_idle();
    others[1].raise();
    ex.run_until_idle();
    second.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(log, "0a0b15");
}

task<std::size_t> waits_in_a_select(event& a, event& b) {
    auto r = co_await edo::select(a.wait(), b.wait());
    co_return r.index();
}

task<> leaves_a_task_alone(event& inner, std::vector<event>& others, std::size_t& index) {
    event never;
    auto pending = waits_in_a_select(inner, never);
    co_await edo::select(pending, others[0].wait());
    co_await others[1].wait();
    auto r = co_await edo::select(pending, others[2].wait());
    index = r.index();
}

TEST(select, a_task_in_a_variable_learns_what_came_while_nobody_polled_it) {
    manual_executor ex;
    event inner;
    std::vector<event> others(3);
    std::size_t index = 7;

    auto h = ex.spawn(leaves_a_task_alone, std::ref(inner), std::ref(others), std::ref(index));
    ex.run_until_idle();
    others[0].raise();
    ex.run_until_idle();
    inner.raise();
    ex.run_until_idle();
    others[1].raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(index, 0u);
}

TEST(select, a_started_task_in_a_variable_is_dropped_with_it) {
    manual_executor ex;
    event first, second;
    std::vector<event> others(1);
    std::string log;

    auto h =
        ex.spawn(keeps_a_task, std::ref(first), std::ref(second), std::ref(others), std::ref(log));
    ex.run_until_idle();
    EXPECT_TRUE(first.has_waiter());
    others[0].raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_FALSE(first.has_waiter());
}

task<> which_of_ready(std::vector<int>& counts) {
    event a, b, c;
    a.raise(), b.raise(), c.raise();
    auto r = co_await edo::select(a.wait(), b.wait(), c.wait());
    ++counts[r.index()];
}

task<> first_of_ready(std::vector<int>& counts) {
    event a, b;
    a.raise(), b.raise();
    auto r = co_await edo::select_biased(a.wait(), b.wait());
    ++counts[r.index()];
}

TEST(select, chooses_fairly_among_ready_branches_and_biased_by_order) {
    manual_executor ex;
    std::vector<int> fair(3), biased(2);

    for (int i = 0; i < 600; ++i) {
        auto h = ex.spawn(which_of_ready, std::ref(fair));
        auto g = ex.spawn(first_of_ready, std::ref(biased));
        ex.run_until_idle();
    }

    for (int n : fair)
        EXPECT_GT(n, 120);
    EXPECT_EQ(biased, (std::vector<int>{600, 0}));
}

task<> throws() {
    throw std::runtime_error("branch");
    co_return;
}

task<> select_throwing(event& e, std::string& what) {
    try {
        co_await edo::select(e.wait(), throws());
    } catch (const std::exception& error) {
        what = error.what();
    }
}

TEST(select, rethrows_and_the_losers_are_gone) {
    manual_executor ex;
    event e;
    std::string what;

    auto h = ex.spawn(select_throwing, std::ref(e), std::ref(what));
    ex.run_until_idle();

    EXPECT_EQ(what, "branch");
    EXPECT_FALSE(e.has_waiter());
}

TEST(select, may_be_dropped_at_any_depth) {
    manual_executor ex;
    event a, b, c;
    std::string log;

    auto h = ex.spawn(outer_select, std::ref(a), std::ref(b), std::ref(c), std::ref(log));
    ex.run_until_idle();
    h.request_cancel();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_FALSE(a.has_waiter() || b.has_waiter() || c.has_waiter());
}

// ---- operations that do not ask whom to wake

/// Is ready at its poll number `ready_at`, and asks for its waker at number `asks_at`.
class asking_operation {
public:
    struct seen {
        edo::waker waker;
        int polls = 0;
        bool is_same_waker = false;  // at the last poll
        std::uint64_t slots = 0;     // that the task had in use at the last poll
    };

    asking_operation(seen& to, int asks_at, int ready_at) noexcept
        : to_(&to), asks_at_(asks_at), ready_at_(ready_at) {}

    bool poll(edo::context& cx) noexcept {
        to_->slots = cx.task().used_slots;
        ++to_->polls;
        if (to_->waker) to_->is_same_waker = to_->waker.wakes(cx);
        if (to_->polls == asks_at_) to_->waker = cx.waker();
        return to_->polls == ready_at_;
    }

    void take() noexcept {}

private:
    seen* to_;
    int asks_at_;
    int ready_at_;
};

constexpr int not_at_all = -1;

std::uint64_t slots_in_use() {
    return edo::detail::current_execution()->task->used_slots;
}

task<> join_of_ready(asking_operation::seen& first, asking_operation::seen& second) {
    co_await edo::join(asking_operation(first, not_at_all, 1),
                       asking_operation(second, not_at_all, 1));
}

TEST(join, branch_that_is_ready_at_once_takes_no_slot) {
    manual_executor ex;
    asking_operation::seen first, second;

    auto h = ex.spawn(join_of_ready, std::ref(first), std::ref(second));
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(second.slots, 0U);
}

task<> nested_of_ready(asking_operation::seen& inner, std::uint64_t& slots_at_end) {
    co_await edo::select_biased(
        edo::select_biased(edo::join(asking_operation(inner, not_at_all, 1)), edo::yield_now()),
        edo::yield_now());
    slots_at_end = slots_in_use();
}

TEST(select, combinators_that_are_ready_at_once_take_no_slot) {
    manual_executor ex;
    asking_operation::seen inner;
    std::uint64_t slots_at_end = 1;

    auto h = ex.spawn(nested_of_ready, std::ref(inner), std::ref(slots_at_end));
    ex.run_one();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(inner.slots | slots_at_end, 0U);
}

task<> ready_but_asked(asking_operation::seen& seen, std::uint64_t& slots_at_end, event& end) {
    co_await edo::select_biased(asking_operation(seen, 1, 1), end.wait());
    slots_at_end = slots_in_use();
    co_await end.wait();
}

TEST(select, branch_that_has_asked_for_its_waker_may_be_ready_at_once) {
    manual_executor ex;
    asking_operation::seen seen;
    std::uint64_t slots_at_end = 1;
    event end;

    auto h = ex.spawn(ready_but_asked, std::ref(seen), std::ref(slots_at_end), std::ref(end));
    ex.run_until_idle();
    seen.waker.wake();
    ex.run_until_idle();
    end.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(slots_at_end, 0U);
}

task<> asks_at_once(asking_operation::seen& seen, event& other) {
    co_await edo::select(edo::join(asking_operation(seen, 1, 3)), other.wait());
}

TEST(select, waker_of_the_first_poll_is_that_of_the_later_ones) {
    manual_executor ex;
    asking_operation::seen seen;
    event other;

    auto h = ex.spawn(asks_at_once, std::ref(seen), std::ref(other));
    ex.run_until_idle();
    seen.waker.wake();
    ex.run_until_idle();
    EXPECT_EQ(seen.polls, 2);
    EXPECT_TRUE(seen.is_same_waker);
    EXPECT_EQ(other.polls(), 1);
    seen.waker.wake();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

task<> never_asks(asking_operation::seen& seen, event& other, std::uint64_t& slots_at_end) {
    co_await edo::select_biased(asking_operation(seen, not_at_all, not_at_all), other.wait());
    slots_at_end = slots_in_use();
}

TEST(select, branch_that_has_not_asked_is_not_polled_for_the_others) {
    manual_executor ex;
    asking_operation::seen seen;
    event other;
    std::uint64_t slots_at_end = 1;

    auto h = ex.spawn(never_asks, std::ref(seen), std::ref(other), std::ref(slots_at_end));
    ex.run_until_idle();
    other.poke();
    ex.run_until_idle();
    other.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(seen.polls, 1);
    EXPECT_EQ(slots_at_end, 0U);
}

task<> asks_later(asking_operation::seen& seen, event& first, event& second) {
    asking_operation pending(seen, 2, 3);
    co_await edo::select_biased(pending, first.wait());
    co_await edo::select_biased(pending, second.wait());
}

TEST(select, branch_in_a_variable_may_ask_in_a_later_poll) {
    manual_executor ex;
    asking_operation::seen seen;
    event first, second;

    auto h = ex.spawn(asks_later, std::ref(seen), std::ref(first), std::ref(second));
    ex.run_until_idle();
    first.raise();
    ex.run_until_idle();
    EXPECT_EQ(seen.polls, 2);
    seen.waker.wake();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(second.polls(), 1);
}

task<> deep_select(event& a, event& b, event& c, std::string& log) {
    auto r = co_await edo::select(edo::select(edo::select(a.wait(), b.wait())), c.wait());
    log = std::to_string(r.index());
}

TEST(select, wake_finds_its_way_through_combinators_without_tasks) {
    manual_executor ex;
    event a, b, c;
    std::string log;

    auto h = ex.spawn(deep_select, std::ref(a), std::ref(b), std::ref(c), std::ref(log));
    ex.run_until_idle();
    b.poke();
    ex.run_until_idle();
    b.raise();
    ex.run_until_idle();

    EXPECT_EQ(log, "0");
    EXPECT_EQ(a.polls(), 1);
    EXPECT_EQ(b.polls(), 3);
    EXPECT_EQ(c.polls(), 1);
}

/// An operation of a user that holds a select, and does not say so.
class wrapped_select {
public:
    wrapped_select(event& a, event& b) : inner_(edo::select(a.wait(), b.wait())) {}

    bool poll(edo::context& cx) noexcept { return inner_.poll(cx); }

    std::size_t take() { return inner_.take().index(); }

    void release_line() noexcept { edo::release_line(inner_); }

private:
    decltype(edo::select(std::declval<event&>().wait(), std::declval<event&>().wait())) inner_;
};

task<> select_of_wrapped(event& a, event& b, event& c, std::size_t& index) {
    auto r = co_await edo::select(wrapped_select(a, b), c.wait());
    index = std::get<0>(r);
}

TEST(select, wake_finds_its_way_through_an_operation_of_a_user) {
    manual_executor ex;
    event a, b, c;
    std::size_t index = 9;

    auto h = ex.spawn(select_of_wrapped, std::ref(a), std::ref(b), std::ref(c), std::ref(index));
    ex.run_until_idle();
    b.raise();
    ex.run_until_idle();

    EXPECT_EQ(index, 1U);
    EXPECT_EQ(a.polls(), 1);
    EXPECT_EQ(c.polls(), 1);
}

// ---- join

task<> join_three(event& a, event& b, event& c, int& sum) {
    auto all = co_await edo::join(wait_and_yield(a, 1), b.wait(), wait_and_yield(c, 2));
    sum = std::get<0>(all) + std::get<2>(all);
}

TEST(join, waits_for_all_and_yields_a_tuple) {
    manual_executor ex;
    event a, b, c;
    int sum = 0;

    auto h = ex.spawn(join_three, std::ref(a), std::ref(b), std::ref(c), std::ref(sum));
    for (event* each : {&b, &c, &a}) {
        ex.run_until_idle();
        EXPECT_FALSE(h.is_finished());
        each->raise();
    }
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(sum, 3);
}

task<result<int>> fail_after(event& e) {
    co_await e.wait();
    co_return edo::errc::lagged;
}

task<result<std::string>> succeed(std::string s) {
    co_return s;
}

task<> try_both(event& e, event& never, std::error_code& out) {
    auto both = co_await edo::try_join(fail_after(e), succeed("x"), never.wait());
    out = both.error();
}

task<> try_good(std::string& out) {
    auto both = co_await edo::try_join(succeed("x"), succeed("y"));
    out = std::get<0>(*both) + std::get<1>(*both);
}

TEST(try_join, the_first_error_drops_the_rest) {
    manual_executor ex;
    event e, never;
    std::error_code out;

    auto h = ex.spawn(try_both, std::ref(e), std::ref(never), std::ref(out));
    ex.run_until_idle();
    e.raise();
    ex.run_until_idle();

    EXPECT_EQ(out, edo::errc::lagged);
    EXPECT_FALSE(never.has_waiter());
}

TEST(try_join, yields_the_values) {
    manual_executor ex;
    std::string out;
    auto h = ex.spawn(try_good, std::ref(out));
    ex.run_until_idle();
    EXPECT_EQ(out, "xy");
}

task<> spin() {
    for (int i = 0; i < 1000; ++i)
        co_await edo::yield_now();
}

task<> starve(event& e, bool& out) {
    co_await edo::join(spin(), wait_on(e));
    out = true;
}

TEST(join, branches_that_yield_for_ever_do_not_starve_the_others) {
    manual_executor ex;
    event e;
    bool out = false;
    auto h = ex.spawn(starve, std::ref(e), std::ref(out));
    ex.run_one();
    e.raise();
    ex.run_until_idle();
    EXPECT_TRUE(out);
}

task<> note_and_yield(std::string& log, char name) {
    for (int i = 0; i < 3; ++i) {
        log += name;
        co_await edo::yield_now();
    }
}

TEST(yield_now, lets_the_others_run_first) {
    manual_executor ex;
    std::string log;

    auto a = ex.spawn(note_and_yield, std::ref(log), 'a');
    auto b = ex.spawn(note_and_yield, std::ref(log), 'b');
    ex.run_until_idle();

    EXPECT_EQ(log, "ababab");
}

}  // namespace
