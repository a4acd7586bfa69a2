#include <edo/sync/cancellation_token.h>

#include "sync/waiting.h"
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edo/sync/notify.h>

using edo::errc;
using edo::sync::cancellation_token;
using edo::testing::waiting;

TEST(cancellation_token, cancel_wakes_all_that_wait) {
    cancellation_token stop;
    waiting first(stop.cancelled());
    waiting second(stop.cancelled());
    EXPECT_FALSE(first.is_done());

    stop.cancel();

    EXPECT_TRUE(first.poll());
    EXPECT_TRUE(second.poll());
    EXPECT_TRUE(stop.is_cancelled());
}

TEST(cancellation_token, cancel_reaches_every_descendant_and_no_ancestor) {
    cancellation_token root;
    auto left = root.child_token();
    auto right = root.child_token();
    auto leaf = left.child_token();
    auto deep = leaf.child_token();
    waiting wait(deep.cancelled());

    left.cancel();

    EXPECT_TRUE(wait.poll());
    EXPECT_TRUE(leaf.is_cancelled());
    EXPECT_FALSE(right.is_cancelled());
    EXPECT_FALSE(root.is_cancelled());
    root.cancel();
    EXPECT_TRUE(right.is_cancelled());
}

TEST(cancellation_token, cancel_walks_a_bushy_tree_completely) {
    cancellation_token root;
    std::vector<cancellation_token> all{root};
    for (std::size_t i = 0; i < 200; ++i)
        all.push_back(all[i * 7 % all.size()].child_token());

    root.cancel();

    for (const auto& token : all)
        ASSERT_TRUE(token.is_cancelled());
}

TEST(cancellation_token, child_of_a_cancelled_token_is_cancelled) {
    cancellation_token stop;
    stop.cancel();

    EXPECT_TRUE(stop.child_token().is_cancelled());
}

TEST(cancellation_token, grandchild_hears_the_root_after_its_parent_token_is_gone) {
    cancellation_token root;
    auto grandchild = root.child_token().child_token();

    root.cancel();

    EXPECT_TRUE(grandchild.is_cancelled());
}

TEST(cancellation_token, wait_outlives_its_token) {
    std::optional<cancellation_token> stop(std::in_place);
    auto root = *stop;
    std::optional<cancellation_token> child(root.child_token());
    waiting wait(child->cancelled());
    child.reset();

    root.cancel();

    EXPECT_TRUE(wait.poll());
}

TEST(cancellation_token, long_chain_is_freed_without_recursion) {
    cancellation_token leaf;
    for (int i = 0; i < 200'000; ++i)
        leaf = leaf.child_token();
}

TEST(cancellation_token, dropped_wait_is_forgotten) {
    cancellation_token stop;
    waiting wait(stop.cancelled());

    wait.drop();
    stop.cancel();

    EXPECT_FALSE(wait.is_woken());
}

TEST(cancellation_token, guard_cancels_unless_it_is_disarmed) {
    cancellation_token kept;
    cancellation_token stopped;
    {
        auto guard = kept.drop_guard();
        auto other = stopped.drop_guard();
        guard.disarm();
    }

    EXPECT_FALSE(kept.is_cancelled());
    EXPECT_TRUE(stopped.is_cancelled());
}

namespace {

edo::task<edo::result<std::string>> answer_after(edo::sync::notify& bell) {
    co_await bell.notified();
    co_return "done";
}

edo::task<> wait_for(edo::sync::notify& bell) {
    co_await bell.notified();
}

}  // namespace

TEST(cancellation_token, work_that_ends_before_the_cancellation_yields_its_result) {
    cancellation_token stop;
    edo::sync::notify bell;
    waiting wait(stop.run_until_cancelled(answer_after(bell)));

    bell.notify_one();

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(wait.took->value(), "done");
}

TEST(cancellation_token, work_is_dropped_when_the_token_is_cancelled) {
    cancellation_token stop;
    edo::sync::notify bell;
    waiting wait(stop.run_until_cancelled(wait_for(bell)));

    stop.cancel();

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(wait.took->error(), errc::cancelled);
}

TEST(cancellation_token, finished_work_wins_over_a_cancellation_at_the_same_time) {
    cancellation_token stop;
    edo::sync::notify bell;
    waiting wait(stop.run_until_cancelled(answer_after(bell)));

    stop.cancel();
    bell.notify_one();

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(wait.took->value(), "done");
}

TEST(cancellation_token, cancelled_token_starts_no_work) {
    cancellation_token stop;
    edo::sync::notify bell;
    bell.notify_one();
    stop.cancel();

    waiting wait(stop.run_until_cancelled(answer_after(bell)));

    EXPECT_EQ(wait.took->error(), errc::cancelled);
    EXPECT_TRUE(waiting(bell.notified()).is_done())
        << "the permit was used by work that must not start";
}

TEST(cancellation_token, dropped_run_drops_its_work) {
    cancellation_token stop;
    edo::sync::notify bell;
    waiting wait(stop.run_until_cancelled(wait_for(bell)));
    bell.notify_one();

    wait.drop();

    EXPECT_TRUE(waiting(bell.notified()).is_done()) << "the permit went with the dropped work";
}

TEST(cancellation_token, operation_can_be_the_work) {
    cancellation_token stop;
    edo::sync::notify bell;
    bell.notify_one();

    waiting wait(stop.run_until_cancelled(bell.notified()));

    EXPECT_TRUE(wait.took->has_value());
}
