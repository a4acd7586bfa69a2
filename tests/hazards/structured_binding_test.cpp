// Some compilers lose the object behind `auto [a, b] = co_await ...` when the frame is destroyed
// while it is suspended. The taught form names the object first; a reference binding to it is safe.

#include "forms.h"
#include <array>
#include <tuple>
#include <utility>

#include <gtest/gtest.h>

#include <edo/task/join.h>
#include <edo/task/task.h>

namespace {

using edo::task;
using edo::testing::expect_sound;
using edo::testing::tracked;
using edo::testing::turnstile;

task<std::pair<tracked, tracked>> make_pair(turnstile& gate, int a, int b) {
    co_await gate.pass();
    co_return std::pair<tracked, tracked>(tracked(a), tracked(b));
}

// [snippet: named_pair]
task<int> binds_to_a_named_pair(turnstile& gate) {
    auto both = co_await make_pair(gate, 1, 2);
    auto& [a, b] = both;
    co_await gate.pass();
    co_return 10 * a.value() + b.value();
}

// [end]

TEST(structured_binding, of_a_named_pair_survives_a_drop) {
    expect_sound(binds_to_a_named_pair, 12);
}

task<int> binds_in_a_loop(turnstile& gate) {
    int total = 0;
    for (int i = 0; i < 3; ++i) {
        auto both = co_await make_pair(gate, i, i);
        auto& [a, b] = both;
        co_await gate.pass();
        if (i == 1) continue;
        total += a.value() + b.value();
    }
    co_return total;
}

TEST(structured_binding, of_a_named_pair_in_a_loop_dies_in_each_round) {
    expect_sound(binds_in_a_loop, 4);
}

task<int> binds_what_a_join_yields(turnstile& gate) {
    auto all = co_await edo::join(make_pair(gate, 1, 2), gate.give(tracked(3)));
    auto& [both, last] = all;
    co_await gate.pass();
    co_return 100 * both.first.value() + 10 * both.second.value() + last.value();
}

TEST(structured_binding, of_a_named_tuple_survives_a_drop) {
    expect_sound(binds_what_a_join_yields, 123);
}

task<int> binds_in_a_range(turnstile& gate) {
    auto both = co_await make_pair(gate, 1, 2);
    const std::array<std::pair<tracked, tracked>, 1> rows{std::move(both)};
    int total = 0;
    for (const auto& [a, b] : rows) {
        co_await gate.pass();
        total += a.value() + b.value();
    }
    co_return total;
}

TEST(structured_binding, by_reference_over_a_named_range_survives_a_drop) {
    expect_sound(binds_in_a_range, 3);
}

}  // namespace
