#include <edo/task/task_group.h>

#include "../support/event.h"
#include "../support/failing_allocation.h"
#include "../support/manual_executor.h"
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/task/select.h>
#include <edo/task/yield.h>

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

task<result<int>> fail_after(event& e) {
    co_await e.wait();
    co_return edo::errc::lagged;
}

task<> throw_after(event& e) {
    co_await e.wait();
    throw std::runtime_error("child");
}

task<> wait_on(event& e) {
    co_await e.wait();
}

task<result<int>> sum_of_two(event& a, event& b) {
    task_group group;
    auto x = group.spawn(wait_and_yield, std::ref(a), 1);
    auto y = group.spawn(wait_and_yield, std::ref(b), 2);
    co_await edo::or_return(group.join());
    co_return x.take() + y.take();
}

task<> keep(task<result<int>> (*f)(event&, event&), event& a, event& b, result<int>& out) {
    out = co_await f(a, b);
}

TEST(task_group, join_waits_for_all_and_the_results_are_there) {
    manual_executor ex;
    event a, b;
    result<int> out;

    auto h = ex.spawn(keep, &sum_of_two, std::ref(a), std::ref(b), std::ref(out));
    ex.run_until_idle();
    a.raise();
    ex.run_until_idle();
    EXPECT_FALSE(h.is_finished());
    b.raise();
    ex.run_until_idle();

    EXPECT_EQ(out.value_or(0), 3);
}

/// Makes a frame larger than those of the frame pool: its allocation can be made to fail.
using load = std::array<std::byte, 2'000>;

task<> wait_beside(event& e, load) {
    co_await e.wait();
}

struct wait_with_load {
    load carried{};

    task<> operator()(std::reference_wrapper<event> e, load argument) const {
        co_await wait_beside(e, argument);
    }
};

/// Spawns until no allocation fails. Returns: how many failed.
int spawn_with_each_failure(task_group& group, event& e) {
    for (int failures = 0;; ++failures) {
        const edo::testing::failing_allocation failing(static_cast<std::size_t>(failures) + 1);
        try {
            group.spawn(wait_with_load(), std::ref(e), load());
            if (!failing.has_failed()) return failures;
        } catch (const std::bad_alloc&) {
            EXPECT_EQ(group.alive(), 0U);
        }
    }
}

task<result<int>> spawn_without_memory(event& e, event&) {
    task_group group;
    const int failures = spawn_with_each_failure(group, e);
    EXPECT_EQ(group.alive(), 1U);
    co_await edo::or_return(group.join());
    co_return failures;
}

TEST(task_group, child_for_which_there_is_no_memory_is_none) {
    manual_executor ex;
    event e, unused;
    result<int> failures;

    auto h =
        ex.spawn(keep, &spawn_without_memory, std::ref(e), std::ref(unused), std::ref(failures));
    ex.run_until_idle();
    e.raise();
    ex.run_until_idle();

    ASSERT_TRUE(h.is_finished());
    // At least for the cell.
    EXPECT_GE(failures.value_or(0), edo::testing::failing_allocation::is_possible ? 1 : 0);
}

task<result<int>> one_fails(event& a, event& never) {
    task_group group;
    auto x = group.spawn(fail_after, std::ref(a));
    auto y = group.spawn(wait_on, std::ref(never));
    co_await edo::or_return(group.join());
    co_return 1;
}

TEST(task_group, fail_fast_cancels_the_siblings_and_join_tells_the_first_failure) {
    manual_executor ex;
    event a, never;
    result<int> out;

    auto h = ex.spawn(keep, &one_fails, std::ref(a), std::ref(never), std::ref(out));
    ex.run_until_idle();
    EXPECT_TRUE(never.has_waiter());
    a.raise();
    ex.run_until_idle();

    EXPECT_EQ(out.error(), edo::errc::lagged);
    EXPECT_FALSE(never.has_waiter());
}

task<result<int>> one_throws(event& a, event& never) {
    try {
        task_group group;
        group.spawn(throw_after, std::ref(a));
        group.spawn(wait_on, std::ref(never));
        co_await edo::or_return(group.join());
    } catch (const std::runtime_error& e) {
        co_return std::string(e.what()) == "child" ? 42 : 0;
    }
    co_return 1;
}

TEST(task_group, join_rethrows_the_exception_of_a_child) {
    manual_executor ex;
    event a, never;
    result<int> out;

    auto h = ex.spawn(keep, &one_throws, std::ref(a), std::ref(never), std::ref(out));
    ex.run_until_idle();
    a.raise();
    ex.run_until_idle();

    EXPECT_EQ(out.value_or(0), 42);
    EXPECT_FALSE(never.has_waiter());
}

std::vector<std::string> reported;

void note(const edo::unobserved_failure& f) noexcept {
    reported.push_back(f.exception ? "exception" : f.error.message());
}

task<result<int>> independents(event& a, event& b) {
    task_group group(edo::independent);
    group.spawn(throw_after, std::ref(a));
    auto y = group.spawn(wait_and_yield, std::ref(b), 5);
    co_await edo::or_return(group.join());
    co_return y.take();
}

TEST(task_group, independent_children_fail_alone_and_are_reported) {
    auto* before = edo::set_unobserved_failure_hook(&note);
    reported.clear();
    manual_executor ex;
    event a, b;
    result<int> out;

    auto h = ex.spawn(keep, &independents, std::ref(a), std::ref(b), std::ref(out));
    ex.run_until_idle();
    a.raise();
    ex.run_until_idle();
    EXPECT_EQ(reported, std::vector<std::string>{"exception"});
    EXPECT_FALSE(h.is_finished());
    b.raise();
    ex.run_until_idle();

    EXPECT_EQ(out.value_or(0), 5);
    edo::set_unobserved_failure_hook(before);
}

task<> takes_the_failure_from_the_handle(event& e, bool joins) {
    task_group group;
    auto child = group.spawn(fail_after, std::ref(e));
    if (joins) {
        auto taken = co_await std::move(child).join();
        EXPECT_EQ(taken.error(), edo::errc::lagged);
    } else {
        while (group.alive() != 0)
            co_await edo::yield_now();
        EXPECT_EQ(child.take_result().error(), edo::errc::lagged);
    }
}

TEST(task_group, failure_that_a_handle_has_taken_is_not_reported) {
    auto* before = edo::set_unobserved_failure_hook(&note);
    reported.clear();
    manual_executor ex;
    event e;
    e.raise();

    for (const bool joins : {true, false}) {
        auto h = ex.spawn(takes_the_failure_from_the_handle, std::ref(e), joins);
        ex.run_until_idle();
        EXPECT_TRUE(h.is_finished());
    }

    EXPECT_EQ(reported, std::vector<std::string>{});
    edo::set_unobserved_failure_hook(before);
}

task<> independents_fail(event& a, bool holds_handle) {
    task_group group(edo::independent);
    auto x = group.spawn(fail_after, std::ref(a));
    if (!holds_handle) {
        const auto dropped = std::move(x);
    }
    EXPECT_TRUE(co_await group.join());
    if (holds_handle) {
        EXPECT_EQ(x.take_result().error(), edo::errc::lagged);
    }
}

TEST(task_group, error_of_an_independent_child_is_its_own_affair) {
    auto* before = edo::set_unobserved_failure_hook(&note);
    reported.clear();

    for (const bool holds_handle : {true, false}) {
        manual_executor ex;
        event a;
        auto h = ex.spawn(independents_fail, std::ref(a), holds_handle);
        ex.run_until_idle();
        a.raise();
        ex.run_until_idle();
        EXPECT_TRUE(h.is_finished());
    }

    EXPECT_EQ(reported, std::vector<std::string>{});
    edo::set_unobserved_failure_hook(before);
}

std::uint64_t reported_id = 0;

void note_id(const edo::unobserved_failure& f) noexcept {
    reported_id = f.task_id;
}

task<> forgets_to_join(event& e, std::uint64_t& id) {
    task_group group;
    auto child = group.spawn(fail_after, std::ref(e));
    id = child.id();
    while (group.alive() != 0)
        co_await edo::yield_now();
}

TEST(task_group, failure_that_nobody_looks_at_is_reported_with_the_task) {
    auto* before = edo::set_unobserved_failure_hook(&note_id);
    manual_executor ex;
    event e;
    e.raise();
    std::uint64_t id = 0;

    auto h = ex.spawn(forgets_to_join, std::ref(e), std::ref(id));
    ex.run_until_idle();

    EXPECT_NE(id, 0u);
    EXPECT_EQ(reported_id, id);
    edo::set_unobserved_failure_hook(before);
}

task<result<std::string>> name_of(std::string name) {
    co_await edo::yield_now();
    co_return name;
}

struct page {
    std::string user, orders;
};

task<result<page>> render() {
    task_group group;
    auto user = group.spawn(name_of, "ann");
    auto orders = group.spawn(name_of, "tea");
    co_await edo::or_return(group.join());
    co_return page{user.take(), orders.take()};
}

task<> keep_page(result<page>& out) {
    out = co_await render();
}

TEST(group_handle, take_yields_the_value_in_a_result) {
    manual_executor ex;
    result<page> out = edo::errc::closed;

    auto h = ex.spawn(keep_page, std::ref(out));
    ex.run_until_idle();

    ASSERT_TRUE(out);
    EXPECT_EQ(out->user + out->orders, "anntea");
}

static_assert(std::is_same_v<decltype(std::declval<edo::group_handle<int&>&>().take()), int&>);
static_assert(
    std::is_same_v<decltype(std::declval<edo::group_handle<result<int>>&>().take()), int>);

task<result<int>> fail() {
    co_return edo::errc::lagged;
}

task<> takes_an_error(std::error_code& thrown, std::error_code& returned) {
    task_group group(edo::independent);
    auto x = group.spawn(fail);
    auto y = group.spawn(fail);
    static_cast<void>(co_await group.join());
    try {
        x.take();
    } catch (const std::system_error& failure) {
        thrown = failure.code();
    }
    returned = y.take_result().error();
}

TEST(group_handle, error_is_thrown_by_take_and_returned_by_take_result) {
    manual_executor ex;
    std::error_code thrown, returned;

    auto h = ex.spawn(takes_an_error, std::ref(thrown), std::ref(returned));
    ex.run_until_idle();

    EXPECT_EQ(thrown, edo::errc::lagged);
    EXPECT_EQ(returned, edo::errc::lagged);
}

task<> takes_from_a_cancelled_task(event& never, std::error_code& thrown) {
    task_group group;
    auto x = group.spawn(wait_and_yield, std::ref(never), 1);
    group.cancel();
    static_cast<void>(co_await group.join());
    try {
        x.take();
    } catch (const std::system_error& failure) {
        thrown = failure.code();
    }
}

TEST(group_handle, take_from_a_cancelled_task_throws_cancelled) {
    manual_executor ex;
    event never;
    std::error_code thrown;

    auto h = ex.spawn(takes_from_a_cancelled_task, std::ref(never), std::ref(thrown));
    ex.run_until_idle();

    EXPECT_EQ(thrown, edo::errc::cancelled);
}

template <class H>
concept joins_where_it_stands = requires(H& h) { h.join(); };
static_assert(!joins_where_it_stands<edo::group_handle<int>>, "std::move(h).join()");

task<> takes_too_early(event& never) {
    task_group group;
    auto x = group.spawn(wait_and_yield, std::ref(never), 1);
    x.take();
    co_return;
}

task<> takes_twice(event& raised) {
    task_group group;
    auto x = group.spawn(wait_and_yield, std::ref(raised), 1);
    EXPECT_TRUE(co_await group.join());
    x.take();
    x.take();
}

task<> overfills(event& never) {
    task_group group;
    group.max_children(1);
    group.spawn(wait_on, std::ref(never));
    group.spawn(wait_on, std::ref(never));
    co_return;
}

void run_to_its_end(task<> (*f)(event&), event& e) {
    manual_executor ex;
    auto h = ex.spawn(f, std::ref(e));
    ex.run_until_idle();
    e.raise();
    ex.run_until_idle();
}

TEST(task_group_death, misuse_names_its_place_and_the_cure) {
    event e;
    EXPECT_DEATH(run_to_its_end(takes_too_early, e),
                 "has not ended; co_await group.join.*task_group_test.cpp");
    EXPECT_DEATH(run_to_its_end(takes_twice, e), "taken from.*task_group_test.cpp");
    EXPECT_DEATH(run_to_its_end(overfills, e), "has_room.*task_group_test.cpp");
}

task<result<int>> racing(event& a, event& b) {
    task_group group(edo::first_success);
    auto x = group.spawn(fail_after, std::ref(a));
    auto y = group.spawn(wait_and_yield, std::ref(b), 9);
    event never;
    group.spawn(wait_on, std::ref(never));
    co_await edo::or_return(group.join());
    EXPECT_FALSE(never.has_waiter());
    co_return y.take();
}

TEST(task_group, first_success_cancels_the_rest_and_forgives_failures) {
    manual_executor ex;
    event a, b;
    result<int> out;

    auto h = ex.spawn(keep, &racing, std::ref(a), std::ref(b), std::ref(out));
    ex.run_until_idle();
    a.raise();
    ex.run_until_idle();
    b.raise();
    ex.run_until_idle();

    EXPECT_EQ(out.value_or(0), 9);
}

// Notes when it dies, and that its parent's frame is still there.
task<> child_with_reference(event& e, std::vector<std::string>& parents_log, std::string name) {
    struct at_end {
        std::vector<std::string>& log;
        std::string text;

        at_end(std::vector<std::string>& l, std::string t) : log(l), text(std::move(t)) {}

        ~at_end() { log.push_back(text); }
    } guard(parents_log, name);

    co_await e.wait();
}

task<> returns_early(event& e, std::vector<std::string>& out) {
    struct hand_over {
        std::vector<std::string> log;
        std::vector<std::string>& out;

        explicit hand_over(std::vector<std::string>& o) : out(o) {}

        ~hand_over() {
            log.push_back("frame");
            out = log;
        }
    } local(out);

    task_group group;
    group.spawn(child_with_reference, std::ref(e), std::ref(local.log), "a");
    group.spawn(child_with_reference, std::ref(e), std::ref(local.log), "b");
    co_await edo::yield_now();
}

TEST(task_group, children_are_gone_before_the_frame_when_the_coroutine_returns) {
    manual_executor ex;
    event e;
    std::vector<std::string> log;

    auto h = ex.spawn(returns_early, std::ref(e), std::ref(log));
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(log, (std::vector<std::string>{"a", "b", "frame"}));
}

task<> waits_in_group(event& e, std::vector<std::string>& out) {
    struct hand_over {
        std::vector<std::string> log;
        std::vector<std::string>& out;

        explicit hand_over(std::vector<std::string>& o) : out(o) {}

        ~hand_over() {
            log.push_back("frame");
            out = log;
        }
    } local(out);

    task_group group;
    group.spawn(child_with_reference, std::ref(e), std::ref(local.log), "a");
    EXPECT_TRUE(co_await group.join());
}

TEST(task_group, children_are_gone_before_the_frame_when_the_task_is_cancelled) {
    manual_executor ex;
    event e;
    std::vector<std::string> log;

    auto h = ex.spawn(waits_in_group, std::ref(e), std::ref(log));
    ex.run_until_idle();
    h.request_cancel();
    ex.run_one();
    EXPECT_TRUE(log.empty());
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(log, (std::vector<std::string>{"a", "frame"}));
}

task<> dropped_by_select(event& e, event& stop, std::vector<std::string>& log) {
    co_await edo::select(waits_in_group(e, log), stop.wait());
    log.push_back("after select");
}

TEST(task_group, children_are_gone_before_a_select_that_drops_the_group_returns) {
    manual_executor ex;
    event e, stop;
    std::vector<std::string> log;

    auto h = ex.spawn(dropped_by_select, std::ref(e), std::ref(stop), std::ref(log));
    ex.run_until_idle();
    stop.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(log, (std::vector<std::string>{"a", "frame", "after select"}));
}

task<> tree(event& e, int depth, int& alive) {
    struct counted {
        int& n;

        explicit counted(int& c) : n(c) { ++n; }

        ~counted() { --n; }
    } guard(alive);

    task_group group;
    if (depth > 0) {
        group.spawn(tree, std::ref(e), depth - 1, std::ref(alive));
        group.spawn(tree, std::ref(e), depth - 1, std::ref(alive));
    }
    co_await e.wait();
    EXPECT_TRUE(co_await group.join());
}

TEST(task_group, a_tree_of_groups_ends_from_the_leaves_upwards) {
    manual_executor ex;
    event e;
    int alive = 0;

    auto h = ex.spawn(tree, std::ref(e), 6, std::ref(alive));
    ex.run_until_idle();
    EXPECT_EQ(alive, 127);
    h.request_cancel();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(alive, 0);
}

task<> chain(std::reference_wrapper<event> e, int depth, std::reference_wrapper<int> alive) {
    struct count {
        explicit count(int& n) noexcept : n_(n) { ++n_; }

        ~count() { --n_; }

        int& n_;
    } guard(alive);

    task_group group;
    if (depth > 0) group.spawn(chain, e, depth - 1, alive);
    co_await e.get().wait();
}

TEST(task_group, a_long_chain_of_groups_that_is_destroyed_in_a_poll_needs_no_deep_stack) {
    constexpr int depth = 50'000;
    manual_executor ex;
    event never, go_on;
    int alive = 0;

    auto h = ex.spawn([&]() -> task<> {
        task_group group;
        group.spawn(chain, std::ref(never), depth - 1, std::ref(alive));
        co_await go_on.wait();
    });
    ex.run_until_idle();
    EXPECT_EQ(alive, depth);
    go_on.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(alive, 0);
}

task<> limited(std::vector<event>& events, int& started) {
    task_group group;
    group.max_children(2);
    for (event& e : events) {
        co_await group.has_room();
        group.spawn(wait_on, std::ref(e));
        ++started;
    }
    EXPECT_TRUE(co_await group.join());
}

TEST(task_group, has_room_waits_for_a_child_to_end) {
    manual_executor ex;
    std::vector<event> events(4);
    int started = 0;

    auto h = ex.spawn(limited, std::ref(events), std::ref(started));
    ex.run_until_idle();
    EXPECT_EQ(started, 2);
    events[1].raise();
    ex.run_until_idle();
    EXPECT_EQ(started, 3);
    for (event& e : events) {
        e.raise();
        ex.run_until_idle();
    }
    EXPECT_TRUE(h.is_finished());
}

task<> moves_a_waiting_join(event& e) {
    task_group group;
    group.spawn(wait_on, std::ref(e));
    auto all = group.join();
    event now;
    now.raise();
    co_await edo::select_biased(all, now.wait());
    auto moved = std::move(all);
    static_cast<void>(co_await moved);
}

TEST(task_group, join_in_a_variable_waits_for_nothing_between_two_polls) {
    // Nobody waits any more, so it may even be moved.
    manual_executor ex;
    event e;

    auto h = ex.spawn(moves_a_waiting_join, std::ref(e));
    ex.run_until_idle();
    e.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

task<> polls_and_moves(event& e) {
    task_group group;
    group.spawn(wait_on, std::ref(e));
    auto all = group.join();
    EXPECT_FALSE(all.poll(*edo::detail::current_execution()->line));
    auto moved = std::move(all);
    co_return;
}

TEST(task_group_death, join_that_is_moved_while_it_waits_is_a_loud_error) {
    EXPECT_DEATH(
        {
            manual_executor ex;
            event e;
            auto h = ex.spawn(polls_and_moves, std::ref(e));
            ex.run_until_idle();
        },
        "moved while it waits");
}

TEST(task_group_death, outside_a_task_it_is_a_loud_error) {
    EXPECT_DEATH({ task_group group; }, "frame of a coroutine");
}

}  // namespace
