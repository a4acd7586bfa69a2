// Programming errors end the process at once, with a line that says what, where and how to mend it.

#include "runtime/flavors.h"
#include "support/manual_executor.h"
#include <cstdlib>
#include <latch>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include <edo/runtime/block_in_place.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;

EDO_TEST_ON_ALL_RUNTIMES(misuse_of_any_runtime);

edo::task<> nothing() {
    co_return;
}

TYPED_TEST(misuse_of_any_runtime, block_on_inside_a_task_aborts_with_both_sites_and_the_cure) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = TypeParam::make();
            rt.block_on([&]() -> edo::task<> {
                rt.block_on(nothing());
                co_return;
            });
        },
        "block_on of runtime 'edo' \\(built at .*\\) was called inside the task spawned at "
        ".*misuse_test.cpp.*co_await.*misuse_test.cpp");
}

TYPED_TEST(misuse_of_any_runtime, runtime_that_ends_inside_a_task_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = TypeParam::make();
            rt.block_on([]() -> edo::task<> {
                auto inner = TypeParam::make();
                co_return;
            });
        },
        "the destructor of runtime 'edo'.*was called inside the task spawned at");
}

TEST(misuse, runtime_that_ends_in_its_own_blocking_call_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = edo::runtime::builder().worker_threads(1).build().value();
            rt.block_on(edo::spawn_blocking([&] { static_cast<void>(rt.shutdown()); }));
        },
        "shutdown.*was called in a blocking call of this runtime");
}

TYPED_TEST(misuse_of_any_runtime, shutdown_in_a_call_that_is_made_in_place_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = TypeParam::make();
            rt.block_on([&]() -> edo::task<> {
                edo::block_in_place([&] { static_cast<void>(rt.shutdown()); });
                co_return;
            });
        },
        "shutdown.*was called in a blocking call of this runtime");
}

void shut_down_in_place_while_the_pool_is_busy() {
    auto rt = edo::runtime::builder().worker_threads(2).max_blocking_threads(1).build().value();
    std::latch busy(1);
    std::latch never(1);
    auto occupies = rt.spawn([&]() -> edo::task<> {
        co_await edo::spawn_blocking([&] {
            busy.count_down();
            never.wait();
        });
    });
    busy.wait();
    rt.block_on([&]() -> edo::task<> {
        edo::block_in_place([&] { static_cast<void>(rt.shutdown()); });
        co_return;
    });
}

TEST(misuse, shutdown_in_a_call_in_place_for_which_there_was_no_thread_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(shut_down_in_place_while_the_pool_is_busy(),
                 "shutdown.*was called in a blocking call of this runtime");
}

void destroy_group_above_its_child() {
    edo::current_thread_runtime rt;
    rt.block_on([&]() -> edo::task<> {
        auto owner = edo::spawn([&]() -> edo::task<> {
            edo::task_group group;
            group.spawn([&]() -> edo::task<> {
                edo::block_in_place([&] { rt.block_on(edo::sleep(1h)); });
                co_return;
            });
            co_await edo::yield_now();
        });
        co_await std::move(owner).join();
    });
}

TEST(misuse, group_that_ends_above_the_poll_of_its_child_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(destroy_group_above_its_child(), "further down on the same stack");
}

TEST(misuse, current_thread_runtime_on_another_thread_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            edo::current_thread_runtime rt;
            std::thread([&] { rt.block_on(nothing()); }).join();
        },
        "block_on of runtime 'edo'.*another thread than the one that built it");
}

/// Makes a call in a process that is forked from this one, and ends as that does.
template <class Call>
[[noreturn]] void end_by_a_child_that(Call call) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(60);  // a call that waits for ever is to fail and not to hang
        call();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) std::abort();
    ::_exit(0);
}

constexpr const char* forked_message =
    "runtime 'edo' \\(built at .*\\) was used in a process that was forked from the one that built "
    "it.*Build another runtime in the child";

TYPED_TEST(misuse_of_any_runtime, block_on_in_a_child_of_fork_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = TypeParam::make();
            rt.block_on(nothing());
            end_by_a_child_that([&] { rt.block_on(nothing()); });
        },
        forked_message);
}

TYPED_TEST(misuse_of_any_runtime, spawn_in_a_child_of_fork_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = TypeParam::make();
            end_by_a_child_that([&] { rt.spawn(nothing).detach(); });
        },
        forked_message);
}

TYPED_TEST(misuse_of_any_runtime, blocking_pool_in_a_child_of_fork_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = TypeParam::make();
            end_by_a_child_that([&] { static_cast<void>(rt.blocking_pool("disk")); });
        },
        forked_message);
}

TEST(misuse, poll_for_in_a_child_of_fork_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            edo::current_thread_runtime rt;
            end_by_a_child_that([&] { static_cast<void>(rt.poll_for(0s)); });
        },
        forked_message);
}

// The parent has no other thread here: one could hold a lock at that moment, for ever in the child.
TEST(misuse, child_of_fork_that_builds_a_runtime_of_its_own_is_none) {
    edo::current_thread_runtime rt;
    rt.block_on(nothing());
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(60);
        auto own = edo::runtime::builder().worker_threads(1).build().value();
        own.block_on(own.spawn(nothing).join());
        ::_exit(7);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);

    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
    rt.block_on(nothing());
}

TEST(misuse, spawn_outside_of_a_runtime_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(edo::spawn(nothing).detach(), "runs no task of a runtime.*runtime::spawn");
}

TEST(misuse, moved_from_runtime_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = edo::runtime::builder().worker_threads(1).build().value();
            auto moved = std::move(rt);
            rt.block_on(nothing());
        },
        "a runtime was used that was moved away");
}

TEST(misuse, try_spawn_blocking_outside_of_a_task_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(static_cast<void>(edo::try_spawn_blocking([] {})), "call it from a task");
}

TEST(misuse, blocking_call_on_an_executor_without_a_pool_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            edo::testing::manual_executor ex;
            auto h = ex.spawn([]() -> edo::task<> { co_await edo::spawn_blocking([] {}); });
            ex.run_until_idle();
        },
        "needs an Edo runtime");
}

}  // namespace
