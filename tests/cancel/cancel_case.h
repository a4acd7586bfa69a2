#pragma once

// What the cases of the cancel-everywhere table share. The promise: any wait can be dropped, at any
// of its suspension points, with its completion racing, and nothing is lost, leaked or touched
// afterwards. A case is a coroutine that sets things up, runs one operation through the dropper and
// checks what is conserved. A new operation joins by that and one line in the table of its layer.

#include "dropper.h"
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/check.h>
#include <edo/io/reactor_kind.h>
#include <edo/task/task.h>
#include <edo/task/task_group.h>

#define MUST(cond) EDO_CHECK(cond, "cancel everywhere: " #cond)

namespace edo::testing {

struct operation_case {
    const char* name;
    task<> (*round)(dropper& d);
    std::uint64_t rounds;  // that race; each on both back ends, with one worker and two
};

inline constexpr std::uint64_t racing_rounds = 400;
inline constexpr std::uint64_t short_rounds = 100;

using cancel_setting = std::tuple<const operation_case*, reactor_kind, unsigned>;

class cancel_everywhere : public ::testing::TestWithParam<cancel_setting> {};

std::string name_of_setting(const ::testing::TestParamInfo<cancel_setting>& info);

/// The settings of a table of cases.
template <std::size_t N>
auto settings_of(const operation_case (&operations)[N]) {
    std::vector<const operation_case*> each;
    for (const operation_case& op : operations)
        each.push_back(&op);
    return ::testing::Combine(::testing::ValuesIn(each),
                              ::testing::Values(reactor_kind::epoll, reactor_kind::io_uring),
                              ::testing::Values(1u, 2u));
}

// Runs the operation's completion and its drop beside each other.
template <class Complete>
task<> beside(dropper& d, task<> attempt, Complete complete) {
    task_group group;
    group.spawn([&complete]() -> task<> { co_await complete(); });
    group.spawn([&d]() -> task<> { co_await d.drop_later(); });
    co_await std::move(attempt);
    auto all = co_await group.join();
    MUST(all.has_value());
}

// `make` makes the wait, `happen` what it waits for.
template <class Make, class Happen>
task<> drop_and_repeat(dropper& d, Make make, Happen happen) {
    auto attempt = [](dropper& by, Make& made) -> task<> {
        co_await by.run(made());
        static_cast<void>(co_await made());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        happen();
    };
    co_await beside(d, attempt(d, make), complete);
}

}  // namespace edo::testing
