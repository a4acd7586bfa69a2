// or_return ends a coroutine from within its own await_suspend: the frame is destroyed while the
// awaiting expression is half evaluated.

#include "forms.h"
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <edo/base/result.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>

namespace {

using edo::result;
using edo::task;
using edo::testing::expect_sound;
using edo::testing::manual_executor;
using edo::testing::tracked;
using edo::testing::turnstile;

result<tracked> refuse() {
    return edo::errc::closed;
}

task<result<tracked>> refuse_later(turnstile& gate, tracked) {
    co_await gate.pass();
    co_return edo::errc::closed;
}

task<int> add(turnstile& gate, tracked a, tracked b) {
    co_await gate.pass();
    co_return a.value() + b.value();
}

task<tracked> make(turnstile& gate, int value) {
    co_await gate.pass();
    co_return tracked(value);
}

task<result<int>> by_a_result(turnstile& gate) {
    tracked local(1);
    co_await gate.pass();
    tracked never = co_await edo::or_return(refuse());
    co_return never.value();
}

task<result<int>> by_an_operation(turnstile& gate) {
    tracked local(1);
    tracked never = co_await edo::or_return(gate.give(refuse()));
    co_return never.value();
}

task<result<int>> by_a_task(turnstile& gate) {
    tracked local(1);
    tracked never = co_await edo::or_return(refuse_later(gate, tracked(2)));
    co_return never.value();
}

TEST(early_end, destroys_locals_and_temporaries_once) {
    expect_sound(by_a_result, edo::errc::closed);
    expect_sound(by_an_operation, edo::errc::closed);
    expect_sound(by_a_task, edo::errc::closed);
}

task<result<int>> among_arguments(turnstile& gate) {
    co_return co_await add(gate, tracked(1),
                           co_await edo::or_return(refuse_later(gate, tracked(2))));
}

task<result<int>> behind_an_awaited_argument(turnstile& gate) {
    co_return co_await add(gate, co_await make(gate, 1),
                           co_await edo::or_return(gate.give(refuse())));
}

task<result<int>> on_one_side(turnstile& gate) {
    co_return (co_await make(gate, 1)).value() +
        (co_await edo::or_return(gate.give(refuse()))).value();
}

TEST(early_end, in_the_middle_of_an_expression_destroys_what_was_evaluated) {
    expect_sound(among_arguments, edo::errc::closed);
    expect_sound(behind_an_awaited_argument, edo::errc::closed);
    expect_sound(on_one_side, edo::errc::closed);
}

task<result<int>> with_parameters(turnstile& gate, tracked kept, std::string text) {
    tracked never = co_await edo::or_return(refuse_later(gate, tracked(kept.value())));
    co_return never.value() + static_cast<int>(text.size());
}

task<result<int>> through_three_levels(turnstile& gate) {
    tracked local(1);
    const std::string text(40, '.');
    const int never = co_await edo::or_return(with_parameters(gate, tracked(2), text));
    co_return never + local.value();
}

task<result<int>> in_a_loop(turnstile& gate) {
    for (int i = 0;; ++i) {
        tracked round(i);
        if (i < 2) {
            tracked got = co_await edo::or_return(gate.give(result<tracked>(tracked(i))));
            co_await gate.pass();
            if (got.value() != round.value()) co_return -1;
        } else {
            tracked never = co_await edo::or_return(gate.give(refuse()));
            co_return never.value();
        }
    }
}

TEST(early_end, destroys_parameters_and_the_rounds_of_a_loop) {
    expect_sound(through_three_levels, edo::errc::closed);
    expect_sound(in_a_loop, edo::errc::closed);
}

task<result<int>> inside_of_try(turnstile& gate) {
    int caught = 0;
    try {
        tracked local(1);
        tracked never = co_await edo::or_return(gate.give(refuse()));
        co_return never.value();
    } catch (...) {
        ++caught;  // an early end is no exception
    }
    co_return caught;
}

TEST(early_end, is_not_seen_by_handlers) {
    expect_sound(inside_of_try, edo::errc::closed);
}

task<result<int>> in_a_branch(turnstile& gate) {
    turnstile never(0);
    auto first = co_await edo::select(by_a_task(gate), never.pass());
    co_return std::get<0>(first);
}

task<result<int>> in_a_spawned_task(turnstile& gate) {
    auto ended = co_await edo::spawn(by_a_task, std::ref(gate)).join();
    co_return ended;
}

TEST(early_end, at_the_top_of_a_branch_or_a_task_leaves_the_error_with_its_owner) {
    expect_sound(in_a_branch, edo::errc::closed);
    expect_sound(in_a_spawned_task, edo::errc::closed);
}

}  // namespace
