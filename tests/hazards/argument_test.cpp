// Temporaries, arguments and conversions inside an expression that awaits: the forms that Edo
// teaches. docs/hazards.md lists the forms to avoid; broken_form_test.cpp shows that those are
// broken.

#include "forms.h"
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/task/task.h>

namespace {

using edo::task;
using edo::testing::expect_sound;
using edo::testing::tracked;
using edo::testing::turnstile;

// An aggregate: safe when it is named first.
struct box {
    tracked content;
    int factor = 1;
};

// Not an aggregate, because it has a constructor: safe as a temporary.
class counter {
public:
    explicit counter(int from) : from_(from) {}

    task<int> count(turnstile& gate) {
        co_await gate.pass();
        co_return from_.value() + 1;
    }

private:
    tracked from_;
};

task<int> add(turnstile& gate, tracked a, tracked b) {
    co_await gate.pass();
    co_return a.value() + b.value();
}

task<int> add_refs(turnstile& gate, const tracked& a, const tracked& b) {
    co_await gate.pass();
    co_return a.value() + b.value();
}

task<tracked> make(turnstile& gate, int value) {
    co_await gate.pass();
    co_return tracked(value);
}

task<int> open(turnstile& gate, box b) {
    co_await gate.pass();
    co_return b.content.value() * b.factor;
}

task<int> sum(turnstile& gate, std::vector<tracked> all) {
    int total = 0;
    for (const tracked& one : all) {
        co_await gate.pass();
        total += one.value();
    }
    co_return total;
}

task<int> sum_pair(turnstile& gate, std::pair<tracked, tracked> both) {
    co_await gate.pass();
    co_return both.first.value() + both.second.value();
}

task<int> length(turnstile& gate, std::string text) {
    co_await gate.pass();
    co_return static_cast<int>(text.size());
}

// ---- arguments

task<int> temporaries_by_value(turnstile& gate) {
    co_return co_await add(gate, tracked(1), tracked(2));
}

task<int> temporaries_by_reference(turnstile& gate) {
    co_return co_await add_refs(gate, tracked(1), tracked(2));
}

TEST(argument, a_temporary_of_a_class_with_a_constructor_lives_once) {
    expect_sound(temporaries_by_value, 3);
    expect_sound(temporaries_by_reference, 3);
}

task<int> awaits_among_arguments(turnstile& gate) {
    co_return co_await add(gate, tracked(co_await gate.give(1)), co_await make(gate, 2));
}

task<int> awaits_after_a_temporary(turnstile& gate) {
    co_return co_await add_refs(gate, tracked(1), co_await make(gate, 2));
}

task<int> awaits_on_both_sides(turnstile& gate) {
    co_return (co_await make(gate, 1)).value() + (co_await gate.give(tracked(2))).value() +
        tracked(3).value();
}

TEST(argument, a_drop_in_the_middle_of_an_expression_destroys_what_was_evaluated) {
    expect_sound(awaits_among_arguments, 3);
    expect_sound(awaits_after_a_temporary, 3);
    expect_sound(awaits_on_both_sides, 6);
}

task<int> moves_locals(turnstile& gate) {
    tracked a(1);
    co_await gate.pass();
    tracked b = co_await make(gate, 2);
    co_return co_await add(gate, std::move(a), std::move(b));
}

TEST(argument, a_local_is_moved_into_the_callee_once) {
    expect_sound(moves_locals, 3);
}

// Not inlined: where g++ 12 sees the length of a literal it warns, wrongly, of an array that ends
// too early.
[[gnu::noinline]] const char* literal() {
    return "longer than the small buffer";
}

task<int> converts(turnstile& gate) {
    co_return co_await length(gate, literal());
}

task<int> concatenates(turnstile& gate) {
    const std::string tail(20, '.');
    co_return co_await length(gate, literal() + tail);
}

task<int> awaits_a_string(turnstile& gate) {
    const std::string text = co_await gate.give(std::string(literal()));
    co_return static_cast<int>(text.size());
}

TEST(argument, strings_are_converted_and_destroyed_once) {
    expect_sound(converts, 28);
    expect_sound(concatenates, 48);
    expect_sound(awaits_a_string, 28);
}

task<int> awaits_a_box(turnstile& gate) {
    std::unique_ptr<tracked> owned = co_await gate.give(std::make_unique<tracked>(4));
    co_await gate.pass();
    co_return owned->value();
}

TEST(argument, move_only_objects_pass_through_an_await) {
    expect_sound(awaits_a_box, 4);
}

task<int> braces_of_a_class_with_a_constructor(turnstile& gate) {
    co_return co_await sum_pair(gate, {tracked(1), tracked(2)});
}

TEST(argument, a_pair_from_braces_is_safe_because_it_has_a_constructor) {
    expect_sound(braces_of_a_class_with_a_constructor, 3);
}

task<int> member_of_a_temporary(turnstile& gate) {
    co_return co_await counter(3).count(gate);
}

TEST(argument, a_member_coroutine_of_a_temporary_keeps_its_object) {
    expect_sound(member_of_a_temporary, 4);
}

task<int> tuple_of_awaited(turnstile& gate) {
    auto all = std::make_tuple(co_await make(gate, 1), co_await make(gate, 2), tracked(3));
    co_await gate.pass();
    co_return std::get<0>(all).value() + std::get<1>(all).value() + std::get<2>(all).value();
}

TEST(argument, a_tuple_is_made_of_awaited_values) {
    expect_sound(tuple_of_awaited, 6);
}

tracked refuse() {
    throw std::runtime_error("no such argument");
}

task<int> an_argument_throws(turnstile& gate) {
    int seen = 0;
    try {
        seen = co_await add_refs(gate, co_await make(gate, 1), refuse());
    } catch (const std::runtime_error&) {
        seen = -1;
    }
    co_await gate.pass();
    co_return seen;
}

task<int> throw_later(turnstile& gate, tracked) {
    co_await gate.pass();
    throw std::runtime_error("later");
}

task<int> a_callee_throws(turnstile& gate) {
    tracked local(5);
    bool caught = false;
    try {
        co_await throw_later(gate, tracked(1));
    } catch (const std::runtime_error&) {
        caught = true;
    }
    // An await is not allowed inside of the handler; behind it the coroutine goes on as before.
    co_await gate.pass();
    co_return caught ? local.value() : 0;
}

TEST(argument, an_exception_in_an_awaiting_expression_destroys_what_was_evaluated) {
    expect_sound(an_argument_throws, -1);
    expect_sound(a_callee_throws, 5);
}

// ---- aggregates, lists, conditionals: the safe way to write them

// [snippet: named_aggregate]
task<int> names_the_aggregate(turnstile& gate) {
    box b{tracked(2), 3};
    co_return co_await open(gate, std::move(b));
}

task<int> names_the_task(turnstile& gate) {
    auto opening = open(gate, box{tracked(2), 3});
    co_return co_await std::move(opening);
}

// [end]

TEST(argument, an_aggregate_is_safe_when_it_or_the_task_is_named_first) {
    expect_sound(names_the_aggregate, 6);
    expect_sound(names_the_task, 6);
}

// [snippet: named_elements]
task<int> awaits_before_the_braces(turnstile& gate) {
    tracked content = co_await make(gate, 2);
    const int factor = co_await gate.give(3);
    box b{std::move(content), factor};
    co_await gate.pass();
    co_return b.content.value() * b.factor;
}

// [end]

TEST(argument, an_aggregate_of_awaited_values_is_safe_when_they_are_named_first) {
    expect_sound(awaits_before_the_braces, 6);
}

task<int> names_the_list(turnstile& gate) {
    std::vector<tracked> all{tracked(1), tracked(2), tracked(3)};
    co_return co_await sum(gate, std::move(all));
}

TEST(argument, a_list_is_safe_when_it_is_named_first) {
    expect_sound(names_the_list, 6);
}

// [snippet: if_else]
task<int> branches(turnstile& gate, bool wait) {
    tracked chosen(0);
    if (wait) {
        chosen = co_await make(gate, 7);
    } else {
        chosen = tracked(8);
    }
    co_return co_await add(gate, std::move(chosen), tracked(1));
}

// [end]

task<int> chooses(turnstile& gate) {
    const int waited = co_await branches(gate, true);
    const int at_once = co_await branches(gate, false);
    co_return 100 * waited + at_once;
}

task<int> chooses_a_number(turnstile& gate) {
    const int yes = co_await gate.give(1) == 1 ? co_await gate.give(2) : 0;
    co_return yes;
}

TEST(argument, if_and_else_are_safe_for_classes_and_a_conditional_for_numbers) {
    expect_sound(chooses, 809);
    expect_sound(chooses_a_number, 2);
}

task<int> short_circuits(turnstile& gate) {
    const bool both = co_await gate.give(1) == 1 && (co_await make(gate, 2)).value() == 2;
    const bool first = co_await gate.give(1) == 1 || (co_await make(gate, 2)).value() == 0;
    co_return both&& first ? 1 : 0;
}

TEST(argument, short_circuits_evaluate_and_destroy_only_what_they_need) {
    expect_sound(short_circuits, 1);
}

// [snippet: named_condition]
task<int> names_what_decides(turnstile& gate) {
    const int given = co_await gate.give(3);
    if (given == 3) co_return 1;
    co_return 0;
}

// [end]

TEST(argument, what_decides_is_named) {
    expect_sound(names_what_decides, 1);
}

// Right with g++ 12 too because it declares a variable; see broken_form_test.cpp.
task<int> awaits_in_conditions(turnstile& gate) {
    int steps = 0;
    for (int i = co_await gate.give(0); i < co_await gate.give(2); ++i)
        ++steps;
    if (const tracked found = co_await make(gate, 5); found.value() == 5) ++steps;
    switch (co_await gate.give(3)) {
        case 3:
            steps += 10;
            break;
        default:
            break;
    }
    while (co_await gate.give(steps) < 15)
        ++steps;
    co_return steps;
}

TEST(argument, awaits_may_stand_in_conditions_and_headers) {
    expect_sound(awaits_in_conditions, 15);
}

}  // namespace
