// The channel in which every receiver gets every message (sync/store/broadcast_core.h), and the
// count of the messages' readers (sync/store/shared_value.h): the last of them moves the message
// out while others have just copied it.

#include "model_test.h"
#include "task_executor.h"
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include <edo/sync/broadcast.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>

namespace {

namespace broadcast = edo::sync::broadcast;
using edo::task;
using edo::model::executor;
using edo::model::untaken;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

/// What it holds is plain: copies read it, moves write it.
class message {
public:
    explicit message(int number) : number_(std::make_unique<int>(number)) {}

    message(const message& other) : number_(std::make_unique<int>(*other.number_)) {}

    message(message&&) noexcept = default;
    message& operator=(message) = delete;

    int number() const noexcept { return *number_; }

private:
    std::unique_ptr<int> number_;
};

struct world {
    executor ex;
    std::optional<broadcast::sender<message>> tx;
    std::optional<broadcast::receiver<message>> a, b;

    explicit world(std::size_t capacity) {
        auto [sender, receiver] = broadcast::channel<message>(capacity);
        tx.emplace(std::move(sender));
        a.emplace(std::move(receiver));
    }

    void subscribe() { b.emplace(tx->subscribe()); }

    bool send(int number) { return static_cast<bool>(tx->send(message(number))); }
};

using receiver = std::optional<broadcast::receiver<message>>;

void expect_next(receiver& from, int number) {
    const auto got = from->try_recv();
    expect(got && got->number() == number, "another message than the next");
}

task<> receive(receiver* from, int* number) {
    const auto got = co_await (*from)->recv();
    *number = got ? got->number() : -1;
}

// Counts what has come and what was missed.
task<> receive_to_the_end(receiver* from, std::uint64_t* count) {
    int last = 0;
    for (;;) {
        const auto got = co_await (*from)->recv();
        if (got == edo::errc::closed) break;
        *count += got.missed();
        if (!got) continue;
        expect(got->number() > last, "messages in the wrong order");
        last = got->number();
        ++*count;
    }
    from->reset();
}

task<> receive_and_not_take(receiver* from) {
    co_await untaken((*from)->recv());
}

task<> wait_for_close(world* w) {
    co_await w->tx->closed();
    w->tx.reset();
}

void two_receivers() {
    auto w = std::make_unique<world>(1);
    w->subscribe();
    w->send(1);
    run_threads([&] { expect_next(w->a, 1); }, [&] { expect_next(w->b, 1); });
}

void send_beside_two_waits() {
    auto w = std::make_unique<world>(1);
    w->subscribe();
    int first = 0;
    int second = 0;
    const auto a = w->ex.spawn(receive, &w->a, &first);
    const auto b = w->ex.spawn(receive, &w->b, &second);
    w->ex.run_some(1);
    run_threads([&] { w->ex.work(); }, [&] { w->send(1); });
    expect(first == 1 && second == 1, "a receiver did not get the message");
}

void messages_are_overwritten() {
    auto w = std::make_unique<world>(1);
    std::uint64_t count = 0;
    const auto h = w->ex.spawn(receive_to_the_end, &w->a, &count);
    run_threads([&] { w->ex.work(); },
                [&] {
                    w->send(1);
                    w->send(2);
                    w->tx.reset();
                });
    expect(h.is_finished() && count == 2, "a message is neither received nor missed");
}

// The slots that a receiver leaves unread are read for it, one by one.
void receiver_goes_beside_send_and_recv() {
    auto w = std::make_unique<world>(2);
    w->subscribe();
    w->send(1);
    w->send(2);
    run_threads([&] { w->a.reset(); }, [&] { w->send(3); },
                [&] {
                    const auto got = w->b->try_recv();
                    expect(got ? got->number() == 1 : got.missed() == 1, "the wrong message");
                });
    std::uint64_t left = w->b->size();
    for (; left != 0; --left)
        expect(static_cast<bool>(w->b->try_recv()), "a message is lost");
}

void untaken_message_is_put_back() {
    auto w = std::make_unique<world>(1);
    w->subscribe();
    {
        auto h = w->ex.spawn(receive_and_not_take, &w->a);
        w->send(1);
        run_threads([&] { w->ex.work(); }, [&] { h.request_cancel(); },
                    [&] { expect_next(w->b, 1); });
    }
    expect_next(w->a, 1);
}

void put_back_beside_send() {
    auto w = std::make_unique<world>(1);
    {
        auto h = w->ex.spawn(receive_and_not_take, &w->a);
        w->send(1);
        run_threads([&] { w->ex.work(); }, [&] { h.request_cancel(); }, [&] { w->send(2); });
    }
    const auto got = w->a->try_recv();
    expect(got == edo::errc::lagged && got.missed() == 1, "the lost message is not told");
    expect_next(w->a, 2);
}

void ends_go_at_once() {
    auto w = std::make_unique<world>(1);
    w->subscribe();
    w->send(1);
    run_threads([&] { w->tx.reset(); }, [&] { w->a.reset(); }, [&] { w->b.reset(); });
}

void closed_beside_the_last_receivers_end() {
    auto w = std::make_unique<world>(1);
    const auto h = w->ex.spawn(wait_for_close, w.get());
    run_threads([&] { w->ex.work(); }, [&] { w->a.reset(); });
    expect(h.is_finished() && !w->tx, "the task did not end");
}

const scenario two_s{"broadcast.two_receivers", two_receivers};
const scenario waits_s{"broadcast.send_beside_two_waits", send_beside_two_waits};
const scenario overwritten_s{"broadcast.messages_are_overwritten", messages_are_overwritten};
const scenario goes_s{"broadcast.receiver_goes_beside_send_and_recv",
                      receiver_goes_beside_send_and_recv};
const scenario back_s{"broadcast.untaken_message_is_put_back", untaken_message_is_put_back};
const scenario back_send_s{"broadcast.put_back_beside_send", put_back_beside_send};
const scenario ends_s{"broadcast.ends_go_at_once", ends_go_at_once};
const scenario closed_s{"broadcast.closed_beside_the_last_receivers_end",
                        closed_beside_the_last_receivers_end};

TEST(broadcast_model, last_receiver_moves_the_message_out_after_all_have_read) {
    expect_holds(two_s);
}

TEST(broadcast_model, every_receiver_is_woken) {
    expect_holds(waits_s);
}

TEST(broadcast_model, message_is_received_or_missed) {
    expect_holds(overwritten_s);
}

TEST(broadcast_model, receiver_that_goes_reads_for_nobody_else) {
    expect_holds(goes_s);
}

TEST(broadcast_model, dropped_receive_puts_the_message_back) {
    expect_holds(back_s);
}

TEST(broadcast_model, message_that_was_overwritten_meanwhile_counts_as_missed) {
    expect_holds(back_send_s);
}

TEST(broadcast_model, last_end_frees_what_they_share) {
    expect_holds(ends_s);
}

TEST(broadcast_model, sender_learns_that_nobody_receives) {
    expect_holds(closed_s);
}

constexpr const char* core_h = "sync/store/broadcast_core.h";
constexpr const char* value_h = "sync/store/shared_value.h";

void caught(
    const char* name, const char* file, const char* line, mutant::kind what, const char* in = "") {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .in = in};
    expect_caught(bug,
                  {two_s, ends_s, waits_s, overwritten_s, goes_s, back_s, back_send_s, closed_s});
}

void caught_without_lock(const char* name, const char* function) {
    caught(name, core_h, "mutex_lock held(mutex_)", mutant::kind::skip, function);
}

TEST(broadcast_mutants, send_takes_no_lock) {
    caught_without_lock("broadcast send without lock", "::send(");
}

TEST(broadcast_mutants, receive_takes_no_lock) {
    caught_without_lock("broadcast poll_recv without lock", "::poll_recv(");
}

TEST(broadcast_mutants, drop_of_a_receive_takes_no_lock) {
    caught_without_lock("broadcast put_back without lock", "::put_back(");
}

TEST(broadcast_mutants, receivers_end_takes_no_lock) {
    caught_without_lock("broadcast drop_receiver without lock", "::drop_receiver(");
}

TEST(broadcast_mutants, senders_end_takes_no_lock) {
    caught_without_lock("broadcast drop_sender without lock", "::drop_sender(");
}

TEST(broadcast_mutants, references_are_not_counted_atomically) {
    caught("broadcast N torn", value_h, "// N", mutant::kind::tear);
}

TEST(broadcast_mutants, references_are_let_go_without_order) {
    caught("broadcast R relaxed", value_h, "fetch_sub(1, acq_rel)", mutant::kind::weaken);
}

TEST(broadcast_mutants, references_are_not_let_go_atomically) {
    caught("broadcast R torn", value_h, "fetch_sub(1, acq_rel)", mutant::kind::tear);
}

TEST(broadcast_mutants, last_reader_does_not_see_the_others) {
    caught("broadcast U relaxed", value_h, "// U", mutant::kind::weaken);
}

}  // namespace
