// An operation in a variable that outlives the task which polled it: what it waits for may come
// then, and another task may go on with it.

#include "support/event.h"
#include "support/manual_executor.h"
#include <functional>
#include <utility>

#include <gtest/gtest.h>

#include <edo/sync/broadcast.h>
#include <edo/sync/cancellation_token.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/mutex.h>
#include <edo/sync/notify.h>
#include <edo/sync/oneshot.h>
#include <edo/sync/semaphore.h>
#include <edo/sync/watch.h>
#include <edo/task/select.h>

namespace {

using edo::task;
using edo::testing::event;
using edo::testing::manual_executor;

template <class Op>
task<> poll_until(Op& op, event& stop) {
    co_await edo::select(op, stop.wait());
}

template <class Op>
task<> wait_beside(Op&, event& other) {
    co_await other.wait();
}

template <class Op>
task<> finish(Op& op, bool& done) {
    static_cast<void>(co_await op);
    done = true;
}

// The cell of the first task is free when `happen` is called, and the second one has its memory,
// which nobody may take for the first one's.
template <class Op, class Happen>
void expect_sound(Op op, Happen happen) {
    manual_executor ex;
    event stop, other;
    {
        auto first = ex.spawn(poll_until<Op>, std::ref(op), std::ref(stop));
        ex.run_until_idle();
        stop.raise();
        ex.run_until_idle();
        ASSERT_TRUE(first.is_finished());
    }
    auto second = ex.spawn(wait_beside<Op>, std::ref(op), std::ref(other));
    ex.run_until_idle();

    happen();

    EXPECT_EQ(ex.queued(), 0u) << "a task was woken that waits for something else";
    bool done = false;
    auto third = ex.spawn(finish<Op>, std::ref(op), std::ref(done));
    ex.run_until_idle();
    EXPECT_TRUE(done);
}

TEST(outlived_task, is_not_woken_by_a_notify) {
    edo::sync::notify bell;

    expect_sound(bell.notified(), [&] { bell.notify_one(); });
    expect_sound(bell.notified(), [&] { bell.notify_waiters(); });
}

TEST(outlived_task, is_not_woken_by_a_semaphore_or_a_mutex) {
    edo::sync::semaphore limit(0);
    edo::sync::mutex<int> m;
    auto held = m.try_lock();

    expect_sound(limit.acquire(), [&] { limit.add_permits(1); });
    expect_sound(m.lock(), [&] { held->unlock(); });
}

TEST(outlived_task, is_not_woken_by_a_token) {
    edo::sync::cancellation_token stop;

    expect_sound(stop.cancelled(), [&] { stop.cancel(); });
}

TEST(outlived_task, is_not_woken_by_a_token_that_work_runs_under) {
    edo::sync::cancellation_token stop;
    edo::sync::notify bell;

    expect_sound(stop.run_until_cancelled(bell.notified()), [&] { bell.notify_one(); });
    expect_sound(stop.run_until_cancelled(bell.notified()), [&] { stop.cancel(); });
}

TEST(outlived_task, is_not_woken_by_an_mpsc_channel) {
    auto [tx, rx] = edo::sync::mpsc::channel<int>(1);

    expect_sound(rx.recv(), [&] { EXPECT_TRUE(tx.try_send(1)); });
    EXPECT_TRUE(tx.try_send(2));
    expect_sound(tx.reserve(), [&] { EXPECT_TRUE(rx.try_recv()); });
    EXPECT_TRUE(tx.try_send(3));
    expect_sound(tx.send(4), [&] { EXPECT_TRUE(rx.try_recv()); });
    expect_sound(tx.closed(), [&] { rx.close(); });
}

TEST(outlived_task, is_not_woken_by_a_oneshot_channel) {
    auto [tx, rx] = edo::sync::oneshot::channel<int>();
    auto [unused, closing] = edo::sync::oneshot::channel<int>();

    expect_sound(rx.recv(), [&] { EXPECT_TRUE(tx.send(1)); });
    expect_sound(unused.closed(), [&] { closing.close(); });
}

TEST(outlived_task, is_not_woken_by_a_watch_channel) {
    auto [tx, rx] = edo::sync::watch::channel<int>(0);

    expect_sound(rx.changed(), [&] { static_cast<void>(tx.send(1)); });
    expect_sound(rx.wait_for([](int n) { return n == 2; }), [&] { static_cast<void>(tx.send(2)); });
    expect_sound(tx.closed(), [&] { auto gone = std::move(rx); });
}

TEST(outlived_task, is_not_woken_by_a_broadcast_channel) {
    auto [tx, rx] = edo::sync::broadcast::channel<int>(4);

    expect_sound(rx.recv(), [&] { static_cast<void>(tx.send(1)); });
    expect_sound(tx.closed(), [&] { auto gone = std::move(rx); });
}

}  // namespace
