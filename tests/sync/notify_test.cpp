#include <edo/sync/notify.h>

#include "sync/waiting.h"
#include <memory>

#include <gtest/gtest.h>

using edo::sync::notify;
using edo::testing::waiting;

TEST(notify, stores_one_permit_and_no_second) {
    notify bell;
    bell.notify_one();
    bell.notify_one();

    waiting first(bell.notified());
    waiting second(bell.notified());

    EXPECT_TRUE(first.is_done());
    EXPECT_FALSE(second.is_done());
}

TEST(notify, one_wakes_the_longest_waiting) {
    notify bell;
    waiting first(bell.notified());
    waiting second(bell.notified());

    bell.notify_one();

    EXPECT_FALSE(second.poll());
    EXPECT_TRUE(first.poll());
}

TEST(notify, one_passes_on_when_the_notified_wait_is_dropped) {
    notify bell;
    waiting first(bell.notified());
    waiting second(bell.notified());
    bell.notify_one();

    first.drop();

    EXPECT_TRUE(second.poll());
}

TEST(notify, one_is_stored_again_when_nobody_else_waits) {
    notify bell;
    waiting first(bell.notified());
    bell.notify_one();

    first.drop();
    waiting later(bell.notified());

    EXPECT_TRUE(later.is_done());
}

TEST(notify, waiters_wakes_all_and_stores_nothing) {
    notify bell;
    waiting first(bell.notified());
    waiting second(bell.notified());

    bell.notify_waiters();
    waiting later(bell.notified());

    EXPECT_TRUE(first.poll());
    EXPECT_TRUE(second.poll());
    EXPECT_FALSE(later.is_done());
}

TEST(notify, waiters_reaches_an_operation_that_was_made_but_not_polled) {
    notify bell;
    auto made = bell.notified();

    bell.notify_waiters();
    waiting wait(std::move(made));

    EXPECT_TRUE(wait.is_done());
}

TEST(notify, notification_of_all_is_not_passed_on) {
    notify bell;
    waiting first(bell.notified());
    bell.notify_waiters();

    first.drop();
    waiting later(bell.notified());

    EXPECT_FALSE(later.is_done());
}

TEST(notify, operation_dropped_before_its_first_poll_takes_nothing) {
    notify bell;
    bell.notify_one();
    {
        auto unused = bell.notified();
    }

    waiting wait(bell.notified());

    EXPECT_TRUE(wait.is_done());
}

TEST(notify, permit_polled_but_never_taken_is_stored_again) {
    notify bell;
    bell.notify_one();
    edo::testing::manual_executor ex;
    auto task = ex.spawn([&]() -> edo::task<> {
        auto notified = bell.notified();
        EXPECT_TRUE(notified.poll(*edo::detail::current_execution()->line));
        co_return;
    });
    ex.run_until_idle();

    waiting wait(bell.notified());

    EXPECT_TRUE(wait.is_done());
}

TEST(notify_death_test, destruction_while_a_task_waits_is_loud) {
    EXPECT_DEATH(
        {
            auto bell = std::make_unique<notify>();
            waiting wait(bell->notified());
            bell.reset();
        },
        "notify was destroyed while tasks wait");
}
