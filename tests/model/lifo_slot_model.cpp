// The slot of a worker (runtime/scheduler/lifo_slot.h).

#include "model_test.h"
#include "ring_tasks.h"

#include <gtest/gtest.h>

#include <edo/runtime/scheduler/lifo_slot.h>

namespace {

using edo::detail::lifo_slot;
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
        [&] { tokens::take(w->slot.steal()); }, [&] { tokens::take(w->slot.steal()); });
    w->end();
}

const scenario take_s{"lifo_slot.take_beside_steal", take_beside_steal};
const scenario displacement_s{"lifo_slot.displacement_beside_steal", displacement_beside_steal};
const scenario take_if_s{"lifo_slot.take_if_beside_steal", take_if_beside_steal};
const scenario two_thieves_s{"lifo_slot.two_thieves", two_thieves};

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

void caught(const char* name,
            const char* file,
            const char* line,
            mutant::kind what,
            std::memory_order order = std::memory_order_relaxed) {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .order = order};
    expect_caught(bug, {take_s, displacement_s, take_if_s, two_thieves_s});
}

constexpr const char* slot_h = "runtime/scheduler/lifo_slot.h";

TEST(lifo_slot_mutants, fill_publishes_nothing) {
    caught("lifo F relaxed", slot_h, "store(&task, release);  // F", mutant::kind::weaken);
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

TEST(lifo_slot_mutants, displacement_publishes_nothing) {
    caught("lifo F' relaxed", slot_h, "exchange(&task, acq_rel);  // F'", mutant::kind::weaken);
}

TEST(lifo_slot_mutants, displacement_is_not_atomic) {
    caught("lifo F' torn", slot_h, "exchange(&task, acq_rel);  // F'", mutant::kind::tear);
}

}  // namespace
