// Workers among each other, and tasks that block theirs, announced or not.

#include "conformance/at_end.h"
#include "runtime/flavors.h"
#include "support/event.h"
#include <atomic>
#include <functional>
#include <latch>
#include <stdexcept>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sanitizer.h>
#include <edo/base/seam/tuning.h>
#include <edo/runtime/block_in_place.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/runtime/testing.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/mutex.h>
#include <edo/task/budget.h>
#include <edo/task/spawn.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>
#include <edo/timer/timeout.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using edo::detail::tuning::poll_budget;

EDO_SUITE_FOR_ALL_RUNTIMES(block_in_place_behaviour);
EDO_SUITE_FOR_ALL_RUNTIMES(runtimes_in_turn);

// ---- many tasks

task<> hop(sync::mpsc::receiver<int> in, sync::mpsc::sender<int> out) {
    while (auto n = co_await in.recv()) {
        const auto sent = co_await out.send(*n + 1);
        EXPECT_TRUE(sent);
    }
}

/// Sends a number around `cycles` times through a chain of tasks, each of which adds one to it.
task<int> around_a_chain(int hops, int cycles) {
    auto [first, next] = sync::mpsc::channel<int>(1);
    auto in = std::move(next);
    for (int i = 0; i < hops; ++i) {
        auto [to, from] = sync::mpsc::channel<int>(1);
        spawn(hop, std::move(in), std::move(to)).detach();
        in = std::move(from);
    }
    int n = 0;
    for (int i = 0; i < cycles; ++i) {
        const auto sent = co_await first.send(n);
        EXPECT_TRUE(sent);
        const auto got = co_await in.recv();
        n = *got;
    }
    co_return n;
}

TEST(worker_behaviour, fifty_chains_of_fifty_tasks_pass_their_messages_on) {
    constexpr int chains = 50, hops = 50, cycles = 5;
    auto rt = on_four_workers::make();
    std::vector<join_handle<int>> running;
    for (int i = 0; i < chains; ++i)
        running.push_back(rt.spawn(around_a_chain, hops, cycles));

    for (auto& each : running)
        EXPECT_EQ(rt.block_on(std::move(each).join()), hops * cycles);
}

TEST_P(runtimes_in_turn, a_thousand_come_and_go_and_each_drops_its_task_once) {
    event never;
    for (int round = 0; round < (EDO_SANITIZED ? 100 : 1'000); ++round) {
        std::atomic<int> destroyed = 0;
        {
            const auto made = make();
            auto count = [&] { ++destroyed; };
            made->spawn([&never](at_end<decltype(count)>) -> task<> { co_await never.wait(); },
                        at_end(count))
                .detach();
        }
        EXPECT_EQ(destroyed, 1);
    }
}

// ---- blocking in place

TEST_P(block_in_place_behaviour, budget_counts_again_after_the_call) {
    const auto made = make();

    made->block_on([]() -> task<> {
        block_in_place([] {});
        for (unsigned i = 0; i < 8 * poll_budget; ++i)
            co_await consume_budget();
    });

    EXPECT_GE(made->metrics().total().forced_yields, 7U);
}

TEST_P(block_in_place_behaviour, task_may_yield_after_the_call_has_blocked_on_another_runtime) {
    const auto made = make();
    int ran = 0;

    made->block_on([&]() -> task<> {
        auto other = spawn([&]() -> task<> {
            ++ran;
            co_return;
        });
        block_in_place([] {
            current_thread_runtime inner;
            inner.block_on(yield_now());
        });
        co_await yield_now();
        co_await std::move(other).join();
    });

    EXPECT_EQ(ran, 1);
}

TEST(worker_behaviour, task_that_has_yielded_goes_on_while_another_blocks_in_place) {
    for (const unsigned workers : {1U, 4U}) {
        auto rt = runtime::builder().worker_threads(workers).build().value();
        std::latch gone_on(1);

        rt.block_on([&]() -> task<> {
            auto yields = spawn([&]() -> task<> {
                co_await yield_now();
                gone_on.count_down();
            });
            co_await yield_now();  // the other one has now yielded, if this worker has it
            block_in_place([&] { gone_on.wait(); });
            co_await std::move(yields).join();
        });
    }
    SUCCEED();
}

task<int> count_locks(std::reference_wrapper<sync::mutex<int>> m, unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
        auto guard = co_await m.get().lock();
        ++*guard;
    }
    auto guard = co_await m.get().lock();
    co_return *guard;
}

TEST_P(block_in_place_behaviour, more_locks_than_the_budget_allows_can_be_taken_in_the_call) {
    const auto made = make();
    auto& rt = *made;
    sync::mutex<int> counter(0);
    constexpr unsigned times = poll_budget + 1;

    const int counted = rt.block_on([&]() -> task<int> {
        co_return block_in_place(
            [&] { return rt.block_on(count_locks(std::ref(counter), times)); });
    });

    EXPECT_EQ(counted, static_cast<int>(times));
}

TEST_P(block_in_place_behaviour, call_may_make_a_current_thread_runtime_and_receive_in_it) {
    const auto made = make();

    const int received = made->block_on([]() -> task<int> {
        co_return block_in_place([] {
            auto [to, from] = sync::mpsc::unbounded_channel<int>();
            for (int i = 0; i < 200; ++i)
                EXPECT_TRUE(to.send(i));
            current_thread_runtime inner;
            return inner.block_on([&]() -> task<int> {
                int count = 0;
                while (from.size() != 0) {
                    auto got = co_await from.recv();
                    count += got.has_value() ? 1 : 0;
                }
                co_return count;
            });
        });
    });

    EXPECT_EQ(received, 200);
}

TEST_P(block_in_place_behaviour, calls_nest_with_block_on_between_a_hundred_times) {
    const auto made = make();
    auto& rt = *made;
    std::atomic<int> innermost = 0;

    for (int round = 0; round < 100; ++round) {
        const auto blocks_twice = [&]() -> task<> {
            block_in_place([&] {
                rt.block_on([&]() -> task<> {
                    block_in_place([&] { ++innermost; });
                    co_return;
                });
            });
            co_return;
        };
        auto first = rt.spawn(blocks_twice);
        auto second = rt.spawn(blocks_twice);
        rt.block_on(std::move(first).join());
        rt.block_on(std::move(second).join());
    }

    EXPECT_EQ(innermost, 200);
}

// The one holds what the other waits for, and lets go of it when it is dropped.
TEST(worker_behaviour, task_that_is_dropped_at_shutdown_frees_one_that_blocks_its_worker) {
    for (const unsigned workers : {1U, 4U}) {
        for (const bool is_announced : {true, false}) {
            std::latch blocking(1), freed(1);
            event held;
            auto rt = runtime::builder().worker_threads(workers).build().value();
            auto free = [&] { freed.count_down(); };
            rt.spawn([&held](at_end<decltype(free)>) -> task<> { co_await held.wait(); },
                     at_end(free))
                .detach();
            rt.spawn([&]() -> task<> {
                  while (!held.has_waiter())
                      co_await yield_now();
                  const auto block = [&] {
                      blocking.count_down();
                      freed.wait();
                  };
                  if (is_announced) {
                      block_in_place(block);
                  } else {
                      block();
                  }
              }).detach();
            blocking.wait();

            EXPECT_TRUE(rt.shutdown().is_clean());
        }
    }
}

// ---- the blocking pool

task<> call_that_throws() {
    co_await spawn_blocking([] { throw std::runtime_error("no disk"); });
}

TEST(blocking_behaviour, call_that_throws_wakes_its_task_in_virtual_time) {
    paused_runtime rt;

    const bool has_thrown = rt.block_on([]() -> task<bool> {
        auto calling = spawn(call_that_throws);
        auto outcome = co_await timeout(1h, std::move(calling).try_join());
        co_return outcome.has_value() && outcome->exception() != nullptr;
    });

    EXPECT_TRUE(has_thrown);
    EXPECT_EQ(rt.elapsed(), 0s);
}

}  // namespace
}  // namespace edo::testing
