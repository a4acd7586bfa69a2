// Operations and combinators in variables: what happens between two of their polls.

#include <edo/task/await/branch.h>

#include "../support/event.h"
#include "../support/manual_executor.h"
#include <vector>

#include <gtest/gtest.h>

#include <edo/task/join.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/task_group.h>

namespace {

using edo::result;
using edo::task;
using edo::task_group;
using edo::testing::event;
using edo::testing::manual_executor;

task<int> wait_and_yield(event& e, int n) {
    co_await e.wait();
    co_return n;
}

// The select, and with it the line of `op`, lives in this frame, which goes before `op` does.
template <class Op>
task<std::size_t> select_elsewhere(Op& op, event& other) {
    auto r = co_await edo::select(op, other.wait());
    co_return r.index();
}

struct two_rounds {
    event first, second, go_on, others[2];
    std::vector<std::size_t> winners;
};

template <class Op>
task<> poll_twice(Op& op, two_rounds& with) {
    with.winners.push_back(co_await select_elsewhere(op, with.others[0]));
    co_await with.go_on.wait();
    with.winners.push_back(co_await select_elsewhere(op, with.others[1]));
}

task<> join_of_operations(two_rounds& with) {
    auto both = edo::join(with.first.wait(), with.second.wait());
    co_await poll_twice(both, with);
}

task<> join_of_tasks(two_rounds& with) {
    auto both = edo::join(wait_and_yield(with.first, 1), wait_and_yield(with.second, 2));
    co_await poll_twice(both, with);
}

task<> select_in_a_join(two_rounds& with) {
    event never;
    auto first = wait_and_yield(with.first, 1);
    auto both = edo::join(edo::select(first, never.wait()),
                          edo::select(never.wait(), wait_and_yield(with.second, 2)));
    co_await poll_twice(both, with);
}

class combinator_in_a_variable : public ::testing::TestWithParam<task<> (*)(two_rounds&)> {};

TEST_P(combinator_in_a_variable, learns_what_came_while_nobody_polled_it) {
    manual_executor ex;
    two_rounds with;

    auto h = ex.spawn(GetParam(), std::ref(with));
    ex.run_until_idle();
    with.others[0].raise();
    ex.run_until_idle();
    with.first.raise();
    with.second.raise();
    ex.run_until_idle();
    with.go_on.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(with.winners, (std::vector<std::size_t>{1, 0}));
}

TEST_P(combinator_in_a_variable, learns_what_comes_while_it_is_polled_from_elsewhere) {
    manual_executor ex;
    two_rounds with;

    auto h = ex.spawn(GetParam(), std::ref(with));
    ex.run_until_idle();
    with.others[0].raise();
    ex.run_until_idle();
    with.go_on.raise();
    ex.run_until_idle();
    with.second.raise();
    ex.run_until_idle();
    EXPECT_FALSE(h.is_finished());
    with.first.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(with.winners, (std::vector<std::size_t>{1, 0}));
}

TEST_P(combinator_in_a_variable, is_dropped_with_it_while_nobody_polls_it) {
    manual_executor ex;
    two_rounds with;

    auto h = ex.spawn(GetParam(), std::ref(with));
    ex.run_until_idle();
    with.others[0].raise();
    ex.run_until_idle();
    h.request_cancel();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_FALSE(with.first.has_waiter() || with.second.has_waiter());
}

INSTANTIATE_TEST_SUITE_P(of,
                         combinator_in_a_variable,
                         ::testing::Values(&join_of_operations, &join_of_tasks, &select_in_a_join));

template <class Op>
task<> await_plainly(Op& op) {
    static_cast<void>(co_await op);
}

template <class Op>
task<result<int>> await_or_return(Op& op) {
    co_await edo::or_return(op);
    co_return 1;
}

template <class Await>
task<> await_by_reference(two_rounds& with, Await await) {
    auto both = edo::try_join(with.first.wait(), with.second.wait());
    auto r = co_await edo::select(await(both), with.others[0].wait());
    with.winners.push_back(r.index());
    auto all = co_await both;
    EXPECT_TRUE(all.has_value());
}

TEST(combinator_in_a_variable, survives_the_coroutine_that_awaits_it_by_reference) {
    const auto plainly = [](auto& op) { return await_plainly(op); };
    const auto with_or_return = [](auto& op) { return await_or_return(op); };
    manual_executor ex;
    two_rounds one, two;

    auto h = ex.spawn(await_by_reference<decltype(plainly)>, std::ref(one), plainly);
    auto g = ex.spawn(await_by_reference<decltype(with_or_return)>, std::ref(two), with_or_return);
    ex.run_until_idle();
    for (two_rounds* with : {&one, &two}) {
        with->others[0].raise();
        ex.run_until_idle();
        with->first.raise();
        with->second.raise();
        ex.run_until_idle();
    }

    EXPECT_TRUE(h.is_finished() && g.is_finished());
}

// ---- children on other workers

task<result<int>> value_of_a_child(event& e) {
    task_group group;
    auto child = group.spawn(wait_and_yield, std::ref(e), 7);
    co_await edo::or_return(group.join());
    co_return child.take();
}

task<> goes_on_after_a_select(two_rounds& with, int& value) {
    auto work = edo::try_join(value_of_a_child(with.first));
    with.winners.push_back(co_await select_elsewhere(work, with.others[0]));
    auto r = co_await edo::select(await_plainly(work), with.others[1].wait());
    with.winners.push_back(r.index());
    auto all = co_await work;
    if (all) value = std::get<0>(*all);
}

TEST(combinator_in_a_variable, keeps_the_children_of_its_groups_when_a_wait_for_it_is_dropped) {
    manual_executor ex;
    two_rounds with;
    int value = 0;

    auto h = ex.spawn(goes_on_after_a_select, std::ref(with), std::ref(value));
    ex.run_until_idle();
    with.others[0].raise();
    ex.run_until_idle();
    with.others[1].raise();
    ex.run_until_idle();
    with.first.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(with.winners, (std::vector<std::size_t>{1, 1}));
    EXPECT_EQ(value, 7);
}

}  // namespace
