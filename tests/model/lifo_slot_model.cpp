// The slot of a worker (runtime/scheduler/lifo_slot.h) and the watch over slots (slot_watch.h).

#include "model_test.h"
#include "ring_tasks.h"

#include <gtest/gtest.h>

#include <edo/runtime/scheduler/lifo_slot.h>
#include <edo/runtime/scheduler/slot_watch.h>

namespace {

using edo::detail::lifo_slot;
using edo::detail::slot_watch;
using edo::detail::task_header;
using edo::model::token;
using edo::model::tokens;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

struct world {
    tokens all;
    lifo_slot slot;
    slot_watch watch;
    edo_check::parker watcher;
    token* made[3] = {};

    explicit world(unsigned count) {
        for (unsigned i = 0; i < count; ++i)
            (made[i] = &all.make())->written = 0;
    }

    void fill(unsigned index) {
        made[index]->written = 1;
        tokens::take(slot.fill(*made[index], false));  // what it displaces would go to the ring
    }

    void end() {
        tokens::take(slot.take(false));
        all.expect_each_taken_once();
    }
};

void take_beside_steal() {
    auto w = std::make_unique<world>(1);
    run_threads(
        [&] {
            w->fill(0);
            tokens::take(w->slot.take(false));
        },
        [&] { tokens::take(w->slot.steal()); });
    w->end();
}

void displacement_beside_steal() {
    auto w = std::make_unique<world>(3);
    run_threads(
        [&] {
            w->fill(0);
            w->fill(1);
            tokens::take(w->slot.take(false));
            w->fill(2);
        },
        [&] { tokens::take(w->slot.steal()); });
    w->end();
}

void take_if_beside_steal() {
    auto w = std::make_unique<world>(2);
    run_threads(
        [&] {
            w->fill(0);
            if (w->slot.take_if(*w->made[0], false)) tokens::take(w->made[0]);
            w->fill(1);
            expect(!w->slot.take_if(*w->made[0], false), "another task was taken");
        },
        [&] { tokens::take(w->slot.steal()); });
    w->end();
}

void two_thieves() {
    auto w = std::make_unique<world>(2);
    run_threads(
        [&] {
            w->fill(0);
            tokens::take(w->slot.take(false));
            w->fill(1);
        },
        [&] { tokens::take(w->slot.steal()); },
        [&] {
            if (w->slot.is_filled()) tokens::take(w->slot.steal());
        });
    w->end();
}

// The watch ends while a slot is filled: the watcher sees the task, or the owner learns that it has
// to call.
void watch_ends_beside_a_fill() {
    auto w = std::make_unique<world>(1);
    w->watch.call();
    w->watch.begin();
    bool was_seen = false;
    bool was_called = false;
    run_threads(
        [&] {
            w->fill(0);
            was_called = w->watch.call();
        },
        [&] {
            w->watch.end();
            was_seen = w->slot.is_filled();
        });
    expect(was_seen || was_called, "a filled slot that nobody watches");
    w->end();
}

// Whoever calls for a watcher wakes one; one of two callers is enough, and one watcher takes it.
void two_calls_and_a_watcher() {
    auto w = std::make_unique<world>(0);
    int watchers = 0;
    const auto call = [&] {
        if (w->watch.call()) w->watcher.unpark();
    };
    run_threads(call, call, [&] {
        w->watcher.park();
        if (w->watch.begin()) ++watchers;
    });
    expect(watchers == 1, "a call was forgotten, or answered twice");
}

// Two workers go to sleep while a watcher is wanted.
void two_sleepers() {
    auto w = std::make_unique<world>(0);
    w->watch.call();
    bool first = false;
    bool second = false;
    run_threads([&] { first = w->watch.begin(); }, [&] { second = w->watch.begin(); });
    expect(first != second, "no watcher, or two");
}

const scenario take_s{"lifo_slot.take_beside_steal", take_beside_steal};
const scenario displacement_s{"lifo_slot.displacement_beside_steal", displacement_beside_steal};
const scenario take_if_s{"lifo_slot.take_if_beside_steal", take_if_beside_steal};
const scenario two_thieves_s{"lifo_slot.two_thieves", two_thieves};
const scenario watch_s{"slot_watch.watch_ends_beside_a_fill", watch_ends_beside_a_fill};
const scenario sleepers_s{"slot_watch.two_sleepers", two_sleepers};
const scenario calls_s{"slot_watch.two_calls_and_a_watcher", two_calls_and_a_watcher};

TEST(lifo_slot_model, task_is_taken_or_stolen_once) {
    expect_holds(take_s);
}

TEST(lifo_slot_model, displaced_task_is_nobody_elses) {
    expect_holds(displacement_s);
}

TEST(lifo_slot_model, owner_takes_only_the_task_it_means) {
    expect_holds(take_if_s);
}

TEST(lifo_slot_model, two_thieves_take_it_once) {
    expect_holds(two_thieves_s);
}

TEST(slot_watch_model, no_filled_slot_is_forgotten) {
    expect_holds(watch_s);
}

TEST(slot_watch_model, one_of_two_sleepers_watches) {
    expect_holds(sleepers_s);
}

TEST(slot_watch_model, no_call_is_forgotten) {
    expect_holds(calls_s);
}

void caught(const char* name,
            const char* file,
            const char* line,
            mutant::kind what,
            std::memory_order order = std::memory_order_relaxed) {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .order = order};
    expect_caught(bug,
                  {take_s, displacement_s, take_if_s, two_thieves_s, watch_s, sleepers_s, calls_s});
}

constexpr const char* slot_h = "runtime/scheduler/lifo_slot.h";
constexpr const char* watch_h = "runtime/scheduler/slot_watch.h";

TEST(lifo_slot_mutants, fill_publishes_nothing) {
    caught("lifo F relaxed", slot_h, "exchange(&task, seq_cst);   // F", mutant::kind::weaken);
}

TEST(lifo_slot_mutants, thief_does_not_acquire) {
    caught("lifo S relaxed", slot_h, "exchange(nullptr, acquire); }  // S", mutant::kind::weaken);
}

TEST(lifo_slot_mutants, take_is_not_atomic) {
    caught("lifo T torn", slot_h, "exchange(nullptr, relaxed);  // T", mutant::kind::tear);
}

TEST(lifo_slot_mutants, take_if_is_not_atomic) {
    caught("lifo T of take_if torn", slot_h, "compare_exchange_strong(seen, nullptr",
           mutant::kind::tear);
}

TEST(lifo_slot_mutants, fill_is_not_atomic) {
    caught("lifo F torn", slot_h, "exchange(&task, seq_cst);   // F", mutant::kind::tear);
}

TEST(slot_watch_mutants, end_of_the_watch_is_only_released) {
    caught("watch E release", watch_h, "state_.store(state::off, seq_cst)", mutant::kind::weaken,
           std::memory_order_release);
}

TEST(slot_watch_mutants, look_at_the_slot_is_only_acquired) {
    caught("lifo L acquire", slot_h, "load(seq_cst) != nullptr; }  // L", mutant::kind::weaken,
           std::memory_order_acquire);
}

TEST(slot_watch_mutants, fill_is_only_acq_rel) {
    caught("lifo F acq_rel", slot_h, "exchange(&task, seq_cst);   // F", mutant::kind::weaken,
           std::memory_order_acq_rel);
}

TEST(slot_watch_mutants, begin_is_not_atomic) {
    caught("watch B torn", watch_h, "// B", mutant::kind::tear);
}

}  // namespace
