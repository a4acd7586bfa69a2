// Notifications (sync/notify.cpp): one that has come to a task that is dropped meanwhile, one whose
// task goes on without the lock, and the round of notify_waiters().

#include "lock_word_mutants.h"
#include "model_test.h"
#include "task_executor.h"
#include "waker_holder.h"
#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include <edo/sync/notify.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>

namespace {

using edo::task;
using edo::model::all_lock_word_mutants;
using edo::model::executor;
using edo::model::hand_out_waker;
using edo::model::lock_word_mutant;
using edo::model::name_of_mutant;
using edo::sync::notified_operation;
using edo::sync::notify;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::run_threads;
using edo_check::scenario;

struct world {
    executor ex;
    std::unique_ptr<notify> changed = std::make_unique<notify>();
    edo_check::atomic<int> is_said{0};  // orders nothing: that is left to the notify
    edo::waker poke;
    int said = 0;   // plain: written before the notification
    int heard = 0;  // plain: written by who has heard last
};

task<> hear(world* w) {
    co_await w->changed->notified();
    w->heard = w->said;
}

task<> hear_and_tell(world* w) {
    co_await w->changed->notified();
    w->changed->notify_one();
}

task<> hear_and_free(world* w) {
    co_await w->changed->notified();
    w->changed.reset();
}

// An operation that is made before it is known whether there is something to wait for.
task<> hear_if_not_said(world* w) {
    notified_operation later = w->changed->notified();
    if (w->is_said.load(std::memory_order_relaxed) == 0) co_await later;
}

// Polled for no reason while it is notified; what it waited for goes with it.
task<> hear_free_and_be_poked(world* w) {
    co_await hand_out_waker(w->poke);
    co_await w->changed->notified();
    w->heard = w->said;
    w->changed.reset();
}

task<> hear_in_variable(notified_operation* op) {
    co_await *op;
}

bool has_permit(world& w) {
    executor other;
    auto h = other.spawn(hear, &w);
    other.run_some(1);
    const bool was_there = h.is_finished();
    h.request_cancel();
    other.work();
    return was_there;
}

void notification_beside_the_wait() {
    auto w = std::make_unique<world>();
    {
        const auto h = w->ex.spawn(hear, w.get());
        run_threads([&] { w->ex.work(); },
                    [&] {
                        w->said = 1;
                        w->changed->notify_one();
                    });
        expect(w->heard == 1, "what was said before the notification is not seen");
    }
    expect(!has_permit(*w), "one notification has counted twice");
}

// The first in the queue is dropped, before or after it was notified; or it goes on and tells the
// next.
void notified_task_is_dropped() {
    auto w = std::make_unique<world>();
    {
        auto first = w->ex.spawn(hear_and_tell, w.get());
        const auto second = w->ex.spawn(hear, w.get());
        w->ex.run_some(2);
        run_threads([&] { w->ex.work(); }, [&] { w->changed->notify_one(); },
                    [&] { first.request_cancel(); });
        expect(second.is_finished(), "the notification is lost");
    }
    expect(!has_permit(*w), "one notification has counted twice");
}

// Nobody else waits: the permit of a task that is dropped is stored.
void permit_of_a_dropped_task_is_stored() {
    auto w = std::make_unique<world>();
    bool was_heard = false;
    {
        auto h = w->ex.spawn(hear, w.get());
        w->ex.run_some(1);
        w->said = 1;
        run_threads([&] { w->ex.work(); }, [&] { w->changed->notify_one(); },
                    [&] { h.request_cancel(); });
        was_heard = w->heard == 1;
    }
    expect(has_permit(*w) == !was_heard, "the notification is lost, or was heard twice");
}

void notify_waiters_beside_the_making_of_a_wait() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(hear_if_not_said, w.get());
    run_threads([&] { w->ex.work(); },
                [&] {
                    w->is_said.store(1, std::memory_order_relaxed);
                    w->changed->notify_waiters();
                });
    expect(h.is_finished(), "the task did not end");
}

// There is a permit already. Who waits since before takes it before the round ends, or leaves it to
// those that come after.
void permit_of_a_later_round_is_left() {
    auto w = std::make_unique<world>();
    notified_operation earlier = w->changed->notified();
    w->changed->notify_one();
    {
        const auto h = w->ex.spawn(hear_in_variable, &earlier);
        run_threads([&] { w->ex.work(); },
                    [&] {
                        w->changed->notify_waiters();
                        w->changed->notify_one();
                    });
        expect(h.is_finished(), "the task did not end");
    }
    expect(has_permit(*w), "the notification is lost");
}

// A notification for all is nobody's to pass on.
void notify_waiters_beside_drop_and_notify_one() {
    auto w = std::make_unique<world>();
    {
        auto first = w->ex.spawn(hear, w.get());
        const auto second = w->ex.spawn(hear, w.get());
        w->ex.run_some(2);
        run_threads([&] { w->ex.work(); }, [&] { w->changed->notify_waiters(); },
                    [&] { first.request_cancel(); });
        expect(second.is_finished(), "a task that waited was not notified");
    }
    expect(!has_permit(*w), "a notification for all was passed on");
}

void woken_task_frees_the_notify() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(hear_and_free, w.get());
    run_threads([&] { w->ex.work(); }, [&] { w->changed->notify_one(); });
    expect(h.is_finished() && w->changed == nullptr, "the task did not end");
}

void needless_poll_beside_the_notification() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(hear_free_and_be_poked, w.get());
    w->ex.run_some(1);
    run_threads([&] { w->ex.work(); },
                [&] {
                    w->said = 1;
                    w->changed->notify_one();
                },
                [&] { std::exchange(w->poke, {}).wake(); });
    expect(h.is_finished() && w->heard == 1, "what was said before the notification is not seen");
}

void operation_outlives_its_task() {
    auto w = std::make_unique<world>();
    std::optional<notified_operation> op;
    op.emplace(w->changed->notified());
    {
        auto h = w->ex.spawn(hear_in_variable, &*op);
        w->ex.run_some(1);
        h.request_cancel();
    }
    run_threads([&] { w->ex.work(); }, [&] { w->changed->notify_one(); });
    op.reset();
    expect(has_permit(*w), "the notification is lost");
}

const scenario wait_s{"notify.notification_beside_the_wait", notification_beside_the_wait};
const scenario dropped_s{"notify.notified_task_is_dropped", notified_task_is_dropped};
const scenario stored_s{"notify.permit_of_a_dropped_task_is_stored",
                        permit_of_a_dropped_task_is_stored};
const scenario making_s{"notify.notify_waiters_beside_the_making_of_a_wait",
                        notify_waiters_beside_the_making_of_a_wait};
const scenario later_s{"notify.permit_of_a_later_round_is_left", permit_of_a_later_round_is_left};
const scenario all_s{"notify.notify_waiters_beside_drop_and_notify_one",
                     notify_waiters_beside_drop_and_notify_one};
const scenario frees_s{"notify.woken_task_frees_the_notify", woken_task_frees_the_notify};
const scenario poked_s{"notify.needless_poll_beside_the_notification",
                       needless_poll_beside_the_notification};
const scenario outlives_s{"notify.operation_outlives_its_task", operation_outlives_its_task};

TEST(notify_model, notification_hands_over_what_preceded_it) {
    expect_holds(wait_s);
}

TEST(notify_model, notification_of_a_dropped_task_is_passed_on) {
    expect_holds(dropped_s);
}

TEST(notify_model, notification_of_a_dropped_task_is_stored_when_nobody_waits) {
    expect_holds(stored_s);
}

TEST(notify_model, operation_made_before_is_notified) {
    expect_holds(making_s);
}

TEST(notify_model, permit_of_a_later_round_is_left_to_those_that_come_after) {
    expect_holds(later_s);
}

TEST(notify_model, notification_for_all_is_not_passed_on) {
    expect_holds(all_s);
}

TEST(notify_model, notify_may_go_with_the_task_that_it_woke) {
    expect_holds(frees_s);
}

TEST(notify_model, who_is_polled_meanwhile_goes_on_when_the_notifier_has_left) {
    expect_holds(poked_s);
}

TEST(notify_model, operation_in_a_variable_wakes_no_memory_that_is_gone) {
    expect_holds(outlives_s);
}

class notify_mutants : public ::testing::TestWithParam<lock_word_mutant> {};

INSTANTIATE_TEST_SUITE_P(word, notify_mutants, all_lock_word_mutants(), name_of_mutant);

TEST_P(notify_mutants, is_caught) {
    expect_caught(GetParam().bug, {wait_s, dropped_s, stored_s, making_s, later_s, all_s, frees_s,
                                   poked_s, outlives_s});
}

}  // namespace
