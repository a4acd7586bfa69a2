// The channel for one message (sync/oneshot.h): which end frees what, and whose the message is when
// send, close and drop meet.

#include "model_test.h"
#include "task_executor.h"
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include <edo/sync/oneshot.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>

namespace {

namespace oneshot = edo::sync::oneshot;
using edo::task;
using edo::model::executor;
using edo::model::untaken;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

using message = std::unique_ptr<int>;  // what it points to is plain

struct world {
    executor ex;
    std::optional<oneshot::sender<message>> tx;
    std::optional<oneshot::receiver<message>> rx;
    int received = 0;

    world() {
        auto [sender, receiver] = oneshot::channel<message>();
        tx.emplace(std::move(sender));
        rx.emplace(std::move(receiver));
    }

    bool send() { return static_cast<bool>(tx->send(std::make_unique<int>(7))); }
};

task<> receive(world* w) {
    const auto got = co_await w->rx->recv();
    w->received = got ? **got : -1;
}

task<> receive_and_free(world* w) {
    const auto got = co_await w->rx->recv();
    w->received = got ? **got : -1;
    w->rx.reset();
}

task<> receive_and_not_take(world* w) {
    co_await untaken(w->rx->recv());
}

task<> wait_for_close(world* w) {
    co_await w->tx->closed();
    w->tx.reset();
}

void send_beside_recv() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(receive, w.get());
    run_threads([&] { w->ex.work(); }, [&] { expect(w->send(), "nobody receives"); });
    expect(w->received == 7, "the message is lost");
}

void ends_go_one_after_the_other() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(receive_and_free, w.get());
    run_threads([&] { w->ex.work(); },
                [&] {
                    expect(w->send(), "nobody receives");
                    w->tx.reset();
                });
    expect(w->received == 7, "the message is lost");
}

void sender_goes_unused() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(receive_and_free, w.get());
    run_threads([&] { w->ex.work(); }, [&] { w->tx.reset(); });
    expect(w->received == -1, "a message out of nothing");
}

void send_beside_the_receivers_end() {
    auto w = std::make_unique<world>();
    run_threads(
        [&] {
            w->send();
            w->tx.reset();
        },
        [&] { w->rx.reset(); });
}

// Sent or refused: both sides think the same.
void send_beside_close() {
    auto w = std::make_unique<world>();
    bool is_sent = false;
    const auto h = w->ex.spawn(receive, w.get());
    run_threads([&] { w->ex.work(); }, [&] { is_sent = w->send(); }, [&] { w->rx->close(); });
    // A receive that close() has ended leaves a message that came before it.
    const bool is_left = static_cast<bool>(w->rx->try_recv());
    expect(is_sent == (w->received == 7 || is_left), "the message is lost, or was refused");
    expect(!(w->received == 7 && is_left), "the message was received twice");
}

void untaken_message_is_put_back() {
    auto w = std::make_unique<world>();
    {
        auto h = w->ex.spawn(receive_and_not_take, w.get());
        run_threads([&] { w->ex.work(); }, [&] { w->send(); }, [&] { h.request_cancel(); });
    }
    const auto got = w->rx->try_recv();
    expect(got && **got == 7, "the message is lost");
}

void closed_beside_the_receivers_end() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(wait_for_close, w.get());
    run_threads([&] { w->ex.work(); }, [&] { w->rx.reset(); });
    expect(h.is_finished() && !w->tx, "the task did not end");
}

const scenario send_s{"oneshot.send_beside_recv", send_beside_recv};
const scenario ends_s{"oneshot.ends_go_one_after_the_other", ends_go_one_after_the_other};
const scenario unused_s{"oneshot.sender_goes_unused", sender_goes_unused};
const scenario gone_s{"oneshot.send_beside_the_receivers_end", send_beside_the_receivers_end};
const scenario close_s{"oneshot.send_beside_close", send_beside_close};
const scenario back_s{"oneshot.untaken_message_is_put_back", untaken_message_is_put_back};
const scenario closed_s{"oneshot.closed_beside_the_receivers_end", closed_beside_the_receivers_end};

TEST(oneshot_model, message_arrives) {
    expect_holds(send_s);
}

TEST(oneshot_model, last_end_frees_what_they_share) {
    expect_holds(ends_s);
}

TEST(oneshot_model, receive_ends_with_the_sender) {
    expect_holds(unused_s);
}

TEST(oneshot_model, message_for_nobody_is_destroyed_once) {
    expect_holds(gone_s);
}

TEST(oneshot_model, close_refuses_the_message_or_leaves_it) {
    expect_holds(close_s);
}

TEST(oneshot_model, dropped_receive_puts_the_message_back) {
    expect_holds(back_s);
}

TEST(oneshot_model, sender_learns_that_nobody_receives) {
    expect_holds(closed_s);
}

void caught(const char* name, const char* function) {
    const mutant bug{.name = name,
                     .file = "sync/oneshot.h",
                     .line = "spin_guard held(lock_)",
                     .what = mutant::kind::skip,
                     .in = function};
    expect_caught(bug, {send_s, ends_s, unused_s, gone_s, close_s, back_s, closed_s});
}

TEST(oneshot_mutants, send_takes_no_lock) {
    caught("oneshot send without lock", "::send(");
}

TEST(oneshot_mutants, senders_end_takes_no_lock) {
    caught("oneshot drop_sender without lock", "::drop_sender(");
}

TEST(oneshot_mutants, receive_takes_no_lock) {
    caught("oneshot poll_receive without lock", "::poll_receive(");
}

TEST(oneshot_mutants, drop_of_a_receive_takes_no_lock) {
    caught("oneshot abandon_receive without lock", "::abandon_receive(");
}

TEST(oneshot_mutants, close_takes_no_lock) {
    caught("oneshot close without lock", "::close(");
}

TEST(oneshot_mutants, receivers_end_takes_no_lock) {
    caught("oneshot drop_receiver without lock", "::drop_receiver(");
}

TEST(oneshot_mutants, wait_for_close_takes_no_lock) {
    caught("oneshot poll_closed without lock", "::poll_closed(");
}

}  // namespace
