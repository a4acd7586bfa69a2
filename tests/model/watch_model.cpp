// The value that one changes and others follow (sync/store/watch_core.h): no change is missed, and
// snapshots outlive the value.

#include "model_test.h"
#include "task_executor.h"
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include <edo/sync/watch.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>

namespace {

namespace watch = edo::sync::watch;
using edo::task;
using edo::model::executor;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

struct world {
    executor ex;
    std::optional<watch::sender<int>> tx;
    std::optional<watch::receiver<int>> rx;
    int last = 0;  // plain: what the follower has seen

    world() {
        auto [sender, receiver] = watch::channel<int>(0);
        tx.emplace(std::move(sender));
        rx.emplace(std::move(receiver));
    }

    void send(int value) { const auto before = tx->send_replace(value); }
};

task<> follow_to_the_end(world* w) {
    for (;;) {
        const auto changed = co_await w->rx->changed();
        if (!changed) break;
        const auto now = w->rx->borrow();
        expect(*now >= w->last, "the value went back");
        w->last = *now;
    }
    w->rx.reset();
}

task<> follow_until(world* w, int value) {
    while (w->last != value) {
        const auto changed = co_await w->rx->changed();
        expect(static_cast<bool>(changed), "the sender is gone");
        const auto now = w->rx->borrow_and_update();
        w->last = *now;
    }
}

task<> wait_for_two(world* w) {
    const auto found = co_await w->rx->wait_for([](int value) { return value == 2; });
    w->last = found ? **found : -1;
}

task<> wait_for_change(world* w) {
    const auto changed = co_await w->rx->changed();
    if (changed) w->last = *w->rx->borrow();
}

task<> wait_for_close(world* w) {
    co_await w->tx->closed();
    w->tx.reset();
}

void two_changes() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(follow_until, w.get(), 2);
    run_threads([&] { w->ex.work(); },
                [&] {
                    w->send(1);
                    w->send(2);
                });
    expect(w->last == 2, "the last value was not seen");
}

void last_value_before_the_senders_end() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(follow_to_the_end, w.get());
    run_threads([&] { w->ex.work(); },
                [&] {
                    w->send(1);
                    w->tx.reset();
                });
    expect(w->last == 1, "the last value was not seen");
}

void value_that_fits() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(wait_for_two, w.get());
    run_threads([&] { w->ex.work(); },
                [&] {
                    w->send(1);
                    w->send(2);
                });
    expect(w->last == 2, "the value was not seen");
}

// What is replaced lives on in snapshots, and goes with the last of them.
void snapshots_beside_changes() {
    auto w = std::make_unique<world>();
    std::optional<watch::receiver<int>> other(*w->rx);
    run_threads(
        [&] {
            w->send(1);
            w->send(2);
        },
        [&] {
            const auto seen = w->rx->borrow();
            const auto copy = seen;
            expect(*copy >= 0 && *copy <= 2, "a value that nobody sent");
        },
        [&] {
            const int first = *other->borrow();
            expect(*other->borrow() >= first, "the value went back");
        });
}

// A wait that was told of the change is dropped before it looks: the change is still new.
void told_wait_is_dropped() {
    auto w = std::make_unique<world>();
    {
        auto h = w->ex.spawn(wait_for_change, w.get());
        w->ex.run_some(1);
        run_threads([&] { w->ex.work(); }, [&] { w->send(1); }, [&] { h.request_cancel(); });
    }
    expect(w->rx->has_changed().value() == (w->last == 0), "the change is lost, or new again");
}

void ends_go_at_once() {
    auto w = std::make_unique<world>();
    std::optional<watch::receiver<int>> other(*w->rx);
    run_threads(
        [&] {
            w->send(1);
            w->tx.reset();
        },
        [&] { w->rx.reset(); }, [&] { other.reset(); });
}

void closed_beside_the_last_receivers_end() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(wait_for_close, w.get());
    std::optional<watch::receiver<int>> other(*w->rx);
    run_threads([&] { w->ex.work(); }, [&] { w->rx.reset(); }, [&] { other.reset(); });
    expect(h.is_finished() && !w->tx, "the task did not end");
}

const scenario changes_s{"watch.two_changes", two_changes};
const scenario last_s{"watch.last_value_before_the_senders_end", last_value_before_the_senders_end};
const scenario fits_s{"watch.value_that_fits", value_that_fits};
const scenario snapshots_s{"watch.snapshots_beside_changes", snapshots_beside_changes};
const scenario dropped_s{"watch.told_wait_is_dropped", told_wait_is_dropped};
const scenario ends_s{"watch.ends_go_at_once", ends_go_at_once};
const scenario closed_s{"watch.closed_beside_the_last_receivers_end",
                        closed_beside_the_last_receivers_end};

TEST(watch_model, last_change_is_seen) {
    expect_holds(changes_s);
}

TEST(watch_model, last_value_is_seen_before_the_end) {
    expect_holds(last_s);
}

TEST(watch_model, value_that_fits_is_found) {
    expect_holds(fits_s);
}

TEST(watch_model, snapshots_stay_as_they_were) {
    expect_holds(snapshots_s);
}

TEST(watch_model, dropped_wait_uses_no_change_up) {
    expect_holds(dropped_s);
}

TEST(watch_model, last_end_frees_what_they_share) {
    expect_holds(ends_s);
}

TEST(watch_model, sender_learns_that_nobody_receives) {
    expect_holds(closed_s);
}

constexpr const char* core_h = "sync/store/watch_core.h";
constexpr const char* value_h = "sync/store/shared_value.h";

void caught(
    const char* name, const char* file, const char* line, mutant::kind what, const char* in = "") {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .in = in};
    expect_caught(bug, {ends_s, snapshots_s, changes_s, last_s, fits_s, dropped_s, closed_s});
}

void caught_without_lock(const char* name, const char* function) {
    caught(name, core_h, "mutex_lock held(mutex_)", mutant::kind::skip, function);
}

TEST(watch_mutants, look_at_the_value_takes_no_lock) {
    caught_without_lock("watch current without lock", "::current(");
}

TEST(watch_mutants, change_takes_no_lock) {
    caught_without_lock("watch publish without lock", "::publish(");
}

TEST(watch_mutants, wait_takes_no_lock) {
    caught_without_lock("watch poll_changed without lock", "::poll_changed(");
}

TEST(watch_mutants, drop_of_a_wait_takes_no_lock) {
    caught_without_lock("watch abandon_changed without lock", "::abandon_changed(");
}

TEST(watch_mutants, senders_end_takes_no_lock) {
    caught_without_lock("watch drop_sender without lock", "::drop_sender(");
}

TEST(watch_mutants, receivers_end_takes_no_lock) {
    caught_without_lock("watch drop_receiver without lock", "::drop_receiver(");
}

TEST(watch_mutants, references_are_let_go_without_order) {
    caught("watch R relaxed", value_h, "fetch_sub(1, acq_rel)", mutant::kind::weaken);
}

TEST(watch_mutants, references_are_not_let_go_atomically) {
    caught("watch R torn", value_h, "fetch_sub(1, acq_rel)", mutant::kind::tear);
}

}  // namespace
