#include <edo/sync/oneshot.h>

#include "sync/waiting.h"
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <edo/task/select.h>

namespace oneshot = edo::sync::oneshot;
using edo::errc;
using edo::testing::waiting;

TEST(oneshot, delivers_a_message_that_was_sent_before) {
    auto [tx, rx] = oneshot::channel<int>();

    EXPECT_TRUE(tx.send(7));
    waiting wait(rx.recv());

    EXPECT_EQ(wait.took->value(), 7);
}

TEST(oneshot, wakes_the_receiver_that_waits) {
    auto [tx, rx] = oneshot::channel<std::unique_ptr<int>>();
    waiting wait(rx.recv());
    EXPECT_FALSE(wait.is_done());

    EXPECT_TRUE(tx.send(std::make_unique<int>(3)));

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(*wait.took->value(), 3);
}

TEST(oneshot, receiver_learns_that_the_sender_is_gone) {
    auto [tx, rx] = oneshot::channel<int>();
    waiting wait(rx.recv());

    {
        auto gone = std::move(tx);
    }

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(wait.took->error(), errc::closed);
}

TEST(oneshot, message_comes_back_when_the_receiver_is_gone) {
    auto [tx, rx] = oneshot::channel<std::string>();
    {
        auto gone = std::move(rx);
    }

    auto sent = tx.send("precious");

    EXPECT_EQ(sent.error(), errc::closed);
    EXPECT_EQ(std::move(sent).unsent(), "precious");
}

TEST(oneshot, wait_dropped_after_the_message_came_loses_nothing) {
    auto [tx, rx] = oneshot::channel<int>();
    waiting first(rx.recv());
    EXPECT_TRUE(tx.send(5));
    ASSERT_TRUE(first.is_woken());

    first.drop();
    waiting again(rx.recv());

    EXPECT_EQ(again.took->value(), 5);
}

TEST(oneshot, message_polled_but_never_taken_goes_back) {
    auto [tx, rx] = oneshot::channel<std::string>();
    EXPECT_TRUE(tx.send("kept"));
    edo::testing::manual_executor ex;
    auto task = ex.spawn([&]() -> edo::task<> {
        auto recv = rx.recv();
        EXPECT_TRUE(recv.poll(*edo::detail::current_execution()->line));
        co_return;
    });
    ex.run_until_idle();

    EXPECT_EQ(rx.try_recv().value(), "kept");
}

TEST(oneshot, second_receive_says_closed) {
    auto [tx, rx] = oneshot::channel<int>();
    EXPECT_TRUE(tx.send(5));

    EXPECT_EQ(rx.try_recv().value(), 5);
    EXPECT_EQ(rx.try_recv().error(), errc::closed);
}

TEST(oneshot, try_recv_tells_not_yet_from_never) {
    auto [tx, rx] = oneshot::channel<int>();
    EXPECT_EQ(rx.try_recv().error(), errc::would_block);

    {
        auto gone = std::move(tx);
    }

    EXPECT_EQ(rx.try_recv().error(), errc::closed);
}

TEST(oneshot, closed_receiver_still_gets_what_was_sent_before) {
    auto [tx, rx] = oneshot::channel<int>();
    EXPECT_TRUE(tx.send(5));

    rx.close();

    EXPECT_EQ(rx.try_recv().value(), 5);
}

TEST(oneshot, close_refuses_and_tells_the_sender_that_waits_for_it) {
    auto [tx, rx] = oneshot::channel<int>();
    waiting wait(tx.closed());
    EXPECT_FALSE(wait.is_done());

    rx.close();

    EXPECT_TRUE(wait.poll());
    EXPECT_TRUE(tx.is_closed());
    EXPECT_EQ(tx.send(1).unsent(), 1);
}

TEST(oneshot, close_ends_a_receive_that_waits) {
    auto [tx, rx] = oneshot::channel<int>();
    waiting wait(rx.recv());

    rx.close();

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(wait.took->error(), errc::closed);
}

TEST(oneshot, receive_after_close_says_closed) {
    auto [tx, rx] = oneshot::channel<int>();
    rx.close();

    waiting wait(rx.recv());

    EXPECT_EQ(wait.took->error(), errc::closed);
    EXPECT_EQ(rx.try_recv().error(), errc::closed);
    EXPECT_EQ(tx.send(1).error(), errc::closed);
}

TEST(oneshot, receive_left_in_a_variable_does_not_keep_another_from_its_message) {
    auto [tx, rx] = oneshot::channel<int>();
    auto [other_tx, other_rx] = oneshot::channel<int>();
    edo::testing::manual_executor ex;
    int got = 0;
    auto task = ex.spawn([&]() -> edo::task<> {
        auto left = rx.recv();
        co_await edo::select(left, other_rx.recv());
        auto message = co_await rx.recv();
        got = *message;
    });
    ex.run_until_idle();

    EXPECT_TRUE(other_tx.send(1));
    ex.run_until_idle();
    EXPECT_TRUE(tx.send(2));
    ex.run_until_idle();

    EXPECT_EQ(got, 2);
}

TEST(oneshot, unread_message_dies_with_the_receiver) {
    auto message = std::make_shared<int>(1);
    auto [tx, rx] = oneshot::channel<std::shared_ptr<int>>();
    EXPECT_TRUE(tx.send(message));

    {
        auto gone = std::move(rx);
    }

    EXPECT_EQ(message.use_count(), 1);
}

TEST(oneshot, message_may_hold_the_other_end_of_its_own_channel) {
    // The message is destroyed with no lock held, so its destructor may use the channel.
    struct loop {
        explicit loop(std::unique_ptr<oneshot::sender<loop>> s) noexcept : tx(std::move(s)) {}

        std::unique_ptr<oneshot::sender<loop>> tx;
    };

    auto [tx, rx] = oneshot::channel<loop>();
    auto owned = std::make_unique<oneshot::sender<loop>>(std::move(tx));
    auto* sender = owned.get();

    EXPECT_TRUE(sender->send(loop(std::move(owned))));
    {
        auto gone = std::move(rx);
    }
}

TEST(oneshot_death_test, second_send_is_loud) {
    auto [tx, rx] = oneshot::channel<int>();
    EXPECT_TRUE(tx.send(1));

    EXPECT_DEATH(tx.send(2), "second message");
}

TEST(oneshot_death_test, use_after_a_move_is_loud) {
    auto [tx, rx] = oneshot::channel<int>();
    auto moved = std::move(tx);

    EXPECT_DEATH(tx.send(2), "moved away");
}
