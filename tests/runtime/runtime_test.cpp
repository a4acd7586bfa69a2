// What every kind of runtime does with tasks; see also rt_common and rt_threaded of Tokio, whose
// behaviours these are.

#include <edo/runtime/runtime.h>

#include "runtime/flavors.h"
#include "support/event.h"
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/runtime/testing.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/notify.h>
#include <edo/sync/oneshot.h>
#include <edo/task/context.h>
#include <edo/task/join.h>
#include <edo/task/select.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::event;

EDO_TEST_ON_ALL_RUNTIMES(any_runtime);

edo::task<int> twice(int n) {
    co_return 2 * n;
}

edo::task<std::unique_ptr<int>> boxed(int n) {
    co_return std::make_unique<int>(n);
}

edo::task<> nothing() {
    co_return;
}

edo::task<int> failing() {
    throw std::runtime_error("no luck");
    co_return 0;
}

edo::task<> wait_for(std::reference_wrapper<event> e) {
    co_await e.get().wait();
}

edo::task<int> twice_after_yield(int n) {
    co_await edo::yield_now();
    co_return 2 * n;
}

TYPED_TEST(any_runtime, block_on_returns_what_the_task_yields) {
    auto rt = TypeParam::make();

    EXPECT_EQ(rt.block_on(twice(4)), 8);
    EXPECT_EQ(*rt.block_on(boxed(5)), 5);
    rt.block_on(nothing());
}

TYPED_TEST(any_runtime, block_on_rethrows_what_the_task_throws) {
    auto rt = TypeParam::make();

    EXPECT_THROW(rt.block_on(failing()), std::runtime_error);

    EXPECT_EQ(rt.block_on(twice(1)), 2) << "and the runtime lives on";
}

TYPED_TEST(any_runtime, block_on_takes_an_operation) {
    auto rt = TypeParam::make();

    const auto both = rt.block_on(edo::join(twice(1), twice(2)));

    EXPECT_EQ(both, std::make_tuple(2, 4));
}

TYPED_TEST(any_runtime, block_on_keeps_a_callable_alive) {
    auto rt = TypeParam::make();
    const std::string text = "kept in the closure, too long for the small buffer";

    const auto length = rt.block_on([text]() -> edo::task<std::size_t> {
        co_await edo::yield_now();
        co_return text.size();
    });

    EXPECT_EQ(length, text.size());
}

TYPED_TEST(any_runtime, spawned_task_is_joined_from_another_task) {
    auto rt = TypeParam::make();
    auto h = rt.spawn(twice, 21);

    EXPECT_EQ(rt.block_on(std::move(h).join()), 42);
}

edo::task<int> sum_of_children(int count) {
    std::vector<edo::join_handle<int>> children;
    for (int i = 0; i < count; ++i)
        children.push_back(edo::spawn(twice_after_yield, i));
    int sum = 0;
    for (auto& child : children)
        sum += co_await std::move(child).join();
    co_return sum;
}

TYPED_TEST(any_runtime, ten_thousand_children_all_end) {
    auto rt = TypeParam::make();

    EXPECT_EQ(rt.block_on(sum_of_children(10'000)), 9'999 * 10'000);
}

edo::task<int> chain(int depth) {
    if (depth == 0) co_return 0;
    auto next = edo::spawn(chain, depth - 1);
    co_return co_await std::move(next).join() + 1;
}

TYPED_TEST(any_runtime, results_travel_back_through_a_chain_of_spawned_tasks) {
    auto rt = TypeParam::make();

    EXPECT_EQ(rt.block_on(chain(200)), 200);
}

edo::task<> receive_one(edo::sync::oneshot::receiver<int> from, edo::sync::mpsc::sender<int> to) {
    auto got = co_await from.recv();
    EXPECT_TRUE(got.has_value());
    EXPECT_TRUE(co_await to.send(*got));
}

TYPED_TEST(any_runtime, two_hundred_tasks_woken_by_a_foreign_thread_all_finish) {
    auto rt = TypeParam::make();
    auto [to, from] = edo::sync::mpsc::channel<int>(200);
    std::vector<edo::sync::oneshot::sender<int>> senders;
    std::vector<edo::join_handle<void>> handles;
    for (int i = 0; i < 200; ++i) {
        auto [tx, rx] = edo::sync::oneshot::channel<int>();
        senders.push_back(std::move(tx));
        handles.push_back(rt.spawn(receive_one, std::move(rx), to));
    }
    std::thread foreign([&] {
        for (int i = 0; i < 200; ++i)
            EXPECT_TRUE(senders[static_cast<std::size_t>(i)].send(i));
    });

    int sum = rt.block_on([&]() -> edo::task<int> {
        int total = 0;
        for (int i = 0; i < 200; ++i) {
            auto got = co_await from.recv();
            total += *got;
        }
        for (auto& h : handles)
            co_await std::move(h).join();
        co_return total;
    });

    foreign.join();
    EXPECT_EQ(sum, 199 * 200 / 2);
}

TYPED_TEST(any_runtime, spawn_from_a_foreign_thread_wakes_an_idle_runtime) {
    auto rt = TypeParam::make();
    for (int round = 0; round < 100; ++round) {
        event done;
        std::thread foreign([&] {
            rt.spawn([&done]() -> edo::task<> {
                  done.raise();
                  co_return;
              }).detach();
        });

        rt.block_on(wait_for(done));

        foreign.join();
    }
}

edo::task<> spin_until(std::reference_wrapper<std::atomic<bool>> stop) {
    while (!stop.get().load())
        co_await edo::yield_now();
}

edo::task<int> depth_of_joins(int more) {
    if (more == 0) co_return 0;
    const int below = co_await edo::spawn(depth_of_joins, more - 1).join();
    co_return below + 1;
}

TYPED_TEST(any_runtime, tasks_that_join_their_child_at_once_may_do_so_10000_deep) {
    auto rt = TypeParam::make();

    EXPECT_EQ(rt.block_on(depth_of_joins(10'000)), 10'000);
}

/// What the polling thread knows of the poll; ready whenever it is asked.
class look_at_poll {
public:
    struct seen {
        const edo::detail::task_header* task = nullptr;
        const edo::context* line = nullptr;
        const edo::detail::interrupted* below = nullptr;
        std::uint64_t woken_slots = 0;
        std::uint32_t budget = 0;
        bool yielding = false;
    };

    explicit look_at_poll(bool yields = false) noexcept : yields_(yields) {}

    bool poll(edo::context& cx) noexcept {
        edo::detail::execution& exec = cx.execution();
        if (yields_) {
            exec.yielding = true;
            exec.woken_slots = 1;
        }
        now_ = {exec.task, exec.line, exec.below, exec.woken_slots, exec.budget, exec.yielding};
        return true;
    }

    seen take() noexcept { return now_; }

private:
    bool yields_;
    seen now_;
};

edo::task<const edo::detail::interrupted*> look_and_spend() {
    const auto seen = co_await look_at_poll();
    for (int i = 0; i < 50; ++i)
        co_await look_at_poll();
    co_return seen.below;
}

// Alone, a worker polls the new task in the middle of the poll that joins it.
TEST(one_worker, poll_goes_on_as_it_was_after_a_new_task_was_polled_in_its_middle) {
    auto rt = edo::testing::on_one_worker::make();

    auto h = rt.spawn([]() -> edo::task<> {
        const auto before = co_await look_at_poll(true);
        const auto* const outer = co_await edo::spawn(look_and_spend).join();
        const auto after = co_await look_at_poll();

        EXPECT_NE(outer, nullptr) << "the new task was not polled in the middle";
        EXPECT_EQ(after.task, before.task);
        EXPECT_EQ(after.line, before.line);
        EXPECT_EQ(after.below, nullptr);
        EXPECT_EQ(after.woken_slots, before.woken_slots);
        EXPECT_EQ(after.budget, before.budget - 2) << "this look and the join";
        EXPECT_TRUE(after.yielding);
    });
    rt.block_on(std::move(h).join());
}

edo::task<> note_order(std::vector<int>& order, int who) {
    order.push_back(who);
    co_return;
}

// Wherever its entry is: in the slot, in the ring, in the inject queue, to which the ring spills.
TEST(one_worker, task_that_is_joined_is_polled_at_once_if_it_has_not_begun) {
    constexpr int count = 1'000;
    auto rt = edo::testing::on_one_worker::make();
    std::vector<int> order;
    int polled_at_once = 0;

    rt.block_on(rt.spawn([&]() -> edo::task<> {
                      std::vector<edo::join_handle<void>> spawned;
                      for (int i = 0; i < count; ++i)
                          spawned.push_back(edo::spawn(note_order, std::ref(order), i));
                      for (int i = count - 1; i >= 0; --i) {
                          const auto others = order.size();
                          co_await std::move(spawned[static_cast<std::size_t>(i)]).join();
                          if (order.size() == others + 1 && order.back() == i) ++polled_at_once;
                      }
                  }).join());

    // Not when the worker has to look at its driver just then.
    EXPECT_GT(polled_at_once, 0);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(std::unique(order.begin(), order.end()), order.end()) << "one ran twice";
    EXPECT_EQ(order.size(), static_cast<std::size_t>(count));
}

TEST(one_worker, entry_of_a_task_that_was_polled_early_counts_for_no_poll) {
    std::atomic<std::uint64_t> polls = 0;
    edo::task_hooks hooks;
    hooks.data = &polls;
    hooks.before_poll = [](void* to, const edo::task_info&) noexcept {
        static_cast<std::atomic<std::uint64_t>*>(to)->fetch_add(1);
    };
    auto rt = edo::runtime::builder().worker_threads(1).task_hooks(hooks).build().value();

    rt.block_on(rt.spawn([]() -> edo::task<> {
                      std::vector<edo::join_handle<int>> spawned;
                      for (int i = 0; i < 1'000; ++i)
                          spawned.push_back(edo::spawn(twice, i));
                      for (auto& each : spawned)
                          co_await std::move(each).join();
                  }).join());
    rt.shutdown();

    EXPECT_EQ(rt.metrics().total().polls, polls.load());
}

edo::task<> pass_on_after(edo::sync::notify& first, edo::sync::notify& then) {
    co_await first.notified();
    then.notify_one();
}

// It was polled where it was joined, and waits; its entry is still in the ring.
TEST(one_worker, task_that_was_polled_early_is_woken_like_any_other) {
    auto rt = edo::testing::on_one_worker::make();

    rt.block_on(rt.spawn([]() -> edo::task<> {
                      edo::sync::notify first, then;
                      auto waits = edo::spawn(pass_on_after, std::ref(first), std::ref(then));
                      auto fires = edo::spawn([&first]() -> edo::task<> {
                          first.notify_one();
                          co_return;
                      });
                      co_await std::move(waits).join();
                      co_await then.notified();
                      co_await std::move(fires).join();
                  }).join());
}

edo::task<> spawn_tree(int level) {
    if (level == 0) co_return;
    std::vector<edo::join_handle<void>> below;
    for (int i = 0; i < 10; ++i)
        below.push_back(edo::spawn(spawn_tree, level - 1));
    for (auto& each : below)
        co_await std::move(each).join();
}

TYPED_TEST(any_runtime, trees_of_joined_tasks_do_not_starve_timers) {
    auto rt = TypeParam::make();
    std::atomic<bool> stop = false;
    auto trees = rt.spawn([&stop]() -> edo::task<> {
        while (!stop)
            co_await edo::spawn(spawn_tree, 4).join();
    });

    rt.block_on(rt.spawn([]() -> edo::task<> {
                      for (int i = 0; i < 20; ++i)
                          co_await edo::sleep(1ms);
                  }).join());
    stop = true;
    rt.block_on(std::move(trees).join());
}

TYPED_TEST(any_runtime, yielding_tasks_do_not_starve_foreign_spawns_timers_or_the_root) {
    auto rt = TypeParam::make();
    std::atomic<bool> stop = false;
    std::vector<edo::join_handle<void>> spinners;
    for (int i = 0; i < 6; ++i)
        spinners.push_back(rt.spawn(spin_until, std::ref(stop)));
    event foreign_ran;
    std::thread foreign([&] {
        rt.spawn([&foreign_ran]() -> edo::task<> {
              foreign_ran.raise();
              co_return;
          }).detach();
    });

    rt.block_on([&]() -> edo::task<> {
        co_await foreign_ran.wait();
        co_await edo::sleep(1ms);
        stop = true;
        for (auto& s : spinners)
            co_await std::move(s).join();
    });

    foreign.join();
    SUCCEED();
}

/// Is ready whenever it is asked.
class always_ready {
public:
    always_ready() noexcept {}

    bool poll(edo::context&) noexcept { return true; }

    void take() noexcept {}
};

edo::task<> work_until(std::reference_wrapper<std::atomic<bool>> stop) {
    while (!stop.get().load())
        co_await always_ready();
}

edo::task<> stop_it(std::reference_wrapper<std::atomic<bool>> stop) {
    stop.get() = true;
    co_return;
}

TYPED_TEST(any_runtime, task_whose_operations_are_always_ready_lets_others_run) {
    auto rt = TypeParam::make();
    std::atomic<bool> stop = false;

    rt.block_on([&]() -> edo::task<> {
        auto busy = edo::spawn(work_until, std::ref(stop));
        co_await edo::yield_now();
        auto other = edo::spawn(stop_it, std::ref(stop));
        co_await std::move(busy).join();
        co_await std::move(other).join();
    });

    EXPECT_TRUE(stop);
}

edo::task<> echo_numbers(edo::sync::mpsc::receiver<int> in, edo::sync::mpsc::sender<int> out) {
    while (auto n = co_await in.recv()) {
        if (!co_await out.send(*n)) co_return;
    }
}

edo::task<> drive_numbers(edo::sync::mpsc::sender<int> out,
                          edo::sync::mpsc::receiver<int> in,
                          std::reference_wrapper<std::atomic<bool>> stop) {
    for (int n = 0; !stop.get(); ++n) {
        if (!co_await out.send(n)) co_return;
        co_await in.recv();
    }
}

TYPED_TEST(any_runtime, a_hundred_pairs_that_wake_each_other_do_not_starve_a_new_task) {
    auto rt = TypeParam::make();
    std::atomic<bool> stop = false;

    rt.block_on([&]() -> edo::task<> {
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 100; ++i) {
            auto [to, from_driver] = edo::sync::mpsc::channel<int>(1);
            auto [back, from_echo] = edo::sync::mpsc::channel<int>(1);
            all.push_back(edo::spawn(echo_numbers, std::move(from_driver), std::move(back)));
            all.push_back(
                edo::spawn(drive_numbers, std::move(to), std::move(from_echo), std::ref(stop)));
        }
        for (int i = 0; i < 20; ++i)
            co_await edo::yield_now();
        auto fresh = edo::spawn(stop_it, std::ref(stop));
        co_await std::move(fresh).join();
        for (auto& h : all)
            co_await std::move(h).join();
    });

    EXPECT_TRUE(stop);
}

edo::task<> respawn(std::reference_wrapper<std::atomic<bool>> stop) {
    if (!stop.get()) edo::spawn(respawn, stop).detach();
    co_return;
}

TYPED_TEST(any_runtime, endless_respawning_lets_the_root_finish) {
    auto rt = TypeParam::make();
    std::atomic<bool> stop = false;

    rt.block_on([&]() -> edo::task<> {
        edo::spawn(respawn, std::ref(stop)).detach();
        for (int i = 0; i < 1'000; ++i)
            co_await edo::yield_now();
        stop = true;
    });

    EXPECT_TRUE(stop);
}

edo::task<int> hop(edo::sync::mpsc::receiver<int> in, edo::sync::mpsc::sender<int> out, int times) {
    for (int i = 0; i < times; ++i) {
        auto n = co_await in.recv();
        if (!n) co_return i;
        EXPECT_TRUE(co_await out.send(*n + 1));
    }
    co_return times;
}

TYPED_TEST(any_runtime, messages_pass_through_a_chain_of_two_hundred_tasks) {
    auto rt = TypeParam::make();

    const int arrived = rt.block_on([]() -> edo::task<int> {
        auto [first, next] = edo::sync::mpsc::channel<int>(1);
        auto in = std::move(next);
        edo::task_group hops(edo::independent);
        for (int i = 0; i < 200; ++i) {
            auto [to, from] = edo::sync::mpsc::channel<int>(1);
            hops.spawn(hop, std::move(in), std::move(to), 5);
            in = std::move(from);
        }
        int sum = 0;
        for (int cycle = 0; cycle < 5; ++cycle) {
            EXPECT_TRUE(co_await first.send(0));
            auto n = co_await in.recv();
            sum += *n;
        }
        co_return sum;
    });

    EXPECT_EQ(arrived, 5 * 200);
}

TYPED_TEST(any_runtime, sleep_is_never_early) {
    auto rt = TypeParam::make();

    const edo::duration slept = rt.block_on([]() -> edo::task<edo::duration> {
        const edo::instant begin = edo::now();
        co_await edo::sleep(2ms);
        co_return edo::now() - begin;
    });

    EXPECT_GE(slept, 2ms);
}

TYPED_TEST(any_runtime, timers_of_many_tasks_all_fire) {
    auto rt = TypeParam::make();

    rt.block_on([]() -> edo::task<> {
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 500; ++i) {
            all.push_back(edo::spawn([i]() -> edo::task<> {
                co_await edo::sleep(std::chrono::microseconds(10 * (i % 50)));
            }));
        }
        for (auto& h : all)
            co_await std::move(h).join();
    });
    SUCCEED();
}

TYPED_TEST(any_runtime, runtime_can_be_built_inside_a_task) {
    auto rt = TypeParam::make();

    const unsigned workers = rt.block_on([]() -> edo::task<unsigned> {
        auto inner = std::make_unique<edo::runtime>(
            edo::runtime::builder().worker_threads(2).build().value());
        auto h = inner->spawn(twice, 3);
        EXPECT_EQ(co_await std::move(h).join(), 6) << "its tasks can be awaited here";
        const unsigned count = inner->info().workers;
        std::thread([gone = std::move(inner)]() mutable { gone.reset(); }).join();
        co_return count;
    });

    EXPECT_EQ(workers, 2U);
}

TYPED_TEST(any_runtime, task_of_one_runtime_awaits_tasks_and_events_of_another) {
    auto rt = TypeParam::make();
    auto other = TypeParam::make();
    event there;
    auto waiting = rt.spawn(wait_for, std::ref(there));

    std::thread foreign([&] { there.raise(); });
    rt.block_on(std::move(waiting).join());

    foreign.join();
    other.block_on(nothing());
}

TYPED_TEST(any_runtime, runtime_can_be_moved) {
    auto rt = TypeParam::make();
    auto moved = std::move(rt);
    rt = TypeParam::make();
    moved = std::move(rt);

    EXPECT_EQ(moved.block_on(twice(2)), 4);
}

TYPED_TEST(any_runtime, info_names_the_reactor_and_why_it_was_chosen) {
    auto rt = TypeParam::make();

    const edo::runtime_info about = rt.info();

    EXPECT_NE(about.reactor, edo::reactor_kind::automatic);
    EXPECT_FALSE(about.why.empty());
}

TEST(current_thread_runtime, task_makes_no_progress_without_block_on) {
    edo::current_thread_runtime rt;
    auto h = rt.spawn(twice, 1);

    EXPECT_FALSE(h.is_finished());
    EXPECT_EQ(rt.block_on(std::move(h).join()), 2);
}

TEST(current_thread_runtime, tasks_run_in_the_order_in_which_they_were_spawned) {
    edo::current_thread_runtime rt;
    std::vector<int> order;

    rt.block_on([&]() -> edo::task<> {
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 5; ++i) {
            all.push_back(edo::spawn([&order, i]() -> edo::task<> {
                order.push_back(i);
                co_await edo::yield_now();
                order.push_back(10 + i);
            }));
        }
        for (auto& h : all)
            co_await std::move(h).join();
    });

    EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2, 3, 4, 10, 11, 12, 13, 14));
}

TEST(current_thread_runtime, poll_for_zero_runs_what_is_ready_and_does_not_wait) {
    edo::current_thread_runtime rt;
    event never;
    auto waits = rt.spawn(wait_for, std::ref(never));
    auto ready = rt.spawn(twice, 1);

    const std::size_t polls = rt.poll_for(0s);

    EXPECT_EQ(polls, 2U);
    EXPECT_TRUE(ready.is_finished());
    EXPECT_FALSE(waits.is_finished());
    EXPECT_EQ(rt.poll_for(0s), 0U);
}

TEST(current_thread_runtime, poll_for_zero_runs_all_that_is_ready) {
    edo::current_thread_runtime rt;
    for (int i = 0; i < 1'000; ++i)
        rt.spawn(nothing).detach();

    EXPECT_EQ(rt.poll_for(0s), 1'000U);
}

TEST(current_thread_runtime, poll_for_runs_what_its_last_wait_has_brought) {
    edo::testing::paused_runtime rt;
    auto h = rt.spawn([]() -> edo::task<> { co_await edo::sleep(10ms); });

    rt.poll_for(10ms);

    EXPECT_TRUE(h.is_finished());
}

TEST(current_thread_runtime, poll_for_ends_early_when_no_task_is_left) {
    edo::current_thread_runtime rt;
    rt.spawn(nothing).detach();

    EXPECT_EQ(rt.poll_for(1h), 1U);
}

TEST(current_thread_runtime, poll_for_waits_for_timers_within_its_limit) {
    edo::current_thread_runtime rt;
    auto h = rt.spawn([]() -> edo::task<> { co_await edo::sleep(1ms); });

    rt.poll_for(1h);

    EXPECT_TRUE(h.is_finished());
}

TEST(current_thread_runtime, no_task_is_polled_without_a_reason) {
    edo::current_thread_runtime rt;
    event e;
    auto h = rt.spawn(wait_for, std::ref(e));
    rt.poll_for(0s);
    EXPECT_EQ(e.polls(), 1);

    EXPECT_EQ(rt.poll_for(0s), 0U);
    e.raise();
    EXPECT_EQ(rt.poll_for(0s), 1U);

    EXPECT_EQ(e.polls(), 2);
    EXPECT_TRUE(h.is_finished());
}

TEST(multi_threaded_runtime, several_threads_block_on_at_once) {
    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    std::vector<std::thread> threads;
    std::atomic<int> sum = 0;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 200; ++i)
                sum += rt.block_on(twice_after_yield(1));
        });
    }
    for (auto& t : threads)
        t.join();

    EXPECT_EQ(sum, 4 * 200 * 2);
}

TEST(multi_threaded_runtime, one_worker_blocked_by_user_code_does_not_stop_the_others) {
    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    std::atomic<bool> release = false;
    event blocked;
    auto stuck = rt.spawn([&]() -> edo::task<> {
        blocked.raise();
        while (!release)
            std::this_thread::yield();
        co_return;
    });

    rt.block_on(wait_for(blocked));
    EXPECT_EQ(rt.block_on(sum_of_children(1'000)), 999 * 1'000);

    release = true;
    rt.block_on(std::move(stuck).join());
}

TEST(multi_threaded_runtime, task_woken_by_one_that_then_blocks_its_worker_runs_on_another) {
    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    std::atomic<bool> release = false;
    event e;
    auto waiter = rt.spawn(wait_for, std::ref(e));
    while (!e.has_waiter())
        std::this_thread::yield();
    auto stuck = rt.spawn([&]() -> edo::task<> {
        e.raise();
        while (!release)
            std::this_thread::yield();
        co_return;
    });

    rt.block_on(std::move(waiter).join());
    release = true;
    rt.block_on(std::move(stuck).join());
}

TEST(multi_threaded_runtime, task_spawned_by_one_that_then_blocks_its_worker_runs_on_another) {
    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    for (int round = 0; round < 20; ++round) {
        std::latch ran(1);
        rt.block_on([&]() -> edo::task<> {
            edo::spawn([&]() -> edo::task<> {
                ran.count_down();
                co_return;
            }).detach();
            ran.wait();
            co_return;
        });
    }
}

edo::task<> yield_until(std::reference_wrapper<std::atomic<bool>> done,
                        std::reference_wrapper<std::atomic<int>> polls) {
    while (!done.get()) {
        ++polls.get();
        co_await edo::yield_now();
    }
}

TEST(multi_threaded_runtime, busy_worker_takes_a_share_of_what_other_threads_queue) {
    constexpr int busy = 50, queued = 100;
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    std::atomic<bool> done = false;
    std::atomic<int> polls = 0, ran = 0;
    std::latch begun(1), go_on(1);
    rt.spawn([&]() -> edo::task<> {
          for (int i = 0; i < busy; ++i)
              edo::spawn(yield_until, std::ref(done), std::ref(polls)).detach();
          begun.count_down();
          go_on.wait();
          co_return;
      }).detach();
    begun.wait();
    for (int i = 0; i < queued; ++i) {
        rt.spawn([&]() -> edo::task<> {
              if (++ran == queued) done = true;
              co_return;
          }).detach();
    }

    go_on.count_down();
    EXPECT_TRUE(rt.block_on([&]() -> edo::task<bool> {
        while (!done)
            co_await edo::yield_now();
        co_return true;
    }));

    EXPECT_LT(polls, busy * queued / 4) << "one task per round";
}

}  // namespace
