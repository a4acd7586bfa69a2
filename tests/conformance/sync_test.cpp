// Channels and notifications at their edges: closed, full, dropped half-way.

#include "conformance/at_end.h"
#include "sync/waiting.h"
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/runtime/testing.h>
#include <edo/sync/broadcast.h>
#include <edo/sync/cancellation_token.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/notify.h>
#include <edo/sync/oneshot.h>
#include <edo/sync/watch.h>
#include <edo/task/select.h>
#include <edo/timer/timeout.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
namespace mpsc = edo::sync::mpsc;
namespace oneshot = edo::sync::oneshot;
namespace broadcast = edo::sync::broadcast;
namespace watch = edo::sync::watch;

template <class T>
void destroy(T& owner) {
    const T gone = std::move(owner);
}

// ---- mpsc

TEST(mpsc_behaviour, reserve_that_is_dropped_while_it_waits_lets_the_next_pass) {
    auto [tx, rx] = mpsc::channel<int>(1);
    ASSERT_TRUE(tx.try_send(0));
    waiting first(tx.reserve());
    waiting second(tx.send(1));

    first.drop();
    EXPECT_EQ(rx.try_recv().value(), 0);

    EXPECT_TRUE(second.poll());
    EXPECT_EQ(rx.try_recv().value(), 1);
}

TEST(mpsc_behaviour, message_of_a_permit_arrives_after_the_close) {
    auto [tx, rx] = mpsc::channel<int>(2);
    auto permit = std::move(*tx.try_reserve());

    rx.close();
    EXPECT_EQ(tx.try_send(9).error(), errc::closed);
    EXPECT_EQ(rx.try_recv().error(), errc::would_block) << "the permit may still be used";
    permit.send(5);

    EXPECT_EQ(rx.try_recv().value(), 5);
    EXPECT_EQ(rx.try_recv().error(), errc::closed);
}

TEST(mpsc_behaviour, room_that_was_granted_and_not_taken_keeps_a_closed_channel_open) {
    auto [tx, rx] = mpsc::channel<int>(1);
    ASSERT_TRUE(tx.try_send(0));
    waiting reserve(tx.reserve());
    EXPECT_EQ(rx.try_recv().value(), 0);  // grants the room
    ASSERT_TRUE(reserve.is_woken());
    rx.close();
    waiting end(rx.recv());
    EXPECT_FALSE(end.is_done());

    reserve.drop();

    EXPECT_TRUE(end.poll());
    EXPECT_EQ(*end.took, std::nullopt);
}

TEST(mpsc_behaviour, reserve_that_runs_out_of_time_keeps_the_message_with_its_sender) {
    paused_runtime rt;
    auto [tx, rx] = mpsc::channel<std::string>(1);
    std::string message = "kept";
    ASSERT_TRUE(tx.try_send("in the way"));

    const auto permit = rt.block_on(timeout(1s, tx.reserve()));

    EXPECT_EQ(permit.error(), errc::timed_out);
    EXPECT_EQ(rt.elapsed(), 1s);
    EXPECT_EQ(message, "kept");
    EXPECT_EQ(rx.try_recv().value(), "in the way");
    EXPECT_TRUE(tx.try_reserve());
}

TEST(mpsc_behaviour, messages_die_with_a_receiver_that_an_exception_destroys) {
    const auto message = std::make_shared<int>(1);
    auto [tx, rx] = mpsc::channel<std::shared_ptr<int>>(8);
    for (int i = 0; i < 8; ++i)
        ASSERT_TRUE(tx.try_send(message));

    try {
        const auto unwound = std::move(rx);
        throw std::runtime_error("in the middle");
    } catch (const std::runtime_error&) {
        EXPECT_EQ(message.use_count(), 1);
    }

    EXPECT_TRUE(tx.is_closed());
}

TEST(mpsc_behaviour, counts_its_messages_across_every_size) {
    auto [tx, rx] = mpsc::channel<int>(100);
    for (std::size_t n = 0; n < 100; ++n) {
        EXPECT_EQ(rx.is_empty(), n == 0);
        EXPECT_EQ(rx.size(), n);
        EXPECT_EQ(tx.capacity(), 100 - n);
        ASSERT_TRUE(tx.try_send(1));
    }
    EXPECT_EQ(tx.try_send(1).error(), errc::queue_full);
    for (std::size_t n = 100; n > 0; --n) {
        EXPECT_EQ(rx.size(), n);
        EXPECT_TRUE(rx.try_recv());
    }
    EXPECT_TRUE(rx.is_empty());
}

// ---- oneshot

TEST(oneshot_behaviour, receive_that_goes_to_another_task_wakes_that_one) {
    manual_executor ex;
    auto [tx, rx] = oneshot::channel<int>();
    auto receiving = rx.recv();
    sync::notify change;
    int got = 0;
    auto first = ex.spawn([&]() -> task<> { co_await select(receiving, change.notified()); });
    ex.run_until_idle();
    change.notify_one();
    ex.run_until_idle();
    ASSERT_TRUE(first.is_finished());
    auto second = ex.spawn([&]() -> task<> {
        const auto message = co_await receiving;
        got = message.value();
    });
    ex.run_until_idle();

    EXPECT_TRUE(tx.send(8));
    EXPECT_EQ(ex.run_until_idle(), 1U);

    EXPECT_TRUE(second.is_finished());
    EXPECT_EQ(got, 8);
}

// ---- broadcast

TEST(broadcast_behaviour, slow_receiver_recovers_after_the_end_with_one_message_left) {
    auto [tx, rx] = broadcast::channel<int>(1);
    EXPECT_TRUE(tx.send(1));
    EXPECT_TRUE(tx.send(2));
    destroy(tx);

    const auto lagged = rx.try_recv();
    EXPECT_EQ(lagged.error(), errc::lagged);
    EXPECT_EQ(lagged.missed(), 1U);
    EXPECT_EQ(rx.try_recv().value(), 2);
    EXPECT_EQ(rx.try_recv().error(), errc::closed);
}

TEST(broadcast_behaviour, receiver_made_by_a_slow_one_has_missed_nothing) {
    auto [tx, rx] = broadcast::channel<int>(1);
    EXPECT_TRUE(tx.send(1));
    EXPECT_TRUE(tx.send(2));

    auto fresh = rx.resubscribe();
    EXPECT_TRUE(fresh.is_empty());
    EXPECT_EQ(rx.try_recv().error(), errc::lagged);
    EXPECT_EQ(rx.try_recv().value(), 2);
    EXPECT_TRUE(tx.send(3));

    EXPECT_EQ(fresh.try_recv().value(), 3);
    EXPECT_EQ(rx.try_recv().value(), 3);
}

TEST(broadcast_behaviour, is_closed_for_the_sender_when_the_last_of_its_receivers_has_gone) {
    auto [tx, rx] = broadcast::channel<int>(2);
    auto extra = tx.subscribe();
    waiting closed(tx.closed());
    destroy(rx);
    EXPECT_FALSE(closed.poll());
    EXPECT_EQ(tx.receiver_count(), 1U);

    destroy(extra);

    EXPECT_TRUE(closed.poll());
}

/// A message that sends another one when its last copy is destroyed.
class sends_at_end {
public:
    explicit sends_at_end(broadcast::sender<sends_at_end>* to) : to_(to) {}

    sends_at_end(const sends_at_end&) = default;

    sends_at_end(sends_at_end&& other) noexcept : to_(std::exchange(other.to_, nullptr)) {}

    ~sends_at_end() {
        if (to_ != nullptr && to_->send(sends_at_end(nullptr))) ++sent;
    }

    static inline int sent = 0;

private:
    broadcast::sender<sends_at_end>* to_;
};

TEST(broadcast_behaviour, message_may_send_when_it_is_destroyed) {
    sends_at_end::sent = 0;
    auto [tx, rx] = broadcast::channel<sends_at_end>(1);
    EXPECT_TRUE(tx.send(sends_at_end(&tx)));

    EXPECT_TRUE(tx.send(sends_at_end(nullptr)));  // overwrites the first one

    EXPECT_EQ(sends_at_end::sent, 1);
    EXPECT_EQ(rx.try_recv().missed(), 2U);
}

// ---- watch

TEST(watch_behaviour, value_that_was_not_seen_counts_as_a_change_after_the_end) {
    auto [tx, rx] = watch::channel(1);
    EXPECT_TRUE(tx.send(2));
    destroy(tx);

    EXPECT_EQ(rx.has_changed(), true);
    EXPECT_EQ(*rx.borrow_and_update(), 2);
    EXPECT_EQ(rx.has_changed().error(), errc::closed);
}

TEST(watch_behaviour, borrowed_value_counts_as_seen_only_if_it_is_marked) {
    auto [tx, rx] = watch::channel(1);
    EXPECT_TRUE(tx.send(2));

    EXPECT_EQ(*rx.borrow(), 2);
    EXPECT_TRUE(waiting(rx.changed()).is_done());
    EXPECT_TRUE(tx.send(3));
    EXPECT_EQ(*rx.borrow_and_update(), 3);
    EXPECT_FALSE(waiting(rx.changed()).is_done());
}

// ---- notify

TEST(notify_behaviour, task_that_was_notified_may_notify_in_its_destructors) {
    manual_executor ex;
    sync::notify bell;
    int heard = 0;
    const auto hear = [&]() -> task<> {
        const at_end ring([&] {
            bell.notify_one();
            bell.notify_waiters();
        });
        co_await bell.notified();
        ++heard;
    };
    auto first = ex.spawn(hear);
    ex.run_until_idle();
    auto second = ex.spawn(hear);
    ex.run_until_idle();

    bell.notify_one();
    first.request_cancel();  // woken, and dropped before it was polled
    ex.run_until_idle();

    EXPECT_TRUE(second.is_finished());
    EXPECT_EQ(heard, 1);
}

TEST(notify_behaviour, notification_of_all_leaves_the_stored_one_to_the_next) {
    sync::notify bell;
    auto made = bell.notified();
    bell.notify_one();
    bell.notify_waiters();

    waiting first(std::move(made));
    waiting second(bell.notified());
    waiting third(bell.notified());

    EXPECT_TRUE(first.is_done());
    EXPECT_TRUE(second.is_done());
    EXPECT_FALSE(third.is_done());
}

// ---- cancellation token

TEST(token_behaviour, children_may_come_and_go_while_their_ancestor_is_cancelled) {
    for (int round = 0; round < 200; ++round) {
        sync::cancellation_token root;
        std::vector<sync::cancellation_token> wide;
        for (int i = 0; i < 20; ++i)
            wide.push_back(root.child_token());
        std::atomic<bool> begun = false;
        std::vector<sync::cancellation_token> added;
        std::thread other([&] {
            begun = true;
            for (int i = 0; i < 200; ++i) {
                added.push_back(root.child_token().child_token());
                if (i % 10 == 9) wide.pop_back();
            }
        });
        while (!begun)
            std::this_thread::yield();

        root.cancel();

        other.join();
        for (const auto& each : added)
            ASSERT_TRUE(each.is_cancelled());
    }
}

TEST(token_behaviour, a_thousand_deep_and_ten_thousand_wide_are_all_reached) {
    sync::cancellation_token root;
    std::vector<sync::cancellation_token> all{root};
    for (int i = 0; i < 1'000; ++i)
        all.push_back(all.back().child_token());
    for (int i = 0; i < 10'000; ++i)
        all.push_back(root.child_token());
    waiting deepest(all[1'000].cancelled());

    root.cancel();

    EXPECT_TRUE(deepest.poll());
    for (const auto& each : all)
        ASSERT_TRUE(each.is_cancelled());
}

}  // namespace
}  // namespace edo::testing
