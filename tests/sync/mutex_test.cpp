#include <edo/sync/mutex.h>

#include "sync/waiting.h"
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>

using edo::sync::mutex;
using edo::testing::waiting;

TEST(mutex, guards_a_value_across_an_await) {
    mutex<std::map<std::string, int>> state;
    mutex<int> other(0);
    edo::testing::manual_executor ex;
    auto held = other.try_lock();
    auto task = ex.spawn([&]() -> edo::task<> {
        auto guard = co_await state.lock();
        (*guard)["k"]++;
        auto second = co_await other.lock();
        (*guard)["k"]++;
    });

    ex.run_until_idle();
    EXPECT_FALSE(state.try_lock().has_value());
    held.reset();
    ex.run_until_idle();

    EXPECT_EQ((**state.try_lock())["k"], 2);
}

TEST(mutex, serves_in_the_order_of_the_calls) {
    mutex<int> value(1);
    auto held = value.try_lock();
    waiting first(value.lock());
    waiting second(value.lock());

    held.reset();

    EXPECT_FALSE(second.poll());
    EXPECT_TRUE(first.poll());
    EXPECT_FALSE(second.poll());
    first.took.reset();
    EXPECT_TRUE(second.poll());
}

TEST(mutex, try_lock_does_not_overtake_a_granted_waiter) {
    mutex<int> value(1);
    auto held = value.try_lock();
    waiting first(value.lock());

    held.reset();

    EXPECT_FALSE(value.try_lock().has_value());
    EXPECT_TRUE(first.poll());
}

TEST(mutex, lock_dropped_after_its_grant_goes_to_the_next) {
    mutex<int> value(1);
    auto held = value.try_lock();
    waiting first(value.lock());
    waiting second(value.lock());
    held.reset();
    ASSERT_TRUE(first.is_woken());

    first.drop();

    EXPECT_TRUE(second.poll());
}

TEST(mutex, owner_dropped_while_it_holds_the_lock_unlocks) {
    mutex<int> value(1);
    mutex<int> never(0);
    auto block = never.try_lock();
    edo::testing::manual_executor ex;
    auto owner = ex.spawn([&]() -> edo::task<> {
        auto guard = co_await value.lock();
        auto blocked = co_await never.lock();
    });
    ex.run_until_idle();
    waiting next(value.lock());

    owner = {};
    ex.run_until_idle();

    EXPECT_TRUE(next.poll());
}

TEST(mutex, exception_under_the_lock_unlocks_and_poisons_nothing) {
    mutex<int> value(1);
    edo::testing::manual_executor ex;
    auto task = ex.spawn([&]() -> edo::task<> {
        auto guard = co_await value.lock();
        *guard = 7;
        throw std::runtime_error("under the lock");
    });

    ex.run_until_idle();
    const auto outcome = [&]() -> edo::task<bool> {
        auto joined = co_await std::move(task).try_join();
        co_return joined.exception() != nullptr;
    };
    auto joined = ex.spawn(outcome);
    ex.run_until_idle();

    auto guard = value.try_lock();
    ASSERT_TRUE(guard.has_value());
    EXPECT_EQ(**guard, 7);
}

TEST(mutex, guard_may_be_destroyed_on_another_thread) {
    mutex<int> value(1);
    auto guard = std::make_unique<edo::sync::mutex_guard<int>>(*value.try_lock());
    waiting next(value.lock());

    std::thread([&] { guard.reset(); }).join();

    EXPECT_TRUE(next.poll());
}

TEST(mutex, holds_what_can_neither_move_nor_be_copied) {
    struct fixed {
        fixed(int a, int b) : sum(a + b) {}

        fixed(const fixed&) = delete;
        int sum;
    };

    mutex<fixed> value(1, 2);

    EXPECT_EQ((*value.try_lock())->sum, 3);
}

TEST(mutex_death_test, use_of_a_guard_after_unlock_is_loud) {
    mutex<int> value(1);
    auto guard = std::move(*value.try_lock());
    guard.unlock();

    EXPECT_DEATH(*guard = 2, "guard was used after unlock");
}
