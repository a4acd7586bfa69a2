#include <edo/sync/broadcast.h>

#include "sync/waiting.h"
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

namespace broadcast = edo::sync::broadcast;
using edo::errc;
using edo::testing::waiting;

TEST(broadcast, every_receiver_gets_every_message) {
    auto [tx, rx] = broadcast::channel<int>(4);
    auto other = tx.subscribe();
    waiting wait(other.recv());

    EXPECT_TRUE(tx.send(1));
    EXPECT_TRUE(tx.send(2));

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(wait.took->value(), 1);
    EXPECT_EQ(other.try_recv().value(), 2);
    EXPECT_EQ(rx.try_recv().value(), 1);
    EXPECT_EQ(rx.try_recv().value(), 2);
    EXPECT_EQ(rx.try_recv().error(), errc::would_block);
}

TEST(broadcast, slow_receiver_learns_how_many_it_missed_and_goes_on_with_the_oldest) {
    auto [tx, rx] = broadcast::channel<int>(2);
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(tx.send(i));

    const auto lagged = rx.try_recv();

    EXPECT_EQ(lagged.error(), errc::lagged);
    EXPECT_EQ(lagged.missed(), 3u);
    EXPECT_EQ(rx.try_recv().value(), 3);
    EXPECT_EQ(rx.try_recv().value(), 4);
}

TEST(broadcast, capacity_is_rounded_up_to_a_power_of_two) {
    auto [tx, rx] = broadcast::channel<int>(3);
    for (int i = 0; i < 4; ++i)
        EXPECT_TRUE(tx.send(i));

    EXPECT_EQ(rx.try_recv().value(), 0);
}

TEST(broadcast, count_of_missed_messages_is_exact_where_the_numbers_wrap) {
    const std::uint64_t first = ~std::uint64_t{0} - 2;
    auto* core = new edo::detail::broadcast_core<int>(4, first);
    std::uint64_t next = first;
    for (int i = 0; i < 9; ++i)
        core->send(edo::detail::shared_value<int>(std::in_place, i));

    const auto lagged = core->try_recv(next);
    const auto oldest = core->try_recv(next);

    EXPECT_EQ(lagged->missed, 5u);
    EXPECT_EQ(*oldest->message, 5);
    core->drop_receiver(next);
    core->drop_sender();
}

TEST(broadcast, message_dies_when_the_last_receiver_has_read_it) {
    auto message = std::make_shared<int>(1);
    auto [tx, rx] = broadcast::channel<std::shared_ptr<int>>(4);
    auto other = rx.resubscribe();
    EXPECT_TRUE(tx.send(message));
    EXPECT_TRUE(rx.try_recv());
    EXPECT_EQ(message.use_count(), 2);

    {
        auto gone = std::move(other);
    }

    EXPECT_EQ(message.use_count(), 1);
}

TEST(broadcast, receiver_sees_the_end_after_the_messages) {
    auto [tx, rx] = broadcast::channel<int>(4);
    EXPECT_TRUE(tx.send(1));
    {
        auto gone = std::move(tx);
    }

    EXPECT_EQ(waiting(rx.recv()).took->value(), 1);
    EXPECT_EQ(waiting(rx.recv()).took->error(), errc::closed);
}

TEST(broadcast, end_wakes_the_receiver_that_waits) {
    auto [tx, rx] = broadcast::channel<int>(4);
    waiting wait(rx.recv());

    {
        auto gone = std::move(tx);
    }

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(wait.took->error(), errc::closed);
}

TEST(broadcast, message_comes_back_without_receivers) {
    auto [tx, rx] = broadcast::channel<std::unique_ptr<int>*>(4);
    waiting closed(tx.closed());
    {
        auto gone = std::move(rx);
    }

    EXPECT_TRUE(closed.poll());
    EXPECT_EQ(tx.send(nullptr).error(), errc::closed);
}

TEST(broadcast, wait_dropped_after_its_wake_loses_nothing) {
    auto [tx, rx] = broadcast::channel<int>(4);
    waiting wait(rx.recv());
    EXPECT_TRUE(tx.send(1));
    ASSERT_TRUE(wait.is_woken());

    wait.drop();

    EXPECT_EQ(rx.try_recv().value(), 1);
}

TEST(broadcast, message_polled_but_never_taken_is_read_again) {
    auto [tx, rx] = broadcast::channel<int>(4);
    EXPECT_TRUE(tx.send(1));
    EXPECT_TRUE(tx.send(2));
    edo::testing::manual_executor ex;
    auto task = ex.spawn([&]() -> edo::task<> {
        auto recv = rx.recv();
        EXPECT_TRUE(recv.poll(*edo::detail::current_execution()->line));
        co_return;
    });
    ex.run_until_idle();

    EXPECT_EQ(rx.try_recv().value(), 1);
    EXPECT_EQ(rx.try_recv().value(), 2);
}

TEST(broadcast, copy_that_throws_leaves_the_message) {
    struct grumpy {
        explicit grumpy(int* refusals) noexcept : refusals_left(refusals) {}

        grumpy(const grumpy& other) : refusals_left(other.refusals_left) {
            if ((*refusals_left)-- > 0) throw std::runtime_error("no copy today");
        }

        grumpy(grumpy&& other) noexcept : refusals_left(other.refusals_left) {}

        int* refusals_left;
    };

    int refusals = 1;
    auto [tx, rx] = broadcast::channel<grumpy>(4);
    auto other = tx.subscribe();
    EXPECT_TRUE(tx.send(grumpy(&refusals)));

    EXPECT_THROW(static_cast<void>(rx.try_recv()), std::runtime_error);

    EXPECT_TRUE(rx.try_recv());
    EXPECT_TRUE(other.try_recv());
}
