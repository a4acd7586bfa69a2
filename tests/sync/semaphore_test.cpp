#include <edo/sync/semaphore.h>

#include "sync/waiting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using edo::errc;
using edo::sync::semaphore;
using edo::testing::waiting;

TEST(semaphore, gives_permits_at_once_while_there_are_enough) {
    semaphore limit(3);

    waiting wait(limit.acquire(2));

    EXPECT_TRUE(wait.is_done());
    EXPECT_EQ(limit.available_permits(), 1u);
}

TEST(semaphore, permit_gives_back_what_it_holds_exactly_once) {
    semaphore limit(2);
    {
        auto first = *limit.try_acquire(2);
        auto moved = std::move(first);
        EXPECT_EQ(moved.count(), 2u);
        moved.release();
        EXPECT_EQ(limit.available_permits(), 2u);
    }

    EXPECT_EQ(limit.available_permits(), 2u);
}

TEST(semaphore, assigned_permit_gives_back_the_old_ones) {
    semaphore limit(3);
    auto kept = *limit.try_acquire(1);

    kept = *limit.try_acquire(2);

    EXPECT_EQ(limit.available_permits(), 1u);
}

TEST(semaphore, forgotten_permit_stays_out) {
    semaphore limit(2);

    limit.try_acquire()->forget();

    EXPECT_EQ(limit.available_permits(), 1u);
}

TEST(semaphore, small_request_does_not_overtake_a_large_one) {
    semaphore limit(2);
    auto held = *limit.try_acquire(1);
    waiting large(limit.acquire(2));
    waiting small(limit.acquire(1));

    EXPECT_FALSE(small.poll());
    EXPECT_EQ(limit.try_acquire().error(), errc::would_block);
    held.release();

    EXPECT_TRUE(large.poll());
    EXPECT_FALSE(small.poll());
}

TEST(semaphore, dropped_large_request_lets_smaller_ones_pass) {
    semaphore limit(3);
    auto held = *limit.try_acquire(1);
    waiting large(limit.acquire(3));
    waiting small(limit.acquire(1));
    waiting second(limit.acquire(1));

    large.drop();

    EXPECT_TRUE(small.poll());
    EXPECT_TRUE(second.poll());
    EXPECT_EQ(limit.available_permits(), 0u);
}

TEST(semaphore, request_dropped_after_its_grant_hands_the_permits_on) {
    semaphore limit(2);
    auto held = *limit.try_acquire(2);
    waiting granted(limit.acquire(2));
    waiting next(limit.acquire(1));

    held.release();
    ASSERT_TRUE(granted.is_woken());
    granted.drop();

    EXPECT_TRUE(next.poll());
    EXPECT_EQ(limit.available_permits(), 1u);
}

TEST(semaphore, operation_polled_ready_but_never_taken_gives_the_permits_back) {
    semaphore limit(1);
    edo::testing::manual_executor ex;
    auto task = ex.spawn([&]() -> edo::task<> {
        auto acquire = limit.acquire();
        auto& line = *edo::detail::current_execution()->line;
        EXPECT_TRUE(acquire.poll(line));
        EXPECT_EQ(limit.available_permits(), 0u);
        co_return;
    });

    ex.run_until_idle();

    EXPECT_EQ(limit.available_permits(), 1u);
}

TEST(semaphore, added_permits_serve_as_many_as_they_suffice_for) {
    semaphore limit(0);
    waiting a(limit.acquire(1));
    waiting b(limit.acquire(2));
    waiting c(limit.acquire(2));

    limit.add_permits(4);

    EXPECT_TRUE(a.poll());
    EXPECT_TRUE(b.poll());
    EXPECT_FALSE(c.poll());
    EXPECT_EQ(limit.available_permits(), 1u);
}

TEST(semaphore, close_ends_every_wait_with_an_error) {
    semaphore limit(0);
    waiting a(limit.acquire(1));
    waiting b(limit.acquire(5));

    limit.close();

    EXPECT_TRUE(a.poll());
    EXPECT_TRUE(b.poll());
    EXPECT_EQ(a.took->error(), errc::closed);
    EXPECT_EQ(b.took->error(), errc::closed);
}

TEST(semaphore, stays_closed_when_permits_are_added) {
    semaphore limit(0);
    limit.close();

    limit.add_permits(1);
    waiting wait(limit.acquire());

    EXPECT_EQ(limit.try_acquire().error(), errc::closed);
    EXPECT_EQ(wait.took->error(), errc::closed);
}

TEST(semaphore, grant_that_came_before_the_close_holds) {
    semaphore limit(0);
    waiting wait(limit.acquire());
    limit.add_permits(1);

    limit.close();

    EXPECT_TRUE(wait.poll());
    EXPECT_TRUE(wait.took->has_value());
}

TEST(semaphore, forget_permits_takes_only_free_ones) {
    semaphore limit(3);
    auto held = *limit.try_acquire(1);

    EXPECT_EQ(limit.forget_permits(5), 2u);
    held.release();

    EXPECT_EQ(limit.available_permits(), 1u);
}

TEST(semaphore, spurious_poll_keeps_the_place_in_line) {
    semaphore limit(0);
    edo::waker poke;
    edo::testing::manual_executor ex;
    bool first_done = false;
    auto first = ex.spawn([&]() -> edo::task<> {
        poke = edo::detail::current_execution()->line->waker();
        auto permit = co_await limit.acquire();
        first_done = permit.has_value();
        permit->forget();
    });
    ex.run_until_idle();
    waiting second(limit.acquire());

    poke.wake();
    ex.run_until_idle();
    limit.add_permits(1);
    ex.run_until_idle();

    EXPECT_TRUE(first_done);
    EXPECT_FALSE(second.poll());
}

TEST(semaphore_death_test, one_permit_too_many_is_loud) {
    semaphore limit(semaphore::max_permits);

    EXPECT_DEATH(limit.add_permits(1), "more permits");
}

TEST(semaphore_death_test, destruction_while_a_task_waits_is_loud) {
    EXPECT_DEATH(
        {
            auto limit = std::make_unique<semaphore>(0);
            waiting wait(limit->acquire());
            limit.reset();
        },
        "semaphore was destroyed while tasks wait");
}
