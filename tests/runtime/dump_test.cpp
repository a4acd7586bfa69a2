#include "runtime/flavors.h"
#include "support/event.h"
#include "support/failing_allocation.h"
#include <atomic>
#include <cstddef>
#include <latch>
#include <new>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>
#include <edo/task/select.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::event;
using edo::testing::failing_allocation;
using ::testing::HasSubstr;

EDO_TEST_ON_ALL_RUNTIMES(dump_of_any_runtime);

edo::task<> inner_wait(event& e) {
    co_await e.wait();
}

edo::task<> outer_wait(std::reference_wrapper<event> e) {
    co_await inner_wait(e);
}

edo::task<> select_wait(std::reference_wrapper<event> e) {
    co_await edo::select(inner_wait(e), edo::sleep(1h));
}

/// Waits until the event has somebody waiting: then the other task has come to rest, or will at
/// once.
template <class Runtime>
void run_until_waiting(Runtime& rt, event& e) {
    rt.block_on([&]() -> edo::task<> {
        while (!e.has_waiter())
            co_await edo::yield_now();
    });
}

/// The dump of the only task, taken when it is at rest.
template <class Runtime>
edo::task_dump only_task(Runtime& rt) {
    for (;;) {
        edo::runtime_dump all = rt.dump();
        if (all.tasks.size() == 1 && all.tasks.front().state == edo::task_dump::state_kind::waiting)
            return all.tasks.front();
        std::this_thread::yield();
    }
}

TYPED_TEST(dump_of_any_runtime, shows_the_chain_of_awaits_from_outside_in) {
    event e;
    auto rt = TypeParam::make();
    auto h = rt.spawn(outer_wait, std::ref(e));
    run_until_waiting(rt, e);

    const edo::task_dump seen = only_task(rt);

    ASSERT_EQ(seen.waits.size(), 2U);
    EXPECT_THAT(seen.waits[0].at.function_name(), HasSubstr("outer_wait"));
    EXPECT_EQ(seen.waits[0].what, "task");
    EXPECT_THAT(seen.waits[1].at.function_name(), HasSubstr("inner_wait"));
    EXPECT_EQ(seen.waits[1].what, "test event");
    EXPECT_EQ(seen.id, h.id());
    EXPECT_THAT(seen.spawned_at.file_name(), HasSubstr("dump_test.cpp"));
    EXPECT_FALSE(seen.is_detached);
}

TYPED_TEST(dump_of_any_runtime, shows_the_branches_of_a_select) {
    event e;
    auto rt = TypeParam::make();
    auto h = rt.spawn(select_wait, std::ref(e));
    run_until_waiting(rt, e);

    const std::string text = only_task(rt).to_string();

    EXPECT_THAT(text, HasSubstr("select_wait"));
    EXPECT_THAT(text, HasSubstr("inner_wait"));
}

TYPED_TEST(dump_of_any_runtime, shows_detached_tasks_as_such) {
    event e;
    auto rt = TypeParam::make();
    rt.spawn(outer_wait, std::ref(e)).detach();
    run_until_waiting(rt, e);

    EXPECT_TRUE(only_task(rt).is_detached);
}

edo::task<> own_a_waiting_child(std::reference_wrapper<event> e) {
    edo::task_group group;
    static_cast<void>(group.spawn(outer_wait, e));  // gives up the result, not the task
    static_cast<void>(co_await group.join());
}

TYPED_TEST(dump_of_any_runtime, child_of_a_group_is_not_detached) {
    event e;
    auto rt = TypeParam::make();
    auto h = rt.spawn(own_a_waiting_child, std::ref(e));
    run_until_waiting(rt, e);

    for (const edo::task_dump& seen : rt.dump().tasks)
        EXPECT_FALSE(seen.is_detached) << seen.to_string();
}

TYPED_TEST(dump_of_any_runtime, lists_tasks_that_have_not_run_as_queued_or_running) {
    auto rt = TypeParam::make();
    std::latch go_on(1);
    auto h = rt.spawn([&]() -> edo::task<> {
        if constexpr (TypeParam::has_workers) go_on.wait();
        co_return;
    });

    const edo::runtime_dump all = rt.dump();

    ASSERT_EQ(all.tasks.size(), 1U);
    EXPECT_NE(all.tasks.front().state, edo::task_dump::state_kind::waiting);
    go_on.count_down();
    rt.block_on(std::move(h).join());
}

/// Looks until all tasks are at rest.
template <class Runtime>
void look_until_all_wait(Runtime& rt) {
    for (bool all_wait = false; !all_wait; std::this_thread::yield()) {
        all_wait = true;
        for (const edo::task_dump& seen : rt.dump().tasks)
            all_wait = all_wait && seen.state == edo::task_dump::state_kind::waiting;
    }
}

/// Takes dumps, the n-th of them with its n-th allocation failing, until one needs fewer.
/// Returns: that one.
template <class Runtime>
edo::runtime_dump dump_with_each_failure(Runtime& rt) {
    for (std::size_t n = 1;; ++n) {
        const failing_allocation failing(n);
        try {
            edo::runtime_dump all = rt.dump();
            if (!failing.has_failed()) return all;
        } catch (const std::bad_alloc&) {
            EXPECT_TRUE(failing.has_failed());
        }
    }
}

TYPED_TEST(dump_of_any_runtime, without_memory_keeps_no_task_and_stops_none) {
    event first, second;
    auto rt = TypeParam::make();
    auto one = rt.spawn(outer_wait, std::ref(first));
    auto other = rt.spawn(select_wait, std::ref(second));
    run_until_waiting(rt, first);
    run_until_waiting(rt, second);
    look_until_all_wait(rt);

    const edo::runtime_dump all = dump_with_each_failure(rt);

    EXPECT_EQ(all.tasks.size(), 2U) << all.to_string();
    for (const edo::task_dump& seen : all.tasks)
        EXPECT_EQ(seen.state, edo::task_dump::state_kind::waiting) << seen.to_string();
    first.raise();
    second.raise();
    rt.block_on(std::move(one).join());
    rt.block_on(std::move(other).join());
    // The fixture finds the tasks that somebody still refers to.
}

TEST(dump, without_memory_keeps_no_task_that_is_queued) {
    event e;
    edo::current_thread_runtime rt;
    auto h = rt.spawn(outer_wait, std::ref(e));
    run_until_waiting(rt, e);
    e.raise();

    const edo::runtime_dump all = dump_with_each_failure(rt);

    ASSERT_EQ(all.tasks.size(), 1U);
    EXPECT_EQ(all.tasks.front().state, edo::task_dump::state_kind::queued);
    EXPECT_EQ(all.tasks.front().waits.size(), 1U);
    rt.block_on(std::move(h).join());
}

TYPED_TEST(dump_of_any_runtime, wake_during_the_look_is_not_lost) {
    auto rt = TypeParam::make();
    std::atomic<bool> stop = false;
    std::thread looks([&] {
        while (!stop)
            static_cast<void>(rt.dump());
    });

    for (int round = 0; round < 500; ++round) {
        event e;
        auto h = rt.spawn(outer_wait, std::ref(e));
        e.raise();
        rt.block_on(std::move(h).join());
    }

    stop = true;
    looks.join();
}

TEST(dump, text_names_runtime_task_and_places) {
    event e;
    auto rt = edo::runtime::builder().name("left").worker_threads(1).build().value();
    auto h = rt.spawn(outer_wait, std::ref(e));
    run_until_waiting(rt, e);
    static_cast<void>(only_task(rt));

    const std::string text = rt.dump().to_string();

    EXPECT_THAT(text, HasSubstr("runtime 'left'"));
    EXPECT_THAT(text, HasSubstr("1 live task"));
    EXPECT_THAT(text, HasSubstr("waiting"));
    EXPECT_THAT(text, HasSubstr("test event at"));
}

}  // namespace
