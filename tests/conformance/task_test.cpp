// Tasks and groups of tasks: who destroys them, who they are, and what is left of their results.

#include "conformance/at_end.h"
#include "runtime/flavors.h"
#include "support/event.h"
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/runtime/block_in_place.h>
#include <edo/runtime/runtime.h>
#include <edo/task/context.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/state/header.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>

namespace edo::testing {
namespace {

EDO_SUITE_FOR_ALL_RUNTIMES(task_behaviour);
EDO_SUITE_FOR_ALL_RUNTIMES(group_behaviour);

task<int> number(int n) {
    co_return n;
}

task<int> number_after(std::reference_wrapper<event> e, int n) {
    co_await e.get().wait();
    co_return n;
}

/// The number of the task that the calling thread polls or destroys; 0 outside of tasks.
std::uint64_t id_here() {
    const edo::detail::execution* const here = edo::detail::current_execution();
    return here == nullptr || here->task == nullptr ? 0 : here->task->id;
}

// ---- cancelled tasks

/// What is seen when a task is destroyed.
struct end_of_task {
    int count = 0;
    std::thread::id thread;
    std::uint64_t id = 0;
};

task<> wait_and_note_end(std::reference_wrapper<event> e, std::reference_wrapper<end_of_task> end) {
    const at_end note([end] {
        ++end.get().count;
        end.get().thread = std::this_thread::get_id();
        end.get().id = id_here();
    });
    co_await e.get().wait();
}

/// Whether a thread may be one of the runtime's.
bool may_be_of_runtime(std::thread::id thread, std::thread::id foreign, bool has_workers) {
    const bool is_ours = thread == std::this_thread::get_id();
    return thread != foreign && is_ours != has_workers;
}

TEST_P(task_behaviour, cancel_by_a_foreign_thread_destroys_the_task_on_a_thread_of_its_runtime) {
    const auto made = make();
    auto& rt = *made;
    event never;
    end_of_task end;
    auto waiting = rt.spawn(wait_and_note_end, std::ref(never), std::ref(end));
    rt.block_on([&]() -> task<> {
        while (!never.has_waiter())
            co_await yield_now();
    });

    std::thread::id foreign;
    std::thread([&] {
        foreign = std::this_thread::get_id();
        waiting.request_cancel();
    }).join();
    const auto outcome = rt.block_on(std::move(waiting).try_join());

    EXPECT_TRUE(outcome.is_cancelled());
    EXPECT_EQ(end.count, 1);
    EXPECT_TRUE(may_be_of_runtime(end.thread, foreign, has_workers()));
}

TEST_P(task_behaviour, handle_dropped_by_a_foreign_thread_destroys_the_task_on_one_of_its_runtime) {
    const auto made = make();
    auto& rt = *made;
    event never;
    end_of_task end;
    auto waiting = rt.spawn(wait_and_note_end, std::ref(never), std::ref(end));
    rt.block_on([&]() -> task<> {
        while (!never.has_waiter())
            co_await yield_now();
    });

    std::thread::id foreign;
    std::thread([&] {
        foreign = std::this_thread::get_id();
        const auto dropped = std::move(waiting);
    }).join();
    static_cast<void>(rt.shutdown());

    EXPECT_EQ(end.count, 1);
    EXPECT_TRUE(may_be_of_runtime(end.thread, foreign, has_workers()));
}

TEST_P(task_behaviour, that_waits_ends_when_its_handle_is_dropped) {
    event never;
    end_of_task end;
    const auto made = make();

    made->block_on([&]() -> task<> {
        {
            const auto dropped = spawn(wait_and_note_end, std::ref(never), std::ref(end));
            while (!never.has_waiter())
                co_await yield_now();
        }
        while (never.has_waiter())
            co_await yield_now();
    });

    static_cast<void>(made->shutdown());
    EXPECT_EQ(end.count, 1);
}

// ---- who is who

TEST_P(task_behaviour, each_has_a_number_of_its_own) {
    const auto made = make();
    std::set<std::uint64_t> ids;

    made->block_on([&]() -> task<> {
        ids.insert(id_here());
        for (int i = 0; i < 1'000; ++i) {
            auto child = spawn(number, i);
            ids.insert(child.id());
            co_await std::move(child).join();
        }
    });

    EXPECT_EQ(ids.size(), 1'001U);
}

TEST_P(task_behaviour, is_known_by_its_number_while_it_is_destroyed) {
    const auto made = make();
    event never;
    end_of_task end;
    std::uint64_t id = 0;

    made->block_on([&]() -> task<> {
        auto waiting = spawn(wait_and_note_end, std::ref(never), std::ref(end));
        id = waiting.id();
        while (!never.has_waiter())
            co_await yield_now();
        co_await waiting.cancel();
    });

    EXPECT_EQ(end.id, id);
    EXPECT_NE(id, 0U);
}

TEST_P(task_behaviour, is_itself_again_after_a_call_in_place_that_ran_other_tasks) {
    const auto made = make();
    auto& rt = *made;
    std::uint64_t before = 0, between = 0, after = 0;

    rt.block_on([&]() -> task<> {
        before = id_here();
        block_in_place([&] {
            rt.block_on([&]() -> task<> {
                auto child = spawn(number, 1);
                between = id_here();
                co_await std::move(child).join();
            });
        });
        after = id_here();
        co_return;
    });

    EXPECT_EQ(before, after);
    EXPECT_NE(before, between);
}

// ---- groups

TEST_P(group_behaviour, counts_who_is_alive) {
    const auto made = make();

    made->block_on([]() -> task<> {
        task_group group;
        for (std::size_t round = 0; round < 4; ++round) {
            event a, b;
            auto first = group.spawn(number_after, std::ref(a), 1);
            EXPECT_EQ(group.alive(), 1U);
            auto second = group.spawn(number_after, std::ref(b), 2);
            EXPECT_EQ(group.alive(), 2U);
            b.raise();
            const int two = co_await std::move(second).join();
            EXPECT_EQ(two, 2);
            while (group.alive() != 1)
                co_await yield_now();
            a.raise();
            const auto all = co_await group.join();
            EXPECT_TRUE(all);
            EXPECT_EQ(group.alive(), 0U);
        }
    });
}

TEST_P(group_behaviour, half_of_the_children_can_be_cancelled_alone) {
    const auto made = make();

    made->block_on([]() -> task<> {
        std::vector<event> events(16);
        task_group group(independent);
        std::vector<group_handle<int>> children;
        for (event& each : events)
            children.push_back(group.spawn(number_after, std::ref(each), 1));
        for (std::size_t i = 0; i < events.size(); i += 2)
            children[i].request_cancel();
        for (std::size_t i = 1; i < events.size(); i += 2)
            events[i].raise();
        const auto all = co_await group.join();
        EXPECT_TRUE(all);

        for (std::size_t i = 0; i < events.size(); i += 2)
            EXPECT_THROW(children[i].take(), std::system_error);
        for (std::size_t i = 1; i < events.size(); i += 2)
            EXPECT_EQ(children[i].take(), 1);
    });
}

TEST_P(group_behaviour, results_that_are_there_survive_a_cancel_of_the_group) {
    const auto made = make();

    made->block_on([]() -> task<> {
        event never;
        task_group group;
        auto done = group.spawn(number, 3);
        auto waiting = group.spawn(number_after, std::ref(never), 4);
        while (!done.is_finished())
            co_await yield_now();
        group.cancel();
        const auto all = co_await group.join();

        EXPECT_EQ(all.error(), errc::cancelled);
        EXPECT_EQ(done.take(), 3);
        EXPECT_THROW(waiting.take(), std::system_error);
    });
}

std::vector<group_handle<int>> spawn_a_thousand(task_group& group) {
    std::vector<group_handle<int>> children;
    for (int i = 0; i < 1'000; ++i)
        children.push_back(group.spawn(number, i));
    return children;
}

TEST_P(group_behaviour, joining_a_thousand_children_that_have_ended_yields_and_loses_none) {
    const auto made = make();

    const int sum = made->block_on([]() -> task<int> {
        task_group group;
        auto children = spawn_a_thousand(group);
        const auto all = co_await group.join();
        EXPECT_TRUE(all);
        int total = 0;
        for (auto& each : children)
            total += co_await std::move(each).join();
        co_return total;
    });

    EXPECT_EQ(sum, 999 * 1'000 / 2);
    EXPECT_GE(made->metrics().total().forced_yields, 7U);
}

TEST_P(group_behaviour, results_of_a_thousand_children_are_taken_without_waiting) {
    const auto made = make();

    const int sum = made->block_on([]() -> task<int> {
        task_group group;
        auto children = spawn_a_thousand(group);
        while (group.alive() != 0)
            co_await yield_now();
        int total = 0;
        for (auto& each : children)
            total += each.take();
        co_return total;
    });

    EXPECT_EQ(sum, 999 * 1'000 / 2);
}

task<> fail_after(std::reference_wrapper<event> e) {
    co_await e.get().wait();
    throw std::runtime_error("the first");
}

/// Notes where in the order its end is, when it is destroyed.
task<> wait_and_number_end(std::reference_wrapper<event> e,
                           std::reference_wrapper<std::atomic<int>> last,
                           int& number) {
    const at_end note([last, &number] { number = ++last.get(); });
    co_await e.get().wait();
}

TEST_P(group_behaviour, is_gone_with_its_children_before_who_dropped_it_goes_on) {
    event never, neither, stop;
    std::atomic<int> last = 0;
    int first_end = 0, second_end = 0, end_of_frame = 0;
    const auto made = make();

    made->block_on([&]() -> task<> {
        const auto keeps_group = [&]() -> task<> {
            const at_end note([&] { end_of_frame = ++last; });
            task_group group;
            group.spawn(wait_and_number_end, std::ref(never), std::ref(last), std::ref(first_end));
            group.spawn(wait_and_number_end, std::ref(neither), std::ref(last),
                        std::ref(second_end));
            while (!never.has_waiter() || !neither.has_waiter())
                co_await yield_now();
            stop.raise();
            const auto all = co_await group.join();
            EXPECT_TRUE(all);
        };
        const auto first = co_await select(keeps_group(), stop.wait());
        EXPECT_EQ(first.index(), 1U);
        EXPECT_EQ(end_of_frame, 3);
    });

    EXPECT_EQ(first_end + second_end, 1 + 2);
}

TEST_P(group_behaviour, first_failure_is_rethrown_and_cancels_the_rest) {
    event fails, never;
    end_of_task end;
    const auto made = make();

    made->block_on([&]() -> task<> {
        const auto join_all = [&]() -> task<> {
            task_group group;
            group.spawn(fail_after, std::ref(fails));
            group.spawn(wait_and_note_end, std::ref(never), std::ref(end));
            while (!never.has_waiter())
                co_await yield_now();
            fails.raise();
            static_cast<void>(co_await group.join());
        };
        auto joining = spawn(join_all);
        auto outcome = co_await std::move(joining).try_join();
        EXPECT_THROW(std::rethrow_exception(outcome.exception()), std::runtime_error);
    });

    EXPECT_EQ(end.count, 1);
}

}  // namespace
}  // namespace edo::testing
