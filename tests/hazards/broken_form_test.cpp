// The forms that docs/hazards.md tells users to avoid, as a record of what each compiler makes of
// them. A case fails when a compiler has been repaired, or broken: then the page and this file
// change together. Compilers that nobody has run are not judged.

#include "forms.h"
#include <cstdlib>
#include <optional>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include <edo/task/task.h>

#if (defined(__GNUC__) && !defined(__clang__) && __GNUC__ == 12) || \
    (defined(__clang__) && __clang_major__ == 19)

namespace {

using edo::task;
using edo::testing::manual_executor;
using edo::testing::tracked;
using edo::testing::turnstile;

#if defined(__clang__)
constexpr bool duplicates_temporaries = false, loses_frames = false;
#else
constexpr bool duplicates_temporaries = true, loses_frames = true;
#endif

struct box {
    tracked content;
    int factor = 1;

    task<int> open(turnstile& gate) {
        co_await gate.pass();
        co_return content.value();
    }
};

struct aggregate_operation {
    tracked content;

    bool poll(edo::context&) noexcept { return true; }

    int take() noexcept { return content.value(); }
};

task<int> open(turnstile& gate, box b) {
    co_await gate.pass();
    co_return b.content.value() * b.factor;
}

task<int> take(turnstile& gate, tracked t) {
    co_await gate.pass();
    co_return t.value();
}

template <class F>
task<int> call(turnstile& gate, F function) {
    co_await gate.pass();
    co_return function();
}

// Whether every object of the form was destroyed once and in its place.
bool is_sound(edo::testing::form<int> written) {
    tracked::forget_all();
    {
        turnstile gate(1'000);
        std::optional<int> out;
        manual_executor ex;
        auto handle =
            ex.spawn(edo::testing::keep_output<int>, written, std::ref(gate), std::ref(out));
        ex.run_until_idle();
    }
    const bool sound = tracked::faults() == 0 && tracked::alive() == 0;
    tracked::forget_all();
    return sound;
}

// [snippet: aggregate]
task<int> aggregate_as_argument(turnstile& gate) {
    co_return co_await open(gate, box{tracked(2), 3});
}

// [end]
TEST(broken_form, an_aggregate_temporary_as_an_argument) {
    EXPECT_EQ(is_sound(aggregate_as_argument), !duplicates_temporaries);
}

task<int> aggregate_as_object(turnstile& gate) {
    co_return co_await box{tracked(2)}.open(gate);
}

TEST(broken_form, a_member_coroutine_of_an_aggregate_temporary) {
    EXPECT_EQ(is_sound(aggregate_as_object), !duplicates_temporaries);
}

task<int> aggregate_awaited(turnstile&) {
    co_return co_await aggregate_operation{tracked(2)};
}

TEST(broken_form, an_operation_that_is_an_aggregate) {
    EXPECT_EQ(is_sound(aggregate_awaited), !duplicates_temporaries);
}

// [snippet: closure]
task<int> closure_as_argument(turnstile& gate) {
    co_return co_await call(gate, [held = tracked(3)] { return held.value(); });
}

// [end]

TEST(broken_form, a_temporary_closure_that_owns_something) {
    EXPECT_EQ(is_sound(closure_as_argument), !duplicates_temporaries);
}

template <class F>
int plain_call(F&& function) {
    return function();
}

task<int> closure_beside_an_await(turnstile& gate) {
    co_return plain_call([held = tracked(3)] { return held.value(); }) + co_await gate.give(1);
}

TEST(broken_form, a_temporary_closure_beside_an_await) {
    EXPECT_EQ(is_sound(closure_beside_an_await), !duplicates_temporaries);
}

// [snippet: conditional]
task<int> conditional(turnstile& gate) {
    const bool yes = co_await gate.give(1) == 1;
    co_return co_await take(gate, yes ? tracked(1) : tracked(2));
}

// [end]

TEST(broken_form, a_conditional_that_yields_a_class) {
    EXPECT_EQ(is_sound(conditional), !duplicates_temporaries);
}

// [snippet: condition]
task<int> awaits_in_a_condition(turnstile& gate) {
    if (co_await gate.give(3) == 3) co_return 1;
    co_return 0;
}

// [end]

task<int> awaits_in_the_condition_of_a_loop(turnstile& gate) {
    while (co_await gate.give(3) != 3)
        co_return 0;
    co_return 1;
}

// What becomes of it is anybody's guess: a crash, an endless loop, a body that never runs.
[[noreturn]] void exit_well_if_it_yields_one(edo::testing::form<int> written) {
    ::alarm(5);
    turnstile gate(1'000);
    std::optional<int> out;
    manual_executor ex;
    auto handle = ex.spawn(edo::testing::keep_output<int>, written, std::ref(gate), std::ref(out));
    ex.run_until_idle();
    std::_Exit(out == 1 ? 0 : 1);
}

bool ended_as_expected(int status) {
    return (status == 0) == !loses_frames;
}

TEST(broken_form, an_await_in_a_condition_of_a_coroutine_without_variables) {
    EXPECT_EXIT(exit_well_if_it_yields_one(awaits_in_a_condition), ended_as_expected, "");
    EXPECT_EXIT(exit_well_if_it_yields_one(awaits_in_the_condition_of_a_loop), ended_as_expected,
                "");
}

}  // namespace

#endif
