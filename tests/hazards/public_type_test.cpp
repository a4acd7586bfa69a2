// What Edo hands to users may stand as a temporary in an expression that awaits.

#include "forms.h"
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include <edo/base/result.h>
#include <edo/task/join.h>
#include <edo/task/join_handle.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>
#include <edo/task/task_group.h>
#include <edo/task/task_local.h>
#include <edo/task/waker.h>
#include <edo/task/yield.h>

namespace {

using edo::result;
using edo::task;
using edo::testing::expect_sound;
using edo::testing::tracked;
using edo::testing::turnstile;

// g++ 12 duplicates temporaries that it builds by aggregate initialisation, so no class that is
// made inside an awaiting expression may be an aggregate.
template <class... Ts>
constexpr bool none_is_an_aggregate = (!std::is_aggregate_v<Ts> && ...);

using some_task = task<int>;
using some_operation = edo::detail::yield_operation;
static_assert(
    none_is_an_aggregate<
        result<int>,
        result<void>,
        result<tracked>,
        task<>,
        task<int>,
        task<int&>,
        task<result<tracked>>,
        edo::waker,
        edo::join_handle<int>,
        edo::join_outcome<int>,
        edo::group_handle<int>,
        some_operation,
        edo::task_group::room_operation,
        edo::task_group::join_all_operation,
        decltype(std::declval<edo::join_handle<int>>().join()),
        decltype(std::declval<edo::join_handle<int>>().try_join()),
        decltype(std::declval<edo::join_handle<int>&>().cancel()),
        decltype(std::declval<edo::task_local<int>&>().scope(1, std::declval<some_task>())),
        decltype(edo::or_return(std::declval<task<result<int>>>())),
        decltype(edo::or_return(std::declval<result<int>>())),
        decltype(edo::select(std::declval<some_task>(), std::declval<some_operation>())),
        decltype(edo::select_biased(std::declval<some_task&>(), std::declval<some_operation>())),
        decltype(edo::join(std::declval<some_task>(), std::declval<some_operation>())),
        decltype(edo::try_join(std::declval<some_task>(), std::declval<some_operation>()))>);

task<tracked> make(turnstile& gate, tracked value) {
    co_await gate.pass();
    co_return value;
}

task<int> number(turnstile& gate, tracked value) {
    co_await gate.pass();
    co_return value.value();
}

task<result<tracked>> make_result(turnstile& gate, tracked value) {
    co_await gate.pass();
    co_return value;
}

task<result<tracked>> fail(turnstile& gate, tracked) {
    co_await gate.pass();
    co_return edo::errc::closed;
}

// ---- result

task<int> unwrap(turnstile& gate, result<tracked> taken) {
    co_await gate.pass();
    co_return taken ? taken->value() : -1;
}

task<int> results_as_arguments(turnstile& gate) {
    const int good = co_await unwrap(gate, result<tracked>(tracked(1)));
    const int converted = co_await unwrap(gate, tracked(2));
    const int bad = co_await unwrap(gate, edo::errc::closed);
    co_return 100 * good + 10 * converted + bad;
}

task<int> uses_the_awaited_result(turnstile& gate) {
    const int good = (co_await make_result(gate, tracked(1))).value().value();
    const int otherwise = (co_await fail(gate, tracked(1))).value_or(tracked(2)).value();
    const auto chained =
        (co_await make_result(gate, tracked(3))).transform([](tracked t) { return t.value(); });
    co_return 100 * good + 10 * otherwise + chained.value_or(0);
}

TEST(public_type, result_is_a_sound_temporary) {
    expect_sound(results_as_arguments, 119);
    expect_sound(uses_the_awaited_result, 123);
}

// ---- task

task<int> await_it(turnstile& gate, task<int> inner) {
    co_await gate.pass();
    co_return co_await std::move(inner);
}

task<int> await_or_not(turnstile& gate, task<int> inner) {
    co_await gate.pass();
    if (!inner) co_return 5;
    co_return co_await std::move(inner);
}

task<int> tasks_as_arguments(turnstile& gate) {
    const int awaited = co_await await_it(gate, number(gate, tracked(1)));
    const int none = co_await await_or_not(gate, task<int>{});
    co_return 10 * awaited + none;
}

task<> drop_it(turnstile& gate, task<int>) {
    co_await gate.pass();
}

task<int> a_task_that_never_runs(turnstile& gate) {
    co_await drop_it(gate, number(gate, tracked(1)));
    co_return 1;
}

task<tracked&> refer_to(turnstile& gate, tracked& there) {
    co_await gate.pass();
    co_return there;
}

task<int> yields_a_reference(turnstile& gate) {
    tracked local(6);
    const tracked& alias = co_await refer_to(gate, local);
    co_await gate.pass();
    co_return alias.value();
}

task<int> binds_a_temporary_to_a_reference(turnstile& gate) {
    const tracked& kept = co_await make(gate, tracked(7));
    co_await gate.pass();
    co_return kept.value();
}

TEST(public_type, task_is_a_sound_temporary) {
    expect_sound(tasks_as_arguments, 15);
    expect_sound(a_task_that_never_runs, 1);
    expect_sound(yields_a_reference, 6);
    expect_sound(binds_a_temporary_to_a_reference, 7);
}

// ---- or_return

task<result<int>> or_return_of_everything(turnstile& gate) {
    const tracked a = co_await edo::or_return(make_result(gate, tracked(1)));
    const tracked b = co_await edo::or_return(gate.give(result<tracked>(tracked(2))));
    const tracked c = co_await edo::or_return(result<tracked>(tracked(3)));
    co_return 100 * a.value() + 10 * b.value() + c.value();
}

task<result<int>> or_return_among_arguments(turnstile& gate) {
    co_return co_await number(gate, co_await edo::or_return(make_result(gate, tracked(4))));
}

task<result<int>> or_return_of_an_error(turnstile& gate) {
    co_return co_await number(gate, co_await edo::or_return(fail(gate, tracked(4))));
}

TEST(public_type, or_return_is_a_sound_temporary) {
    expect_sound(or_return_of_everything, 123);
    expect_sound(or_return_among_arguments, 4);
    expect_sound(or_return_of_an_error, edo::errc::closed);
}

// ---- handles

task<int> joins_at_once(turnstile& gate) {
    const int joined = co_await edo::spawn(number, std::ref(gate), tracked(1)).join();
    const int outcome =
        (co_await edo::spawn(make, std::ref(gate), tracked(2)).try_join()).value().value();
    co_return 10 * joined + outcome;
}

task<int> cancels_at_once(turnstile& gate) {
    co_await edo::spawn(number, std::ref(gate), tracked(1)).cancel();
    co_await gate.pass();
    co_return 1;
}

task<int> keep(turnstile& gate, edo::join_handle<int> handle) {
    co_await gate.pass();
    co_return co_await std::move(handle).join();
}

task<bool> is_empty(turnstile& gate, edo::join_handle<int> handle, edo::waker wakes_nothing) {
    co_await gate.pass();
    co_return !handle && !wakes_nothing;
}

task<int> handles_as_arguments(turnstile& gate) {
    const int joined = co_await keep(gate, edo::spawn(number, std::ref(gate), tracked(3)));
    const bool empty = co_await is_empty(gate, edo::join_handle<int>{}, edo::waker{});
    co_return empty ? joined : 0;
}

TEST(public_type, join_handle_is_a_sound_temporary) {
    expect_sound(joins_at_once, 12);
    expect_sound(cancels_at_once, 1);
    expect_sound(handles_as_arguments, 3);
}

task<result<int>> joins_children(turnstile& gate) {
    edo::task_group group;
    const int first = co_await group.spawn(number, std::ref(gate), tracked(1)).join();
    co_await group.has_room();
    auto second = group.spawn(make, std::ref(gate), tracked(2));
    co_await edo::or_return(group.join());
    co_return 10 * first + second.take().value();
}

TEST(public_type, group_handle_is_a_sound_temporary) {
    expect_sound(joins_children, 12);
}

// ---- combinators

task<int> select_directly(turnstile& gate) {
    turnstile never(0);
    const int first = std::get<0>(co_await edo::select(number(gate, tracked(1)), never.pass()));
    const int second =
        std::get<1>(co_await edo::select_biased(number(never, tracked(9)), gate.give(tracked(2))))
            .value();
    co_return 10 * first + second;
}

task<int> select_of_selects(turnstile& gate) {
    turnstile never(0);
    auto outer = co_await edo::select(
        edo::select(number(never, tracked(8)), make(gate, tracked(3))), number(never, tracked(9)));
    co_await gate.pass();
    co_return std::get<1>(std::get<0>(outer)).value();
}

TEST(public_type, select_is_a_sound_temporary) {
    expect_sound(select_directly, 12);
    expect_sound(select_of_selects, 3);
}

task<int> join_directly(turnstile& gate) {
    const int one =
        std::get<1>(co_await edo::join(gate.give(tracked(5)), number(gate, tracked(1))));
    auto both = co_await edo::join(make(gate, tracked(2)), gate.give(tracked(3)));
    co_await gate.pass();
    co_return 100 * one + 10 * std::get<0>(both).value() + std::get<1>(both).value();
}

task<result<int>> try_join_directly(turnstile& gate) {
    auto both = co_await edo::or_return(
        edo::try_join(make_result(gate, tracked(1)), make_result(gate, tracked(2))));
    co_await gate.pass();
    co_return 10 * std::get<0>(both).value() + std::get<1>(both).value();
}

task<result<int>> try_join_fails(turnstile& gate) {
    turnstile never(0);
    auto both = co_await edo::or_return(
        edo::try_join(fail(gate, tracked(1)), make_result(never, tracked(2))));
    co_return std::get<0>(both).value();
}

TEST(public_type, join_is_a_sound_temporary) {
    expect_sound(join_directly, 123);
    expect_sound(try_join_directly, 12);
    expect_sound(try_join_fails, edo::errc::closed);
}

task<int> yields_between(turnstile& gate) {
    tracked local(1);
    co_await edo::yield_now();
    co_await gate.pass();
    co_return local.value();
}

TEST(public_type, yield_now_is_a_sound_temporary) {
    expect_sound(yields_between, 1);
}

}  // namespace
