// Who sleeps and who searches: what a worker learns when it goes to sleep, and who is woken.

#include <edo/runtime/scheduler/idle.h>

#include <gtest/gtest.h>

namespace {

using edo::detail::idle_workers;
using edo::detail::sleeper;

TEST(idle_workers, last_searcher_that_sleeps_looks_again) {
    idle_workers idle;
    sleeper me;
    ASSERT_TRUE(idle.try_search());

    EXPECT_TRUE(idle.sleep(me, true));
}

TEST(idle_workers, worker_that_sleeps_while_another_searches_leaves_the_look_to_that_one) {
    idle_workers idle;
    sleeper me;
    ASSERT_TRUE(idle.try_search());

    EXPECT_FALSE(idle.sleep(me, false));
}

TEST(idle_workers, worker_that_was_refused_as_a_searcher_looks_again_when_nobody_searches) {
    idle_workers idle;
    idle.set_worker_count(2);
    sleeper me;
    ASSERT_TRUE(idle.try_search());
    ASSERT_FALSE(idle.try_search());  // refused
    ASSERT_TRUE(idle.stop_searching());
    ASSERT_EQ(idle.wake_one(), nullptr);  // somebody queues a task, and nobody sleeps yet

    EXPECT_TRUE(idle.sleep(me, false));
}

TEST(idle_workers, who_has_gone_to_sleep_last_is_woken_first) {
    idle_workers idle;
    sleeper first, second;
    idle.sleep(first, false);
    idle.sleep(second, false);

    EXPECT_EQ(idle.wake_one(), &second);
    EXPECT_TRUE(idle.stop_searching());
    EXPECT_EQ(idle.wake_one(), &first);
}

}  // namespace
