// Exceptions that make trouble themselves: that cannot be copied, and whose destructor fails.

#include <exception>

#include "runtime/flavors.h"
#include <atomic>
#include <stdexcept>
#include <utility>

#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/task/join.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>

namespace edo::testing {
namespace {

EDO_SUITE_FOR_ALL_RUNTIMES(hard_exception);

std::atomic<int> alive = 0;

/// Throws when it is copied, and so does its destructor, which catches that itself.
class uncopyable_failure : public std::exception {
public:
    uncopyable_failure() { ++alive; }

    uncopyable_failure(const uncopyable_failure&) { throw std::logic_error("it was copied"); }

    ~uncopyable_failure() override {
        --alive;
        try {
            throw std::logic_error("inside");
        } catch (const std::logic_error&) {
            has_caught_ = true;
        }
    }

    const char* what() const noexcept override { return "the one that was thrown"; }

private:
    bool has_caught_ = false;
};

task<int> fail_hard() {
    co_await yield_now();
    throw uncopyable_failure();
    co_return 0;
}

task<int> fail_in_a_child() {
    const int never = co_await fail_hard();
    co_return never;
}

task<int> fail_in_a_task() {
    const int never = co_await spawn(fail_in_a_child).join();
    co_return never;
}

task<int> fail_in_a_branch() {
    co_await join(yield_now(), fail_in_a_task());
    co_return 0;
}

task<int> fail_in_the_winner() {
    co_await select(fail_in_a_branch());
    co_return 0;
}

void call_that_fails() {
    throw uncopyable_failure();
}

task<int> fail_in_a_call() {
    co_await spawn_blocking(call_that_fails);
    co_return 0;
}

task<int> fail_in_a_group() {
    task_group group;
    group.spawn(fail_in_a_child);
    const auto ended = co_await group.join();
    co_return ended ? 0 : 1;
}

// Coroutine, task, branch, group and call hand the exception on as it is.
TEST_P(hard_exception, that_cannot_be_copied_travels_to_the_root_uncopied) {
    const auto made = make();

    for (const auto fails : {&fail_in_the_winner, &fail_in_a_group, &fail_in_a_call}) {
        try {
            made->block_on(fails());
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::exception& caught) {
            EXPECT_STREQ(caught.what(), "the one that was thrown");
        }
    }

    EXPECT_TRUE(made->shutdown().is_clean());
    EXPECT_EQ(alive, 0);
}

TEST_P(hard_exception, that_cannot_be_copied_is_kept_for_a_handle_that_asks) {
    const auto made = make();
    {
        const auto outcome = made->block_on(made->spawn(fail_in_a_child).try_join());

        ASSERT_NE(outcome.exception(), nullptr);
        EXPECT_THROW(std::rethrow_exception(outcome.exception()), uncopyable_failure);
        EXPECT_EQ(alive, 1);
    }
    EXPECT_EQ(alive, 0);
}

task<int> throw_a_copy() {
    const uncopyable_failure original;
    co_await yield_now();
    throw original;
    co_return 0;
}

// Then the language has no other exception to throw than that of the copy.
TEST_P(hard_exception, that_throws_when_it_is_copied_to_be_thrown_is_replaced) {
    const auto made = make();

    EXPECT_THROW(made->block_on(throw_a_copy()), std::logic_error);

    EXPECT_EQ(alive, 0);
}

class failure_that_cannot_end {
public:
    failure_that_cannot_end() noexcept {}

    failure_that_cannot_end(const failure_that_cannot_end&) = default;

    ~failure_that_cannot_end() noexcept(false) { throw std::logic_error("and no end to it"); }
};

task<int> fail_without_end() {
    co_await yield_now();
    throw failure_that_cannot_end();
    co_return 0;
}

// An exception is destroyed where nothing may throw: the language ends the program.
TEST(hard_exception_death_test, whose_destructor_throws_ends_the_process) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = on_one_worker::make();
            static_cast<void>(rt.block_on(rt.spawn(fail_without_end).try_join()));
        },
        "and no end to it");
}

}  // namespace
}  // namespace edo::testing
