#include <edo/sync/mpsc.h>

#include "support/child_process.h"
#include "support/failing_allocation.h"
#include "sync/waiting.h"
#include <cstddef>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/sync/cancellation_token.h>
#include <edo/sync/notify.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/task_group.h>

namespace mpsc = edo::sync::mpsc;
using edo::errc;
using edo::testing::waiting;
using ::testing::ElementsAre;

namespace {

template <class T>
std::vector<T> drain(mpsc::receiver<T>& rx) {
    std::vector<T> all;
    while (auto next = rx.try_recv())
        all.push_back(std::move(*next));
    return all;
}

bool is_refused_without_memory(mpsc::unbounded_sender<int>& tx, int message) {
    const edo::testing::failing_allocation failing(1);
    return !tx.send(message);
}

}  // namespace

TEST(mpsc, keeps_the_order_of_sending) {
    auto [tx, rx] = mpsc::channel<int>(8);

    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(tx.try_send(i));

    EXPECT_THAT(drain(rx), ElementsAre(0, 1, 2, 3, 4));
}

TEST(mpsc, keeps_the_order_when_the_ring_wraps_and_grows) {
    auto [tx, rx] = mpsc::channel<int>(1000);
    int sent = 0;
    int received = 0;

    for (int round = 0; round < 300; ++round) {
        for (int i = 0; i < 5; ++i)
            ASSERT_TRUE(tx.try_send(sent++));
        for (int i = 0; i < 3; ++i)
            ASSERT_EQ(rx.try_recv().value(), received++);
    }

    for (const int left : drain(rx))
        ASSERT_EQ(left, received++);
    EXPECT_EQ(received, sent);
}

// The ring is longer each time, and filled and emptied up to another place.
TEST(mpsc, keeps_the_order_wherever_the_ring_grows) {
    for (int before = 0; before < 40; ++before) {
        for (int kept = 0; kept < 40; ++kept) {
            auto [tx, rx] = mpsc::unbounded_channel<int>();
            int sent = 0;
            int received = 0;
            while (sent < before + kept)
                ASSERT_TRUE(tx.send(sent++));
            while (received < before)
                ASSERT_EQ(rx.try_recv().value(), received++);
            for (int i = 0; i < 100; ++i) {
                ASSERT_TRUE(tx.send(sent++));
                ASSERT_TRUE(tx.send(sent++));
                ASSERT_EQ(rx.try_recv().value(), received++);
            }

            for (const int left : drain(rx))
                ASSERT_EQ(left, received++);
            ASSERT_EQ(received, sent);
        }
    }
}

TEST(mpsc, senders_wait_for_room_in_the_order_of_their_calls) {
    auto [tx, rx] = mpsc::channel<int>(1);
    EXPECT_TRUE(tx.try_send(0));
    waiting first(tx.send(1));
    waiting second(tx.send(2));
    EXPECT_FALSE(first.is_done());

    EXPECT_EQ(rx.try_recv().value(), 0);

    EXPECT_EQ(tx.try_send(9).error(), errc::queue_full);
    EXPECT_FALSE(second.poll());
    EXPECT_TRUE(first.poll());
    EXPECT_THAT(drain(rx), ElementsAre(1, 2));
}

TEST(mpsc, full_try_send_gives_the_message_back) {
    auto [tx, rx] = mpsc::channel<std::string>(1);
    EXPECT_TRUE(tx.try_send("a"));

    auto refused = tx.try_send("b");

    EXPECT_EQ(refused.error(), errc::queue_full);
    EXPECT_EQ(refused.unsent(), "b");
}

TEST(mpsc, room_of_a_received_message_is_there_at_once) {
    auto [tx, rx] = mpsc::channel<int>(3);
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(tx.try_send(i));

    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(tx.try_send(-1));
        EXPECT_EQ(rx.try_recv().value(), i);
        EXPECT_EQ(rx.size(), 2U);
        EXPECT_EQ(tx.capacity(), 1U);
        EXPECT_TRUE(tx.try_send(3 + i));
    }
}

TEST(mpsc, messages_that_pass_need_no_more_memory) {
    auto [tx, rx] = mpsc::unbounded_channel<int>();
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(tx.send(i));

    const edo::testing::failing_allocation failing(1);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(rx.try_recv().value(), i);
        ASSERT_TRUE(tx.send(3 + i));
    }
}

TEST(mpsc, receiver_wakes_for_a_message) {
    auto [tx, rx] = mpsc::channel<int>(1);
    waiting wait(rx.recv());
    EXPECT_FALSE(wait.is_done());

    EXPECT_TRUE(tx.try_send(4));

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(wait.took, std::optional(std::optional(4)));
}

TEST(mpsc, receiver_sees_the_end_after_the_messages) {
    auto [tx, rx] = mpsc::channel<int>(4);
    EXPECT_TRUE(tx.try_send(1));
    {
        auto gone = std::move(tx);
    }

    waiting first(rx.recv());
    waiting second(rx.recv());

    EXPECT_EQ(*first.took, std::optional(1));
    EXPECT_EQ(*second.took, std::nullopt);
    EXPECT_EQ(rx.try_recv().error(), errc::closed);
}

TEST(mpsc, last_of_several_senders_ends_the_channel) {
    auto [tx, rx] = mpsc::channel<int>(4);
    auto copy = tx;
    waiting wait(rx.recv());

    {
        auto gone = std::move(tx);
    }
    EXPECT_FALSE(wait.poll());
    {
        auto gone = std::move(copy);
    }

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(*wait.took, std::nullopt);
}

TEST(mpsc, each_waiting_sender_gets_its_message_back_when_the_receiver_goes) {
    auto [tx, rx] = mpsc::channel<std::string>(1);
    EXPECT_TRUE(tx.try_send("in the channel"));
    waiting first(tx.send("first"));
    waiting second(tx.send("second"));

    {
        auto gone = std::move(rx);
    }

    ASSERT_TRUE(first.poll());
    ASSERT_TRUE(second.poll());
    EXPECT_EQ(first.took->error(), errc::closed);
    EXPECT_EQ(first.took->unsent(), "first");
    EXPECT_EQ(second.took->unsent(), "second");
}

TEST(mpsc, recv_dropped_after_its_wake_loses_nothing) {
    auto [tx, rx] = mpsc::channel<int>(2);
    waiting first(rx.recv());
    EXPECT_TRUE(tx.try_send(1));
    ASSERT_TRUE(first.is_woken());

    first.drop();

    EXPECT_THAT(drain(rx), ElementsAre(1));
}

TEST(mpsc, recv_polled_but_never_taken_puts_the_message_back_in_front) {
    auto [tx, rx] = mpsc::channel<int>(2);
    EXPECT_TRUE(tx.try_send(1));
    EXPECT_TRUE(tx.try_send(2));
    waiting full(tx.send(3));
    edo::testing::manual_executor ex;
    auto task = ex.spawn([&]() -> edo::task<> {
        auto recv = rx.recv();
        EXPECT_TRUE(recv.poll(*edo::detail::current_execution()->line));
        co_return;
    });
    ex.run_until_idle();

    EXPECT_TRUE(full.poll());
    EXPECT_THAT(drain(rx), ElementsAre(1, 2, 3));
}

TEST(mpsc, messages_put_back_leave_room_for_what_was_reserved_meanwhile) {
    constexpr int reserved = 15;  // one less than the first memory has room for
    auto [tx, rx] = mpsc::channel<int>(20);
    std::vector<mpsc::permit<int>> permits;
    edo::testing::manual_executor ex;
    auto task = ex.spawn([&]() -> edo::task<> {
        auto first = rx.recv();
        auto second = rx.recv();
        EXPECT_TRUE(tx.try_send(-2));
        EXPECT_TRUE(tx.try_send(-1));
        EXPECT_TRUE(first.poll(*edo::detail::current_execution()->line));
        EXPECT_TRUE(second.poll(*edo::detail::current_execution()->line));
        for (int i = 0; i < reserved; ++i)
            permits.push_back(tx.try_reserve().value());
        co_return;
    });
    ex.run_until_idle();

    for (int i = 0; i < reserved; ++i)
        permits[static_cast<std::size_t>(i)].send(i);

    std::vector<int> expected(reserved + 2);
    std::iota(expected.begin(), expected.end(), -2);
    EXPECT_EQ(drain(rx), expected);
}

TEST(mpsc, dropped_send_takes_its_message_with_it) {
    auto message = std::make_shared<int>(1);
    auto [tx, rx] = mpsc::channel<std::shared_ptr<int>>(1);
    EXPECT_TRUE(tx.try_send(nullptr));
    waiting wait(tx.send(message));

    wait.drop();

    EXPECT_EQ(message.use_count(), 1);
    EXPECT_EQ(drain(rx).size(), 1u);
}

TEST(mpsc, send_dropped_after_its_message_went_in_leaves_it_there) {
    auto [tx, rx] = mpsc::channel<int>(1);
    EXPECT_TRUE(tx.try_send(0));
    waiting wait(tx.send(1));
    EXPECT_EQ(rx.try_recv().value(), 0);
    ASSERT_TRUE(wait.is_woken());

    wait.drop();

    EXPECT_THAT(drain(rx), ElementsAre(1));
}

TEST(mpsc, permit_reserves_room_that_nobody_else_gets) {
    auto [tx, rx] = mpsc::channel<int>(1);
    waiting reserve(tx.reserve());
    ASSERT_TRUE(reserve.is_done());

    EXPECT_EQ(tx.try_send(9).error(), errc::queue_full);
    std::move(**reserve.took).send(1);

    EXPECT_THAT(drain(rx), ElementsAre(1));
}

TEST(mpsc, unused_permit_gives_its_room_to_the_sender_that_waits) {
    auto [tx, rx] = mpsc::channel<int>(1);
    auto permit = tx.try_reserve();
    waiting wait(tx.send(1));

    permit = errc::closed;

    EXPECT_TRUE(wait.poll());
    EXPECT_THAT(drain(rx), ElementsAre(1));
}

TEST(mpsc, reserve_dropped_after_its_grant_hands_the_room_on) {
    auto [tx, rx] = mpsc::channel<int>(1);
    EXPECT_TRUE(tx.try_send(0));
    waiting reserve(tx.reserve());
    waiting send(tx.send(1));
    EXPECT_EQ(rx.try_recv().value(), 0);
    ASSERT_TRUE(reserve.is_woken());

    reserve.drop();

    EXPECT_TRUE(send.poll());
    EXPECT_THAT(drain(rx), ElementsAre(1));
}

TEST(mpsc, permit_keeps_the_channel_open_without_a_sender) {
    auto [tx, rx] = mpsc::channel<int>(1);
    auto permit = std::move(*tx.try_reserve());
    {
        auto gone = std::move(tx);
    }
    waiting wait(rx.recv());
    EXPECT_EQ(rx.try_recv().error(), errc::would_block);

    permit.send(5);

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(*wait.took, std::optional(5));
    EXPECT_EQ(rx.try_recv().error(), errc::closed);
}

TEST(mpsc, drop_of_the_last_permit_wakes_a_closed_receiver) {
    auto [tx, rx] = mpsc::channel<int>(1);
    auto permit = tx.try_reserve();
    rx.close();
    waiting wait(rx.recv());
    EXPECT_FALSE(wait.is_done());

    permit = errc::closed;

    EXPECT_TRUE(wait.poll());
    EXPECT_EQ(*wait.took, std::nullopt);
}

class asks_at_end {
public:
    explicit asks_at_end(std::function<void()>& ask) noexcept : ask_(&ask) {}

    asks_at_end(asks_at_end&& other) noexcept : ask_(std::exchange(other.ask_, nullptr)) {}

    ~asks_at_end() {
        if (ask_ != nullptr) (*ask_)();
    }

private:
    std::function<void()>* ask_;
};

// A destructor may take long, or wait for just those.
TEST(mpsc, drop_of_the_receiver_wakes_senders_before_it_destroys_messages) {
    auto [tx, rx] = mpsc::channel<asks_at_end>(2);
    waiting closed(tx.closed());
    int woken = 0;
    std::function<void()> ask = [&] { woken += closed.is_woken() ? 1 : 0; };
    ASSERT_TRUE(tx.try_send(asks_at_end(ask)));
    ASSERT_TRUE(tx.try_send(asks_at_end(ask)));

    {
        const auto dropped = std::move(rx);
    }

    EXPECT_EQ(woken, 2);
}

TEST(mpsc, permit_that_outlives_both_ends_destroys_its_message) {
    auto message = std::make_shared<int>(1);
    auto [tx, rx] = mpsc::channel<std::shared_ptr<int>>(1);
    auto permit = std::move(*tx.try_reserve());
    {
        auto gone = std::move(tx);
    }
    {
        auto gone = std::move(rx);
    }

    permit.send(message);

    EXPECT_EQ(message.use_count(), 1);
}

TEST(mpsc, closed_receiver_refuses_and_still_gets_the_rest) {
    auto [tx, rx] = mpsc::channel<int>(4);
    EXPECT_TRUE(tx.try_send(1));
    waiting closed(tx.closed());

    rx.close();

    EXPECT_TRUE(closed.poll());
    EXPECT_EQ(tx.try_send(2).error(), errc::closed);
    EXPECT_THAT(drain(rx), ElementsAre(1));
    EXPECT_EQ(rx.try_recv().error(), errc::closed);
}

TEST(mpsc, unread_messages_die_with_the_receiver) {
    auto message = std::make_shared<int>(1);
    auto [tx, rx] = mpsc::channel<std::shared_ptr<int>>(8);
    for (int i = 0; i < 8; ++i)
        EXPECT_TRUE(tx.try_send(message));

    {
        auto gone = std::move(rx);
    }

    EXPECT_EQ(message.use_count(), 1);
}

TEST(mpsc, message_may_hold_a_sender_of_its_own_channel) {
    struct loop {
        explicit loop(mpsc::sender<loop> s) noexcept : tx(std::move(s)) {}

        mpsc::sender<loop> tx;
    };

    auto [tx, rx] = mpsc::channel<loop>(4);
    EXPECT_TRUE(tx.try_send(loop(tx)));
    EXPECT_TRUE(tx.try_send(loop(tx)));
    {
        auto gone = std::move(tx);
    }

    {
        auto gone = std::move(rx);
    }
}

TEST(mpsc, unbounded_never_waits) {
    auto [tx, rx] = mpsc::unbounded_channel<int>();
    for (int i = 0; i < 10'000; ++i)
        ASSERT_TRUE(tx.send(i));

    int expected = 0;
    for (const int got : drain(rx))
        ASSERT_EQ(got, expected++);

    EXPECT_EQ(expected, 10'000);
    EXPECT_TRUE(tx.send(1));
    EXPECT_THAT(drain(rx), ElementsAre(1));
}

// Others would spin for as long as the system takes, and here, where the same thread asks, for
// ever.
TEST(mpsc, is_not_locked_while_memory_is_allocated_or_given_back) {
    if (!edo::testing::failing_allocation::is_possible) GTEST_SKIP() << "nobody sees allocations";
    edo::testing::child_process child([] {
        ::alarm(10);
        auto [tx, rx] = mpsc::unbounded_channel<int>();
        const edo::testing::observed_allocation seen(
            [](void* of) noexcept { static_cast<void>(static_cast<decltype(&rx)>(of)->size()); },
            &rx);

        for (int i = 0; i < 10'000; ++i)
            EXPECT_TRUE(tx.send(i));
        EXPECT_GT(seen.count(), 2U);
        const std::size_t before = seen.count();
        while (rx.try_recv()) {
        }
        EXPECT_GT(seen.count(), before);
    });

    EXPECT_EQ(child.end(), "exit 0");
}

TEST(mpsc, send_without_memory_is_refused_and_may_be_repeated) {
    if (!edo::testing::failing_allocation::is_possible) GTEST_SKIP() << "no allocation fails";
    auto [tx, rx] = mpsc::unbounded_channel<int>();
    int refused = 0;

    for (int i = 0; i < 1'000; ++i) {
        if (!is_refused_without_memory(tx, i)) continue;
        ++refused;
        ASSERT_TRUE(tx.send(i));
    }

    EXPECT_GT(refused, 2);
    std::vector<int> all(1'000);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(drain(rx), all);
}

TEST(mpsc, send_stands_in_or_return) {
    auto [tx, rx] = mpsc::channel<int>(1);
    {
        auto gone = std::move(rx);
    }
    edo::testing::manual_executor ex;
    std::error_code seen;
    auto send_twice = [](mpsc::sender<int> to) -> edo::task<edo::result<void>> {
        co_await edo::or_return(to.send(1));
        ADD_FAILURE() << "went on after an error";
        co_return {};
    };
    auto task = ex.spawn([&]() -> edo::task<> {
        const auto sent = co_await send_twice(tx);
        seen = sent.error();
    });

    ex.run_until_idle();

    EXPECT_EQ(seen, errc::closed);
}

TEST(mpsc, recv_kept_in_a_variable_survives_a_select) {
    auto [tx, rx] = mpsc::channel<int>(1);
    auto [other_tx, other_rx] = mpsc::channel<int>(1);
    edo::testing::manual_executor ex;
    std::vector<int> got;
    auto task = ex.spawn([&]() -> edo::task<> {
        auto pending = rx.recv();
        auto first = co_await edo::select(pending, other_rx.recv());
        got.push_back(*std::get<1>(first));
        auto second = co_await edo::select(pending, other_rx.recv());
        got.push_back(*std::get<0>(second));
    });
    ex.run_until_idle();

    EXPECT_TRUE(other_tx.try_send(1));
    ex.run_until_idle();
    EXPECT_TRUE(tx.try_send(2));
    ex.run_until_idle();

    EXPECT_THAT(got, ElementsAre(1, 2));
}

TEST(mpsc, recv_left_in_a_variable_does_not_keep_another_from_its_message) {
    auto [tx, rx] = mpsc::channel<int>(1);
    auto [other_tx, other_rx] = mpsc::channel<int>(1);
    edo::testing::manual_executor ex;
    int got = 0;
    auto task = ex.spawn([&]() -> edo::task<> {
        auto left = rx.recv();
        co_await edo::select(left, other_rx.recv());
        auto message = co_await rx.recv();
        got = *message;
    });
    ex.run_until_idle();

    EXPECT_TRUE(other_tx.try_send(1));
    ex.run_until_idle();
    EXPECT_TRUE(tx.try_send(2));
    ex.run_until_idle();

    EXPECT_EQ(got, 2);
}

// A child that has not ended yet makes the select settle, and while it does so all is dropped.
template <class Receive>
std::optional<int> left_in_the_channel(mpsc::sender<int>& tx,
                                       mpsc::receiver<int>& rx,
                                       Receive receive) {
    edo::testing::manual_executor ex;
    edo::sync::notify never;
    auto with_child = [&]() -> edo::task<> {
        edo::task_group group;
        group.spawn([&]() -> edo::task<> { co_await never.notified(); });
        static_cast<void>(co_await group.join());
    };
    auto task = ex.spawn([&]() -> edo::task<> { co_await edo::select(receive(), with_child()); });
    ex.run_until_idle();

    EXPECT_TRUE(tx.try_send(1));
    EXPECT_TRUE(ex.run_one());
    EXPECT_FALSE(task.is_finished());
    task.request_cancel();
    ex.run_until_idle();
    EXPECT_TRUE(task.is_finished());

    auto message = rx.try_recv();
    return message ? std::optional<int>(*message) : std::nullopt;
}

TEST(mpsc, message_of_a_select_that_is_dropped_while_it_settles_stays) {
    auto [tx, rx] = mpsc::channel<int>(1);
    edo::sync::notify never;
    edo::sync::cancellation_token stop;

    EXPECT_EQ(left_in_the_channel(tx, rx, [&] { return rx.recv(); }), 1);
    EXPECT_EQ(left_in_the_channel(tx, rx, [&] { return edo::select(rx.recv(), never.notified()); }),
              1);
    EXPECT_EQ(left_in_the_channel(tx, rx, [&] { return stop.run_until_cancelled(rx.recv()); }), 1);
}

TEST(mpsc, large_messages_pass_and_leave_nothing_behind) {
    struct megabyte {
        megabyte() noexcept {}

        std::byte bytes[1 << 20];
    };

    auto [tx, rx] = mpsc::channel<std::unique_ptr<megabyte>>(2);
    EXPECT_TRUE(tx.try_send(std::make_unique<megabyte>()));

    EXPECT_EQ(drain(rx).size(), 1u);
}

TEST(mpsc_death_test, capacity_zero_is_loud) {
    EXPECT_DEATH(mpsc::channel<int>(0), "capacity of at least 1.*mpsc_test.cpp");
}
