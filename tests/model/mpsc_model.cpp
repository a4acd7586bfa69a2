// The channel (sync/store/mpsc_core.h): room that is handed to who waits for it, messages that move
// from frame to ring, memory that is got without the lock, the window in which the receiver takes
// no lock (read_window.h), and the end from either side.

#include "model_test.h"
#include "mpsc_specification.h"
#include "task_executor.h"
#include <edo_check/linearizability.h>
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include <edo/sync/mpsc.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>

namespace {

namespace mpsc = edo::sync::mpsc;
using specification = edo::model::mpsc_specification;
using call = edo::model::mpsc_call;
using edo::task;
using edo::model::executor;
using edo::model::untaken;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::expect_linearizable;
using edo_check::history;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

using message = std::unique_ptr<int>;  // what it points to is plain

struct world {
    executor ex;
    std::optional<mpsc::sender<message>> tx;
    std::optional<mpsc::receiver<message>> rx;
    unsigned received = 0;  // a bit for each message
    bool is_ended = false;

    explicit world(std::size_t capacity = 1) {
        auto [sender, receiver] = mpsc::channel<message>(capacity);
        tx.emplace(std::move(sender));
        rx.emplace(std::move(receiver));
    }

    static message make(int number) { return std::make_unique<int>(number); }

    bool try_send(int number) { return static_cast<bool>(tx->try_send(make(number))); }

    void note(const message& got) {
        const unsigned bit = 1U << *got;
        expect((received & bit) == 0, "a message was received twice");
        received |= bit;
    }

    bool try_receive() {
        const auto got = rx->try_recv();
        if (got) note(*got);
        return static_cast<bool>(got);
    }
};

task<> send(world* w, int number) {
    const auto sent = co_await w->tx->send(world::make(number));
    static_cast<void>(sent);
}

task<> send_into(world* w, int number, bool* is_sent) {
    const auto sent = co_await w->tx->send(world::make(number));
    *is_sent = static_cast<bool>(sent);
}

task<> reserve_and_send(world* w, int number) {
    auto room = co_await w->tx->reserve();
    if (room) room->send(world::make(number));
}

task<> reserve_and_not_take(world* w) {
    co_await untaken(w->tx->reserve());
}

task<> receive_until(world* w, unsigned all) {
    while (w->received != all) {
        const auto got = co_await w->rx->recv();
        if (!got) break;
        w->note(*got);
    }
}

task<> receive_to_the_end(world* w) {
    for (;;) {
        const auto got = co_await w->rx->recv();
        if (!got) break;
        w->note(*got);
    }
    w->is_ended = true;
    w->rx.reset();
}

task<> receive_and_not_take(world* w) {
    co_await untaken(w->rx->recv());
}

task<> wait_for_close(world* w) {
    co_await w->tx->closed();
    w->tx.reset();
}

// Two messages through room for one.
void waiting_send_beside_recv() {
    auto w = std::make_unique<world>();
    expect(w->try_send(0), "an empty channel is full");
    {
        const auto a = w->ex.spawn(send, w.get(), 1);
        const auto r = w->ex.spawn(receive_until, w.get(), 3U);
        run_threads([&] { w->ex.work(); }, [&] { w->ex.work(); });
    }
    expect(w->received == 3, "a message is lost");
}

// The first that waits is dropped while its turn comes; what it sent has gone or is destroyed, and
// the second has its turn.
void waiting_send_is_dropped() {
    auto w = std::make_unique<world>();
    expect(w->try_send(0), "an empty channel is full");
    {
        auto first = w->ex.spawn(send, w.get(), 1);
        const auto second = w->ex.spawn(send, w.get(), 2);
        w->ex.run_some(2);
        run_threads([&] { w->ex.work(); },
                    [&] {
                        w->try_receive();
                        w->try_receive();
                    },
                    [&] { first.request_cancel(); });
        expect(second.is_finished(), "the second has not sent");
    }
    while (w->try_receive()) {
    }
    expect(w->received == 5 || w->received == 7, "a message is lost");
}

// Sent or refused: both sides think the same.
void waiting_send_beside_close() {
    auto w = std::make_unique<world>();
    expect(w->try_send(0), "an empty channel is full");
    bool is_sent = false;
    const auto h = w->ex.spawn(send_into, w.get(), 1, &is_sent);
    run_threads([&] { w->ex.work(); },
                [&] {
                    w->try_receive();
                    w->rx->close();
                });
    while (w->try_receive()) {
    }
    expect(w->received == (is_sent ? 3U : 1U), "a message is lost, or was refused");
}

void reservation_beside_recv() {
    auto w = std::make_unique<world>();
    expect(w->try_send(0), "an empty channel is full");
    const auto h = w->ex.spawn(reserve_and_send, w.get(), 1);
    run_threads([&] { w->ex.work(); }, [&] { w->try_receive(); });
    expect(w->try_receive() && w->received == 3, "a message is lost");
}

void reservation_is_dropped_beside_room() {
    auto w = std::make_unique<world>();
    expect(w->try_send(0), "an empty channel is full");
    {
        auto first = w->ex.spawn(reserve_and_not_take, w.get());
        const auto second = w->ex.spawn(send, w.get(), 1);
        w->ex.run_some(2);
        run_threads([&] { w->ex.work(); }, [&] { w->try_receive(); },
                    [&] { first.request_cancel(); });
        expect(second.is_finished(), "the room that was reserved is lost");
    }
    expect(w->try_receive() && w->received == 3, "a message is lost");
}

void last_senders_go_beside_recv() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(receive_to_the_end, w.get());
    std::optional<mpsc::sender<message>> other(*w->tx);
    run_threads([&] { w->ex.work(); },
                [&] {
                    w->try_send(1);
                    w->tx.reset();
                },
                [&] { other.reset(); });
    expect(w->is_ended && w->received == 2, "the receiver missed a message or the end");
}

// A permit outlives the senders, and uses its room up or gives it back.
void permit_beside_the_receivers_end(bool is_used) {
    auto w = std::make_unique<world>();
    std::optional<mpsc::permit<message>> room(w->tx->try_reserve().value());
    w->tx.reset();
    run_threads(
        [&] {
            if (is_used) room->send(world::make(1));
            room.reset();
        },
        [&] { w->rx.reset(); });
}

void used_permit_beside_the_receivers_end() {
    permit_beside_the_receivers_end(true);
}

void unused_permit_beside_the_receivers_end() {
    permit_beside_the_receivers_end(false);
}

void permit_is_the_last_sender() {
    auto w = std::make_unique<world>();
    std::optional<mpsc::permit<message>> room(w->tx->try_reserve().value());
    const auto h = w->ex.spawn(receive_to_the_end, w.get());
    run_threads([&] { w->ex.work(); }, [&] { room->send(world::make(1)); }, [&] { w->tx.reset(); });
    expect(w->is_ended && w->received == 2, "the receiver missed a message or the end");
}

void untaken_message_is_put_back() {
    auto w = std::make_unique<world>();
    {
        auto h = w->ex.spawn(receive_and_not_take, w.get());
        run_threads([&] { w->ex.work(); }, [&] { w->try_send(1); }, [&] { h.request_cancel(); });
    }
    expect(w->try_receive() && w->received == 2, "the message is lost");
}

void closed_beside_the_receivers_end() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(wait_for_close, w.get());
    run_threads([&] { w->ex.work(); }, [&] { w->rx.reset(); });
    expect(h.is_finished() && !w->tx, "the task did not end");
}

// A world in which what is done is noted.
struct noted_world : world {
    using world::world;

    history<call> seen;

    void try_send(int number) {
        const unsigned n = seen.invoke();
        const auto sent = tx->try_send(make(number));
        const auto answer = sent                                ? call::done
                            : sent.error() == edo::errc::closed ? call::closed
                                                                : call::would_wait;
        seen.respond(n, {call::try_send, answer, number});
    }

    void try_receive() {
        const unsigned n = seen.invoke();
        const auto got = rx->try_recv();
        if (got) {
            seen.respond(n, {call::try_recv, call::done, **got});
        } else {
            const bool is_closed = got.error() == edo::errc::closed;
            seen.respond(n, {call::try_recv, is_closed ? call::closed : call::would_wait});
        }
    }

    void close() {
        const unsigned n = seen.invoke();
        rx->close();
        seen.respond(n, {call::close, call::done});
    }
};

task<> send_and_note(noted_world* w, int number) {
    const unsigned n = w->seen.invoke();
    const auto sent = co_await w->tx->send(world::make(number));
    w->seen.respond(n, {call::send, sent ? call::done : call::closed, number});
}

task<> receive_and_note(noted_world* w) {
    const unsigned n = w->seen.invoke();
    const auto got = co_await w->rx->recv();
    if (got) {
        w->seen.respond(n, {call::recv, call::done, **got});
    } else {
        w->seen.respond(n, {call::recv, call::closed});
    }
}

void operations_in_one_order() {
    auto w = std::make_unique<noted_world>();
    run_threads(
        [&] {
            w->try_send(0);
            w->try_send(1);
        },
        [&] { w->try_send(2); },
        [&] {
            w->try_receive();
            w->close();
            w->try_receive();
            w->try_receive();
        });
    expect_linearizable(w->seen, specification{});
}

// A message that waits for room in the frame of its sender.
void waiting_send_in_one_order() {
    auto w = std::make_unique<noted_world>();
    w->try_send(0);
    {
        const auto waiting = w->ex.spawn(send_and_note, w.get(), 1);
        run_threads([&] { w->ex.work(); }, [&] { w->try_send(2); },
                    [&] {
                        w->try_receive();
                        w->try_receive();
                        w->close();
                    });
    }
    expect_linearizable(w->seen, specification{});
}

void waiting_recv_in_one_order() {
    auto w = std::make_unique<noted_world>();
    {
        const auto waiting = w->ex.spawn(receive_and_note, w.get());
        run_threads([&] { w->ex.work(); },
                    [&] {
                        w->try_send(0);
                        w->try_send(1);
                    },
                    [&] { w->try_send(2); });
    }
    w->try_receive();
    expect_linearizable(w->seen, specification{});
}

/// A channel whose first block has no room for one more.
struct full_block {
    std::optional<mpsc::unbounded_sender<message>> tx;
    std::optional<mpsc::receiver<message>> rx;
    unsigned received = 0;

    full_block() {
        auto [sender, receiver] = mpsc::unbounded_channel<message>();
        tx.emplace(std::move(sender));
        rx.emplace(std::move(receiver));
        send(0);
    }

    bool send(int number) { return static_cast<bool>(tx->send(world::make(number))); }

    void receive_all() {
        while (const auto got = rx->try_recv())
            received |= 1U << **got;
    }
};

// Both find that there is no room, and come back with a block.
void two_grow_beside_recv() {
    auto c = std::make_unique<full_block>();
    run_threads([&] { c->send(1); }, [&] { c->send(2); }, [&] { c->receive_all(); });
    c->receive_all();
    expect(c->received == 7, "a message is lost");
}

void growth_beside_close() {
    auto c = std::make_unique<full_block>();
    bool is_sent = false;
    run_threads([&] { is_sent = c->send(1); }, [&] { c->rx->close(); });
    c->receive_all();
    expect(c->received == (is_sent ? 3U : 1U), "a message is lost, or was refused");
}

void growth_beside_the_receivers_end() {
    auto c = std::make_unique<full_block>();
    run_threads(
        [&] {
            c->send(1);
            c->tx.reset();
        },
        [&] { c->rx.reset(); });
}

// Three messages in four slots; the second that is sent meanwhile goes where the first one was.
void slots_are_used_again_beside_the_window() {
    auto w = std::make_unique<world>(3U);
    unsigned sent = 0;
    const auto send_two = [&](int first) {
        for (const int number : {first, first + 1})
            if (w->try_send(number)) sent |= 1U << number;
    };
    send_two(0);
    expect(w->try_send(2), "a channel of three has room for two");
    sent |= 4U;
    run_threads([&] { send_two(3); },
                [&] {
                    w->try_receive();
                    w->try_receive();
                });
    while (w->try_receive()) {
    }
    expect(w->received == sent, "a message is lost");
}

// Room for two, and both messages in the window of the receiver, of which it has read the first.
template <class World>
std::unique_ptr<World> half_read_window() {
    auto w = std::make_unique<World>(2U);
    w->try_send(0);
    w->try_send(1);
    w->try_receive();
    return w;
}

void waiting_send_beside_the_window() {
    auto w = half_read_window<world>();
    expect(w->try_send(2), "there is no room for a message, though one has been read");
    {
        const auto h = w->ex.spawn(send, w.get(), 3);
        run_threads([&] { w->ex.work(); }, [&] { w->try_receive(); });
        expect(h.is_finished(), "a sender waits for room that is there");
    }
    while (w->try_receive()) {
    }
    expect(w->received == 15, "a message is lost");
}

void window_in_one_order() {
    auto w = half_read_window<noted_world>();
    run_threads(
        [&] {
            w->try_send(2);
            w->try_send(3);
        },
        [&] {
            w->try_receive();
            w->try_receive();
        });
    expect_linearizable(w->seen, specification{.capacity = 2});
}

// The message that was taken last goes back to the front, while the next one is in the window.
void untaken_message_of_a_window_is_put_back() {
    auto w = std::make_unique<world>(2U);
    w->try_send(0);
    w->try_send(1);
    {
        auto h = w->ex.spawn(receive_and_not_take, w.get());
        run_threads([&] { w->ex.work(); }, [&] { w->try_send(2); }, [&] { h.request_cancel(); });
    }
    for (int next = 0; const auto got = w->rx->try_recv(); ++next) {
        expect(**got == next, "the messages are not in order");
        w->note(*got);
    }
    expect((w->received & 3U) == 3, "a message is lost");
}

// The ring goes round a block of which the receiver reads the end, and grows.
void growth_beside_the_window() {
    auto c = std::make_unique<full_block>();
    const bool is_first_read = static_cast<bool>(c->rx->try_recv());
    c->send(1);
    c->send(2);
    run_threads([&] { c->receive_all(); },
                [&] {
                    c->send(3);
                    c->send(4);
                });
    c->receive_all();
    expect(is_first_read && c->received == 30, "a message is lost");
}

const scenario reuse_s{"mpsc.slots_are_used_again_beside_the_window",
                       slots_are_used_again_beside_the_window};
const scenario window_wait_s{"mpsc.waiting_send_beside_the_window", waiting_send_beside_the_window};
const scenario window_order_s{"mpsc.window_in_one_order", window_in_one_order};
const scenario window_back_s{"mpsc.untaken_message_of_a_window_is_put_back",
                             untaken_message_of_a_window_is_put_back};
const scenario window_grow_s{"mpsc.growth_beside_the_window", growth_beside_the_window};
const scenario grow_s{"mpsc.two_grow_beside_recv", two_grow_beside_recv};
const scenario grow_close_s{"mpsc.growth_beside_close", growth_beside_close};
const scenario grow_end_s{"mpsc.growth_beside_the_receivers_end", growth_beside_the_receivers_end};
const scenario waiting_s{"mpsc.waiting_send_beside_recv", waiting_send_beside_recv};
const scenario dropped_s{"mpsc.waiting_send_is_dropped", waiting_send_is_dropped};
const scenario close_s{"mpsc.waiting_send_beside_close", waiting_send_beside_close};
const scenario reserve_s{"mpsc.reservation_beside_recv", reservation_beside_recv};
const scenario drop_s{"mpsc.reservation_is_dropped_beside_room",
                      reservation_is_dropped_beside_room};
const scenario last_s{"mpsc.last_senders_go_beside_recv", last_senders_go_beside_recv};
const scenario used_s{"mpsc.used_permit_beside_the_receivers_end",
                      used_permit_beside_the_receivers_end};
const scenario unused_s{"mpsc.unused_permit_beside_the_receivers_end",
                        unused_permit_beside_the_receivers_end};
const scenario permit_s{"mpsc.permit_is_the_last_sender", permit_is_the_last_sender};
const scenario back_s{"mpsc.untaken_message_is_put_back", untaken_message_is_put_back};
const scenario closed_s{"mpsc.closed_beside_the_receivers_end", closed_beside_the_receivers_end};

const scenario order_s{"mpsc.operations_in_one_order", operations_in_one_order};
const scenario send_order_s{"mpsc.waiting_send_in_one_order", waiting_send_in_one_order};
const scenario recv_order_s{"mpsc.waiting_recv_in_one_order", waiting_recv_in_one_order};

TEST(mpsc_model, room_goes_to_the_sender_that_waits) {
    expect_holds(waiting_s);
}

TEST(mpsc_model, turn_of_a_dropped_sender_is_not_lost) {
    expect_holds(dropped_s);
}

TEST(mpsc_model, close_refuses_the_message_or_leaves_it) {
    expect_holds(close_s);
}

TEST(mpsc_model, reserved_room_is_used) {
    expect_holds(reserve_s);
}

TEST(mpsc_model, room_of_a_dropped_reservation_goes_to_the_next) {
    expect_holds(drop_s);
}

TEST(mpsc_model, receiver_sees_the_last_message_and_the_end) {
    expect_holds(last_s);
}

TEST(mpsc_model, message_for_nobody_is_destroyed_once) {
    expect_holds(used_s);
}

TEST(mpsc_model, last_permit_frees_what_the_ends_share) {
    expect_holds(unused_s);
}

TEST(mpsc_model, permit_keeps_the_channel_open) {
    expect_holds(permit_s);
}

TEST(mpsc_model, dropped_receive_puts_the_message_back) {
    expect_holds(back_s);
}

TEST(mpsc_model, sender_learns_that_nobody_receives) {
    expect_holds(closed_s);
}

TEST(mpsc_model, attempts_and_close_are_linearizable) {
    expect_holds(order_s);
}

TEST(mpsc_model, send_that_waits_is_linearizable) {
    expect_holds(send_order_s);
}

TEST(mpsc_model, receive_that_waits_is_linearizable) {
    expect_holds(recv_order_s);
}

TEST(mpsc_model, two_senders_that_need_memory_at_once_lose_nothing) {
    expect_holds(grow_s);
}

TEST(mpsc_model, close_refuses_a_message_that_needs_memory_or_leaves_it) {
    expect_holds(grow_close_s);
}

TEST(mpsc_model, message_that_needs_memory_beside_the_receivers_end_is_destroyed_once) {
    expect_holds(grow_end_s);
}

TEST(mpsc_model, slot_that_was_read_is_used_again) {
    expect_holds(reuse_s);
}

TEST(mpsc_model, sender_does_not_wait_for_room_that_was_read) {
    expect_holds(window_wait_s);
}

TEST(mpsc_model, receives_without_the_lock_are_linearizable) {
    expect_holds(window_order_s);
}

TEST(mpsc_model, dropped_receive_puts_its_message_in_front_of_the_window) {
    expect_holds(window_back_s);
}

TEST(mpsc_model, ring_that_grows_leaves_the_window_where_it_is) {
    expect_holds(window_grow_s);
}

void caught(const char* name, const char* function) {
    const mutant bug{.name = name,
                     .file = "sync/store/mpsc_core.h",
                     .line = "spin_guard held(lock_)",
                     .what = mutant::kind::skip,
                     .in = function};
    expect_caught(bug, {used_s, unused_s, waiting_s, close_s, reserve_s, last_s, permit_s, back_s,
                        closed_s, drop_s, dropped_s, window_wait_s});
}

void caught_in_window(const char* name,
                      const char* line,
                      std::memory_order order,
                      const scenario& by = window_wait_s) {
    const mutant bug{.name = name,
                     .file = "sync/store/read_window.h",
                     .line = line,
                     .what = mutant::kind::weaken,
                     .order = order};
    expect_caught(bug, {by});
}

TEST(mpsc_mutants, try_send_takes_no_lock) {
    caught("mpsc try_send without lock", "::try_send(");
}

TEST(mpsc_mutants, send_takes_no_lock) {
    caught("mpsc poll_send without lock", "::poll_send(");
}

TEST(mpsc_mutants, send_at_once_takes_no_lock) {
    caught("mpsc send_at_once without lock", "::send_at_once(");
}

TEST(mpsc_mutants, receive_at_once_takes_no_lock) {
    caught("mpsc recv_at_once without lock", "::recv_at_once(");
}

TEST(mpsc_mutants, room_that_was_read_is_handed_out_without_the_lock) {
    caught("mpsc hand_out_read without lock", "::hand_out_read(");
}

TEST(mpsc_mutants, drop_of_a_send_takes_no_lock) {
    caught("mpsc abandon_send without lock", "::abandon_send(");
}

TEST(mpsc_mutants, reserve_takes_no_lock) {
    caught("mpsc poll_reserve without lock", "::poll_reserve(");
}

TEST(mpsc_mutants, drop_of_a_reservation_takes_no_lock) {
    caught("mpsc abandon_reserve without lock", "::abandon_reserve(");
}

TEST(mpsc_mutants, send_by_permit_takes_no_lock) {
    caught("mpsc send_reserved without lock", "::send_reserved(");
}

TEST(mpsc_mutants, unused_permit_takes_no_lock) {
    caught("mpsc release_permit without lock", "::release_permit(");
}

TEST(mpsc_mutants, senders_end_takes_no_lock) {
    caught("mpsc drop_sender without lock", "::drop_sender(");
}

TEST(mpsc_mutants, receive_takes_no_lock) {
    caught("mpsc poll_recv without lock", "::poll_recv(");
}

TEST(mpsc_mutants, drop_of_a_receive_takes_no_lock) {
    caught("mpsc abandon_recv without lock", "::abandon_recv(");
}

TEST(mpsc_mutants, close_takes_no_lock) {
    caught("mpsc close without lock", "::close(");
}

TEST(mpsc_mutants, receivers_end_takes_no_lock) {
    caught("mpsc drop_receiver without lock", "::drop_receiver(");
}

TEST(mpsc_mutants, slot_is_given_back_before_its_message_is_out) {
    caught_in_window("mpsc read_.store relaxed", "read_.store(", std::memory_order_relaxed,
                     reuse_s);
}

TEST(mpsc_mutants, sender_does_not_see_that_a_slot_is_free) {
    caught_in_window("mpsc read_.load relaxed", "read_.load(seq_cst)", std::memory_order_relaxed,
                     reuse_s);
}

TEST(mpsc_mutants, receiver_looks_for_senders_before_it_says_what_it_read) {
    caught_in_window("mpsc read_.store release", "read_.store(", std::memory_order_release);
}

TEST(mpsc_mutants, receiver_does_not_see_that_a_sender_waits) {
    caught_in_window("mpsc waited_for_.load acquire", "waited_for_.load(seq_cst)",
                     std::memory_order_acquire);
}

TEST(mpsc_mutants, sender_looks_for_room_before_it_says_that_it_waits) {
    caught_in_window("mpsc waited_for_.store release", "waited_for_.store(true",
                     std::memory_order_release);
}

TEST(mpsc_mutants, sender_looks_once_more_at_an_old_value) {
    caught_in_window("mpsc read_.load acquire", "read_.load(seq_cst)", std::memory_order_acquire);
}

}  // namespace
