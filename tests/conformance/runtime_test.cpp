// How a runtime treats its tasks: under load, when one of them fails, and when the runtime ends.

#include <edo/runtime/runtime.h>

#include "conformance/at_end.h"
#include "net/local_pair.h"
#include "runtime/flavors.h"
#include "support/event.h"
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sanitizer.h>
#include <edo/runtime/testing.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/oneshot.h>
#include <edo/task/budget.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/unobserved.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;

EDO_SUITE_FOR_ALL_RUNTIMES(runtime_behaviour);

task<> nothing() {
    co_return;
}

task<> wait_for(std::reference_wrapper<event> e) {
    co_await e.get().wait();
}

task<> yield_until(std::reference_wrapper<std::atomic<bool>> stop) {
    while (!stop.get())
        co_await yield_now();
}

task<std::size_t> byte_through_a_socket() {
    local_pair pair;
    auto reading = spawn(read_byte, std::cref(pair.handle));
    co_await yield_now();
    pair.send_byte();
    const auto got = co_await std::move(reading).join();
    co_return got.value();
}

// ---- under load

TEST(runtime_behaviour_of_workers, threads_that_block_on_at_once_are_all_served) {
    for (const unsigned workers : {1U, 4U}) {
        auto rt = runtime::builder().worker_threads(workers).build().value();
        std::atomic<std::size_t> bytes = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < 2; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 50; ++i) {
                    bytes += rt.block_on(byte_through_a_socket());
                    rt.block_on(edo::sleep(10us));
                }
            });
        }
        for (auto& each : threads)
            each.join();

        EXPECT_EQ(bytes, 2U * 50U);
    }
}

TEST_P(runtime_behaviour, a_hundred_tasks_that_yield_starve_no_socket) {
    const auto made = make();
    auto& rt = *made;
    std::atomic<bool> stop = false;
    std::vector<join_handle<void>> spinners;
    for (int i = 0; i < 100; ++i)
        spinners.push_back(rt.spawn(yield_until, std::ref(stop)));

    const std::size_t bytes = rt.block_on([&]() -> task<std::size_t> {
        std::size_t all = 0;
        for (int i = 0; i < 10; ++i)
            all += co_await byte_through_a_socket();
        stop = true;
        for (auto& each : spinners)
            co_await std::move(each).join();
        co_return all;
    });

    EXPECT_EQ(bytes, 10U);
}

/// How often `turn` had to be awaited until a byte that is there has been read.
template <class Turn>
task<int> turns_until_a_byte_is_read(Turn turn) {
    local_pair pair;
    auto reading = spawn(read_byte, std::cref(pair.handle));
    co_await turn();  // it finds nothing, and waits
    co_await turn();  // and the kernel knows of it
    pair.send_byte();
    int turns = 0;
    while (!reading.is_finished())
        turns += co_await turn();
    co_return turns;
}

task<int> yield_once() {
    co_await yield_now();
    co_return 1;
}

task<int> use_up_the_budget() {
    for (unsigned i = 0; i < edo::detail::tuning::poll_budget; ++i)
        co_await consume_budget();
    co_return 1;
}

TEST(runtime_behaviour_in_virtual_time, yielding_task_goes_on_after_the_reactor_was_asked) {
    paused_runtime rt;

    EXPECT_LE(rt.block_on(turns_until_a_byte_is_read(yield_once)), 2);
}

TEST(runtime_behaviour_in_virtual_time, forced_yield_asks_the_reactor_too) {
    paused_runtime rt;

    EXPECT_LE(rt.block_on(turns_until_a_byte_is_read(use_up_the_budget)), 3);
}

task<int> receive_all(sync::mpsc::receiver<int> from) {
    int count = 0;
    while (auto next = co_await from.recv())
        ++count;
    co_return count;
}

sync::mpsc::receiver<int> a_thousand_messages() {
    auto [to, from] = sync::mpsc::unbounded_channel<int>();
    for (int i = 0; i < 1'000; ++i)
        EXPECT_TRUE(to.send(i));
    return std::move(from);
}

TEST_P(runtime_behaviour, a_thousand_receives_that_are_ready_yield_now_and_then) {
    const auto made = make();

    EXPECT_EQ(made->block_on(receive_all(a_thousand_messages())), 1'000);

    EXPECT_GE(made->metrics().total().forced_yields, 1'000 / edo::detail::tuning::poll_budget);
}

TEST_P(runtime_behaviour, a_thousand_receives_without_a_budget_never_yield) {
    const auto made = make();

    EXPECT_EQ(made->block_on(unconstrained(receive_all(a_thousand_messages()))), 1'000);

    EXPECT_EQ(made->metrics().total().forced_yields, 0U);
}

TEST(runtime_behaviour_of_current_thread, same_seed_makes_the_same_choices_in_each_block_on) {
    const auto choices = [](std::uint64_t seed) {
        auto rt = current_thread_runtime::builder().seed(seed).build_current_thread().value();
        std::vector<std::size_t> chosen;
        for (int entered = 0; entered < 2; ++entered) {
            rt.block_on([&]() -> task<> {
                for (int i = 0; i < 32; ++i) {
                    const auto first = co_await select(edo::sleep(0s), edo::sleep(0s));
                    chosen.push_back(first.index());
                }
            });
        }
        return chosen;
    };

    EXPECT_EQ(choices(3), choices(3));
    EXPECT_NE(choices(3), choices(4));
}

// ---- tasks that fail

std::atomic<int> failures_reported = 0;

class counted_failures {
public:
    counted_failures() : before_(set_unobserved_failure_hook(&count)) { failures_reported = 0; }

    counted_failures(const counted_failures&) = delete;

    ~counted_failures() { set_unobserved_failure_hook(before_); }

private:
    static void count(const unobserved_failure&) noexcept { ++failures_reported; }

    unobserved_failure_hook before_;
};

template <class Held>
task<> throw_with(Held, bool yields_first) {
    if (yields_first) co_await yield_now();
    throw std::runtime_error("as it should");
}

TEST_P(runtime_behaviour, task_that_throws_is_destroyed_and_reported_once_and_the_runtime_goes_on) {
    const counted_failures hooked;
    std::atomic<int> destroyed = 0;
    const auto count = [&] { ++destroyed; };
    const auto made = make();
    auto& rt = *made;

    rt.spawn([&] { return throw_with(at_end(count), false); }).detach();
    rt.spawn([&] { return throw_with(at_end(count), true); }).detach();
    {
        const auto dropped_afterwards = rt.spawn([&] { return throw_with(at_end(count), true); });
        rt.block_on([&]() -> task<> {
            while (!dropped_afterwards.is_finished() || failures_reported != 2)
                co_await yield_now();
        });
    }

    EXPECT_EQ(destroyed, 3);
    EXPECT_EQ(failures_reported, 3);
    rt.block_on(nothing());
}

TEST_P(runtime_behaviour, destructor_that_wakes_while_its_task_throws_is_heard) {
    const auto made = make();
    auto& rt = *made;
    auto [tx, rx] = sync::oneshot::channel<int>();
    auto failing = rt.spawn([&] {
        auto send = [to = std::make_shared<sync::oneshot::sender<int>>(std::move(tx))] {
            EXPECT_TRUE(to->send(7));
        };
        return throw_with(at_end(std::move(send)), true);
    });

    const auto got = rt.block_on(rx.recv());

    EXPECT_EQ(got.value(), 7);
    EXPECT_NE(rt.block_on(std::move(failing).try_join()).exception(), nullptr);
}

// ---- the end of a runtime

TEST_P(runtime_behaviour, sockets_may_become_ready_while_the_runtime_ends) {
    for (int round = 0; round < 20; ++round) {
        std::vector<local_pair> pairs(20);
        std::latch together(2);
        std::thread sends;
        {
            const auto made = make();
            for (local_pair& each : pairs)
                made->spawn(read_byte, std::cref(each.handle)).detach();
            made->block_on(yield_now());
            sends = std::thread([&] {
                together.arrive_and_wait();
                for (local_pair& each : pairs)
                    each.send_byte();
            });
            together.arrive_and_wait();
            EXPECT_TRUE(made->shutdown().is_clean());
        }
        sends.join();
    }
}

template <class Held>
task<> receive_with(sync::oneshot::receiver<int> from, Held) {
    const auto got = co_await from.recv();
    EXPECT_EQ(got.value_or(1), 1);
}

TEST_P(runtime_behaviour, tasks_that_are_woken_while_the_runtime_ends_are_destroyed_once) {
    constexpr int tasks = EDO_SANITIZED ? 2'000 : 10'000;
    std::atomic<int> destroyed = 0;
    auto count = [&] { ++destroyed; };
    std::vector<sync::oneshot::sender<int>> senders;
    auto made = make();
    for (int i = 0; i < tasks; ++i) {
        auto [tx, rx] = sync::oneshot::channel<int>();
        senders.push_back(std::move(tx));
        made->spawn(receive_with<at_end<decltype(count)>>, std::move(rx), at_end(count)).detach();
    }
    made->block_on(yield_now());
    std::latch together(2);
    std::thread wakes([&] {
        together.arrive_and_wait();
        for (auto& each : senders)
            static_cast<void>(each.send(1));
    });

    together.arrive_and_wait();
    made.reset();

    EXPECT_EQ(destroyed, tasks);
    wakes.join();
}

/// Wakes when its thread ends.
struct late_waker {
    ~late_waker() { std::move(held).wake(); }

    waker held;
};

late_waker& waker_of_this_thread() {
    thread_local late_waker late;
    return late;
}

TEST_P(runtime_behaviour, wake_by_a_thread_that_is_ending_is_heard) {
    event e;  // outlives the runtime, whose worker drops the task that waits
    const auto made = make();
    auto& rt = *made;
    auto waiting = rt.spawn(wait_for, std::ref(e));
    rt.block_on([&]() -> task<> {
        while (!e.has_waiter())
            co_await yield_now();
    });

    std::thread([&] { waker_of_this_thread().held = e.stolen_waker(); }).join();
    rt.block_on([&]() -> task<> {
        while (e.polls() != 2)
            co_await yield_now();
    });

    EXPECT_FALSE(waiting.is_finished()) << "woken without a reason";
}

TEST_P(runtime_behaviour, wake_by_a_thread_whose_runtime_has_ended_is_harmless) {
    std::thread([] {
        late_waker& late = waker_of_this_thread();
        event e;
        const auto made = make();
        auto waiting = made->spawn(wait_for, std::ref(e));
        made->block_on([&]() -> task<> {
            while (!e.has_waiter())
                co_await yield_now();
            late.held = e.stolen_waker();
        });
    }).join();
    SUCCEED();  // and the fixture finds nothing left
}

}  // namespace
}  // namespace edo::testing
