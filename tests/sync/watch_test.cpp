#include <edo/sync/watch.h>

#include "sync/waiting.h"
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace watch = edo::sync::watch;
using edo::errc;
using edo::testing::waiting;

TEST(watch, initial_value_counts_as_seen) {
    auto [tx, rx] = watch::channel(1);

    EXPECT_EQ(*rx.borrow(), 1);
    EXPECT_FALSE(rx.has_changed().value());
}

TEST(watch, several_changes_count_as_one) {
    auto [tx, rx] = watch::channel(1);
    waiting wait(rx.changed());
    EXPECT_FALSE(wait.is_done());

    EXPECT_TRUE(tx.send(2));
    EXPECT_TRUE(tx.send(3));

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(*rx.borrow(), 3);
    EXPECT_FALSE(waiting(rx.changed()).is_done());
}

TEST(watch, unseen_value_is_reported_before_the_end) {
    auto [tx, rx] = watch::channel(1);
    EXPECT_TRUE(tx.send(2));
    {
        auto gone = std::move(tx);
    }

    EXPECT_TRUE(waiting(rx.changed()).took->has_value());
    EXPECT_EQ(waiting(rx.changed()).took->error(), errc::closed);
    EXPECT_EQ(*rx.borrow(), 2);
}

TEST(watch, end_wakes_the_receiver_that_waits) {
    auto [tx, rx] = watch::channel(1);
    waiting wait(rx.changed());

    {
        auto gone = std::move(tx);
    }

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(wait.took->error(), errc::closed);
}

TEST(watch, dropped_wait_has_seen_nothing) {
    auto [tx, rx] = watch::channel(1);
    waiting wait(rx.changed());
    EXPECT_TRUE(tx.send(2));

    wait.drop();

    EXPECT_TRUE(rx.has_changed().value());
}

TEST(watch, snapshot_stays_as_it_was) {
    auto [tx, rx] = watch::channel(std::string("old"));
    const auto before = rx.borrow();

    EXPECT_TRUE(tx.send("new"));

    EXPECT_EQ(*before, "old");
    EXPECT_EQ(*rx.borrow_and_update(), "new");
}

TEST(watch, send_without_receivers_gives_the_value_back) {
    auto [tx, rx] = watch::channel(1);
    waiting closed(tx.closed());
    {
        auto gone = std::move(rx);
    }

    EXPECT_TRUE(closed.poll());
    EXPECT_EQ(tx.send(2).unsent(), 2);
    EXPECT_EQ(*tx.borrow(), 1);
    EXPECT_EQ(*tx.send_replace(3), 1);
    EXPECT_EQ(*tx.subscribe().borrow(), 3);
}

TEST(watch, change_that_throws_leaves_the_value) {
    auto [tx, rx] = watch::channel(std::string("kept"));

    EXPECT_THROW(tx.send_modify([](std::string& value) {
        value = "broken";
        throw std::runtime_error("half-way");
    }),
                 std::runtime_error);

    EXPECT_EQ(*rx.borrow(), "kept");
    EXPECT_FALSE(rx.has_changed().value());
}

TEST(watch, wait_for_finishes_with_the_first_value_that_fits) {
    auto [tx, rx] = watch::channel(1);
    waiting wait(rx.wait_for([](int value) { return value > 2; }));
    EXPECT_TRUE(tx.send(2));
    EXPECT_FALSE(wait.poll());

    EXPECT_TRUE(tx.send(3));

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(*wait.took->value(), 3);
    EXPECT_FALSE(rx.has_changed().value());
}

TEST(watch, wait_for_ends_with_the_sender) {
    auto [tx, rx] = watch::channel(1);
    waiting wait(rx.wait_for([](int value) { return value > 2; }));

    {
        auto gone = std::move(tx);
    }

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(wait.took->error(), errc::closed);
}

TEST(watch, each_receiver_sees_a_change_once) {
    auto [tx, rx] = watch::channel(1);
    auto copy = rx;
    EXPECT_TRUE(tx.send_if_modified([](int& value) { return ++value == 2; }));

    EXPECT_TRUE(waiting(rx.changed()).is_done());

    EXPECT_TRUE(copy.has_changed().value());
    EXPECT_FALSE(rx.has_changed().value());
}
