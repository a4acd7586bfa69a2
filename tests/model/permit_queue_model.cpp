// Permits that are handed from task to task (sync/wait/permit_queue.cpp, under semaphore and
// mutex): a grant beside the drop of the one it goes to, wakes that count no reference, and who
// takes and gives back without the lock beside those who wait under it.

#include "lock_word_mutants.h"
#include "model_test.h"
#include "task_executor.h"
#include "waker_holder.h"
#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include <edo/sync/mutex.h>
#include <edo/sync/semaphore.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>

namespace {

using edo::task;
using edo::model::all_lock_word_mutants;
using edo::model::executor;
using edo::model::hand_out_waker;
using edo::model::lock_word_mutant;
using edo::model::name_of_mutant;
using edo::sync::semaphore;
using edo::sync::semaphore_acquire_operation;
using edo::sync::semaphore_permit;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::run_threads;
using edo_check::scenario;

struct world {
    executor ex;
    edo::sync::mutex<int> guarded;
    semaphore limit{2};
    std::unique_ptr<semaphore> own = std::make_unique<semaphore>(0);
    edo::waker poke;
    int used = 0;  // plain: touched by who holds all permits

    semaphore_permit take(std::size_t permits) { return limit.try_acquire(permits).value(); }

    void expect_all_given_back() {
        expect(limit.available_permits() == 2, "a permit is lost, or was given twice");
    }
};

task<> add_one(world* w) {
    auto held = co_await w->guarded.lock();
    ++*held;
}

task<> use(world* w, std::size_t permits) {
    const auto taken = co_await w->limit.acquire(permits);
    if (taken) ++w->used;
}

task<> use_until_closed(world* w) {
    const auto taken = co_await w->limit.acquire(2);
    expect(taken || taken == edo::errc::closed, "an answer that nobody gave");
}

// Who is woken may end what it waited for, while the other is still in release().
task<> free_after_use(world* w) {
    {
        auto taken = co_await w->own->acquire();
        taken->forget();
    }
    w->own.reset();
}

// The same, and polled for no reason while it is given the permit.
task<> free_after_use_and_be_poked(world* w) {
    co_await hand_out_waker(w->poke);
    {
        auto taken = co_await w->own->acquire();
        taken->forget();
    }
    ++w->used;
    w->own.reset();
}

task<> await_in_variable(world* w, semaphore_acquire_operation* op) {
    auto taken = co_await *op;
    if (taken) ++w->used;
}

void lock_is_handed_on() {
    auto w = std::make_unique<world>();
    {
        const auto a = w->ex.spawn(add_one, w.get());
        const auto b = w->ex.spawn(add_one, w.get());
        run_threads([&] { w->ex.work(); }, [&] { w->ex.work(); });
    }
    const auto held = w->guarded.try_lock();
    expect(held && **held == 2, "somebody did not have the lock");
}

void grant_beside_cancel() {
    auto w = std::make_unique<world>();
    {
        auto held = w->take(2);
        auto a = w->ex.spawn(use, w.get(), 2U);
        const auto b = w->ex.spawn(use, w.get(), 2U);
        w->ex.run_some(2);
        run_threads([&] { w->ex.work(); }, [&] { held.release(); }, [&] { a.request_cancel(); });
        expect(w->used >= 1, "the second in the queue had no permit");
    }
    w->expect_all_given_back();
}

// The large request at the head goes, and the small one behind it needs what is free.
void large_request_goes_beside_release() {
    auto w = std::make_unique<world>();
    {
        auto kept = w->take(1);
        auto held = w->take(1);
        auto large = w->ex.spawn(use, w.get(), 2U);
        const auto small = w->ex.spawn(use, w.get(), 1U);
        w->ex.run_some(2);
        run_threads([&] { w->ex.work(); }, [&] { held.release(); },
                    [&] { large.request_cancel(); });
        expect(w->used == 1, "the small request had no permit");
    }
    w->expect_all_given_back();
}

void close_beside_release() {
    auto w = std::make_unique<world>();
    {
        auto held = w->take(2);
        const auto a = w->ex.spawn(use_until_closed, w.get());
        run_threads([&] { w->ex.work(); }, [&] { held.release(); }, [&] { w->limit.close(); });
        expect(a.is_finished(), "the task did not end");
    }
    w->expect_all_given_back();
}

void woken_task_frees_the_semaphore() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(free_after_use, w.get());
    run_threads([&] { w->ex.work(); }, [&] { w->own->add_permits(1); });
    expect(h.is_finished() && w->own == nullptr, "the task did not end");
}

void needless_poll_beside_the_grant() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(free_after_use_and_be_poked, w.get());
    w->ex.run_some(1);
    run_threads([&] { w->ex.work(); }, [&] { w->own->add_permits(1); },
                [&] { std::exchange(w->poke, {}).wake(); });
    expect(h.is_finished() && w->used == 1, "the task did not end");
}

// The operation is in a variable, so it outlives the task that has polled it, and whom it wakes.
void operation_outlives_its_task() {
    auto w = std::make_unique<world>();
    std::optional<semaphore_acquire_operation> op;
    {
        auto held = w->take(2);
        op.emplace(w->limit.acquire(2));
        {
            auto h = w->ex.spawn(await_in_variable, w.get(), &*op);
            w->ex.run_some(1);
            h.request_cancel();
        }
        run_threads([&] { w->ex.work(); }, [&] { held.release(); });
    }
    op.reset();
    w->expect_all_given_back();
}

void try_acquire_beside_a_waiting_task() {
    auto w = std::make_unique<world>();
    {
        auto held = w->take(2);
        const auto h = w->ex.spawn(use, w.get(), 2U);
        run_threads([&] { w->ex.work(); }, [&] { held.release(); },
                    [&] {
                        if (auto taken = w->limit.try_acquire(2)) ++w->used;
                    });
        expect(h.is_finished() && w->used >= 1, "the task did not end");
    }
    w->expect_all_given_back();
}

const scenario handed_on_s{"permit.lock_is_handed_on", lock_is_handed_on};
const scenario cancel_s{"permit.grant_beside_cancel", grant_beside_cancel};
const scenario large_s{"permit.large_request_goes_beside_release",
                       large_request_goes_beside_release};
const scenario close_s{"permit.close_beside_release", close_beside_release};
const scenario frees_s{"permit.woken_task_frees_the_semaphore", woken_task_frees_the_semaphore};
const scenario poked_s{"permit.needless_poll_beside_the_grant", needless_poll_beside_the_grant};
const scenario outlives_s{"permit.operation_outlives_its_task", operation_outlives_its_task};
const scenario try_s{"permit.try_acquire_beside_a_waiting_task", try_acquire_beside_a_waiting_task};

TEST(permit_queue_model, lock_is_handed_on) {
    expect_holds(handed_on_s);
}

TEST(permit_queue_model, permit_of_a_dropped_task_goes_to_the_next) {
    expect_holds(cancel_s);
}

TEST(permit_queue_model, dropped_large_request_lets_the_small_one_pass) {
    expect_holds(large_s);
}

TEST(permit_queue_model, close_loses_no_permit) {
    expect_holds(close_s);
}

TEST(permit_queue_model, semaphore_may_go_with_the_task_that_it_woke) {
    expect_holds(frees_s);
}

TEST(permit_queue_model, who_is_polled_meanwhile_goes_on_when_the_giver_has_left) {
    expect_holds(poked_s);
}

TEST(permit_queue_model, operation_in_a_variable_wakes_no_memory_that_is_gone) {
    expect_holds(outlives_s);
}

TEST(permit_queue_model, who_does_not_wait_takes_nothing_twice) {
    expect_holds(try_s);
}

class permit_queue_mutants : public ::testing::TestWithParam<lock_word_mutant> {};

INSTANTIATE_TEST_SUITE_P(word, permit_queue_mutants, all_lock_word_mutants(), name_of_mutant);

TEST_P(permit_queue_mutants, is_caught) {
    expect_caught(GetParam().bug,
                  {handed_on_s, cancel_s, large_s, close_s, frees_s, poked_s, outlives_s, try_s});
}

}  // namespace
