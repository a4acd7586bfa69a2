// Timers.

#include "cancel_case.h"

#include <gtest/gtest.h>

#include <edo/edo.h>

namespace {

using namespace std::chrono_literals;
using edo::result;
using edo::task;
using edo::task_group;
using namespace edo::testing;

task<> drop_sleep(dropper& d) {
    auto attempt = [](dropper& by) -> task<> { co_await by.run(edo::sleep(50us)); };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

task<> drop_tick(dropper& d) {
    auto ticks = edo::interval(20us, edo::missed_tick::burst);
    auto first = co_await ticks.tick();
    auto attempt = [](dropper& by, auto& t, edo::instant start) -> task<> {
        auto r = co_await by.run(t.tick());
        auto next = co_await t.tick();
        // A dropped tick is not lost: the next one yields it.
        MUST(next == start + (r ? 40us : 20us));
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d, ticks, first), complete);
}

task<> drop_timeout(dropper& d) {
    edo::testing::event e;
    auto attempt = [](dropper& by, edo::testing::event& inner) -> task<> {
        co_await by.run(edo::timeout(30us, inner.wait()));
        MUST(!inner.has_waiter());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        e.raise();
    };
    co_await beside(d, attempt(d, e), complete);
}

task<> drop_timeout_at(dropper& d) {
    edo::testing::event e;
    auto attempt = [](dropper& by, edo::testing::event& inner) -> task<> {
        co_await by.run(edo::timeout_at(edo::now() + 30us, inner.wait()));
        MUST(!inner.has_waiter());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        e.raise();
    };
    co_await beside(d, attempt(d, e), complete);
}

task<> drop_interval_at(dropper& d) {
    auto attempt = [](dropper& by) -> task<> {
        const edo::instant start = edo::now() + 20us;
        auto ticks = edo::interval_at(start, 20us);
        auto r = co_await by.run(ticks.tick());
        auto next = co_await ticks.tick();
        MUST(next == (r ? start + 20us : start));
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

const operation_case operations[] = {
    {"sleep", &drop_sleep, racing_rounds},
    {"tick", &drop_tick, racing_rounds},
    {"timeout", &drop_timeout, racing_rounds},
    {"timeout_at", &drop_timeout_at, short_rounds},
    {"interval_at", &drop_interval_at, short_rounds},
};

INSTANTIATE_TEST_SUITE_P(timer, cancel_everywhere, settings_of(operations), &name_of_setting);

}  // namespace
