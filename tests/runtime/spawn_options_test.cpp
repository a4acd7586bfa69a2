#include <edo/task/spawn_options.h>

#include "runtime/flavors.h"
#include "support/event.h"
#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>
#include <edo/task/spawn.h>
#include <edo/task/task_group.h>
#include <edo/task/unobserved.h>
#include <edo/task/yield.h>

namespace {

using edo::testing::event;
using ::testing::HasSubstr;

EDO_SUITE_FOR_ALL_RUNTIMES(named_task_in_any_runtime);

edo::task<int> doubled(int n) {
    co_return 2 * n;
}

edo::task<> wait_for(std::reference_wrapper<event> e) {
    co_await e.get().wait();
}

template <class Runtime>
std::string name_of_the_one_that_waits(Runtime& rt) {
    for (const edo::task_dump& each : rt.dump().tasks)
        if (each.state == edo::task_dump::state_kind::waiting) return each.name;
    return "none waits";
}

TEST_P(named_task_in_any_runtime, does_what_it_does_without_a_name) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        const int of_function = co_await edo::spawn(edo::named("f", doubled), 4).join();
        EXPECT_EQ(of_function, 8);
        auto base = std::make_unique<int>(30);
        auto adds = [base = std::move(base)](int n) -> edo::task<int> {
            co_await edo::yield_now();
            co_return *base + n;
        };
        const int of_closure = co_await edo::spawn(edo::named("g", std::move(adds)), 3).join();
        EXPECT_EQ(of_closure, 33);
    });
}

struct counter {
    edo::task<int> add(int n) {
        value += n;
        co_return value;
    }

    int value = 1;
};

TEST_P(named_task_in_any_runtime, may_run_a_member_function) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        counter c;
        const int sum = co_await edo::spawn(edo::named("c", &counter::add), &c, 2).join();
        EXPECT_EQ(sum, 3);
    });
}

TEST_P(named_task_in_any_runtime, has_its_name_in_dumps) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([&]() -> edo::task<> {
        event go_on;
        auto waiting = edo::spawn(edo::named("reader of the socket", wait_for), std::ref(go_on));
        while (!go_on.has_waiter())
            co_await edo::yield_now();
        std::string seen = name_of_the_one_that_waits(rt);
        while (seen == "none waits")
            seen = name_of_the_one_that_waits(rt);
        EXPECT_EQ(seen, "reader of the socket");
        EXPECT_THAT(rt.dump().to_string(), HasSubstr(" \"reader of the socket\": "));
        go_on.raise();
        co_await std::move(waiting).join();
    });
}

TEST_P(named_task_in_any_runtime, may_be_a_child_of_a_group_and_come_from_outside) {
    const auto made = make();
    auto& rt = *made;
    auto outside = rt.spawn(edo::named("outside", doubled), 1);
    rt.block_on([&]() -> edo::task<> {
        edo::task_group group;
        auto child = group.spawn(edo::named("child", doubled), 5);
        const auto joined = co_await group.join();
        EXPECT_TRUE(joined.has_value());
        EXPECT_EQ(child.take(), 10);
        const int two = co_await std::move(outside).join();
        EXPECT_EQ(two, 2);
    });
}

std::string name_of_failure;
std::atomic<bool> has_failed;  // released after the name

void keep_name(const edo::unobserved_failure& failure) noexcept {
    name_of_failure = failure.task_name;
    has_failed.store(true);
}

edo::task<> fail() {
    throw std::runtime_error("as it should");
    co_return;
}

TEST_P(named_task_in_any_runtime, has_its_name_in_reports_of_failures_that_nobody_sees) {
    const auto before = edo::set_unobserved_failure_hook(&keep_name);
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        has_failed.store(false);
        edo::spawn(edo::named("worker bee", fail)).detach();
        while (!has_failed.load())
            co_await edo::yield_now();
    });
    edo::set_unobserved_failure_hook(before);
    EXPECT_EQ(name_of_failure, "worker bee");
}

TEST_P(named_task_in_any_runtime, keeps_its_name_when_its_callable_is_gone) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([&]() -> edo::task<> {
        auto ended = edo::spawn(edo::named("gone", [n = 1]() -> edo::task<int> { co_return n; }));
        while (!ended.is_finished()) {
            for (const edo::task_dump& each : rt.dump().tasks) {
                EXPECT_TRUE(each.name.empty() || each.name == "gone");
            }
            co_await edo::yield_now();
        }
        const int one = co_await std::move(ended).join();
        EXPECT_EQ(one, 1);
    });
}

edo::task<> take_nothing() {
    co_return;
}

TEST(named_task, without_a_name_has_an_empty_one) {
    edo::current_thread_runtime rt;
    auto handle = rt.spawn(take_nothing);
    EXPECT_EQ(rt.dump().tasks.at(0).name, "");
    EXPECT_THAT(rt.dump().to_string(), HasSubstr(": queued"));
    rt.block_on(std::move(handle).join());
}

}  // namespace
