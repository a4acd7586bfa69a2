#include <edo/runtime/block_in_place.h>

#include "runtime/flavors.h"
#include <atomic>
#include <latch>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sys.h>
#include <edo/runtime/runtime.h>
#include <edo/sync/mutex.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;

EDO_TEST_ON_ALL_RUNTIMES(block_in_place_on_any_runtime);

TYPED_TEST(block_in_place_on_any_runtime, returns_what_the_call_returns) {
    auto rt = TypeParam::make();
    int here = 1;

    const int got = rt.block_on(
        [&]() -> edo::task<int> { co_return edo::block_in_place([&] { return ++here; }); });

    EXPECT_EQ(got, 2);
    EXPECT_EQ(here, 2);
}

TYPED_TEST(block_in_place_on_any_runtime, rethrows_and_returns_references_and_nothing) {
    auto rt = TypeParam::make();
    int here = 1;

    rt.block_on([&]() -> edo::task<> {
        EXPECT_THROW(edo::block_in_place([] { throw std::runtime_error("no"); }),
                     std::runtime_error);
        int& same = edo::block_in_place([&]() -> int& { return here; });
        EXPECT_EQ(&same, &here);
        edo::block_in_place([] {});
        co_return;
    });
}

TYPED_TEST(block_in_place_on_any_runtime, budget_counts_again_afterwards) {
    auto rt = TypeParam::make();
    edo::sync::mutex<int> locked(0);

    rt.block_on([&]() -> edo::task<> {
        edo::block_in_place([] {});
        for (int i = 0; i < 300; ++i) {
            auto guard = co_await locked.lock();
            ++*guard;
        }
        auto guard = co_await locked.lock();
        EXPECT_EQ(*guard, 300);
    });
}

TEST(block_in_place, outside_of_a_runtime_it_simply_calls) {
    EXPECT_EQ(edo::block_in_place([] { return 3; }), 3);
}

TEST(block_in_place, tasks_of_the_only_worker_go_on_meanwhile) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    std::latch other_ran(1);

    rt.block_on([&]() -> edo::task<> {
        auto other = edo::spawn([&]() -> edo::task<> {
            co_await edo::yield_now();
            other_ran.count_down();
        });
        edo::block_in_place([&] { other_ran.wait(); });
        co_await std::move(other).join();
    });
    SUCCEED();
}

TEST(block_in_place, timers_of_the_blocked_worker_fire_meanwhile) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    std::latch slept(1);

    rt.block_on([&]() -> edo::task<> {
        auto sleeper = edo::spawn([&]() -> edo::task<> {
            co_await edo::sleep(1ms);
            slept.count_down();
        });
        co_await edo::yield_now();  // the deadline is on this worker's wheel now
        edo::block_in_place([&] { slept.wait(); });
        co_await std::move(sleeper).join();
    });
    SUCCEED();
}

void block_four_and_run_a_thousand(edo::runtime& rt) {
    std::latch all_ran(1'000);
    std::latch blocked(4);

    rt.block_on([&]() -> edo::task<> {
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 4; ++i) {
            all.push_back(edo::spawn([&]() -> edo::task<> {
                edo::block_in_place([&] {
                    blocked.count_down();
                    all_ran.wait();
                });
                co_return;
            }));
        }
        edo::block_in_place([&] { blocked.wait(); });
        for (int i = 0; i < 1'000; ++i) {
            all.push_back(edo::spawn([&]() -> edo::task<> {
                all_ran.count_down();
                co_return;
            }));
        }
        for (auto& h : all)
            co_await std::move(h).join();
    });
}

// With workers only: a current-thread runtime has nobody who would go on.
TEST(block_in_place, four_at_once_do_not_stop_a_thousand_tasks) {
    for (const unsigned workers : {1U, 2U, 4U}) {
        auto rt = edo::runtime::builder().worker_threads(workers).build().value();
        block_four_and_run_a_thousand(rt);
    }
    SUCCEED();
}

TEST(block_in_place, closure_may_block_on_the_runtime) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();

    const int got = rt.block_on([&]() -> edo::task<int> {
        co_return edo::block_in_place([&] {
            return rt.block_on([]() -> edo::task<int> {
                co_await edo::yield_now();
                co_return edo::block_in_place([] { return 4; });
            });
        });
    });

    EXPECT_EQ(got, 4);
}

TEST(block_in_place, works_a_thousand_times_in_a_row_on_every_worker) {
    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    std::atomic<int> calls = 0;

    rt.block_on([&]() -> edo::task<> {
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 4; ++i) {
            all.push_back(edo::spawn([&]() -> edo::task<> {
                for (int n = 0; n < 250; ++n) {
                    edo::block_in_place([&] { ++calls; });
                    co_await edo::yield_now();
                }
            }));
        }
        for (auto& h : all)
            co_await std::move(h).join();
    });

    EXPECT_EQ(calls, 1'000);
}

int refuse_thread(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) noexcept {
    return -EAGAIN;
}

TEST(block_in_place, without_a_thread_to_be_had_the_call_is_made_all_the_same) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    edo::detail::sys::current.pthread_create = &refuse_thread;

    const int got =
        rt.block_on([]() -> edo::task<int> { co_return edo::block_in_place([] { return 9; }); });
    edo::detail::sys::current.pthread_create = &edo::detail::sys::kernel::pthread_create;

    EXPECT_EQ(got, 9);
}

}  // namespace
