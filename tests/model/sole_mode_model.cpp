// A worker that works on its ring and slot without locked instructions until somebody else wants to
// touch them (runtime/scheduler/sole_mode.h): the end of that mode, by the barrier that the kernel
// makes for both sides, beside what the owner does with the real ring and slot.

#include "model_test.h"
#include "ring_tasks.h"

#include <gtest/gtest.h>

#include <edo/runtime/scheduler/inject_queue.h>
#include <edo/runtime/scheduler/lifo_slot.h>
#include <edo/runtime/scheduler/local_queue.h>
#include <edo/runtime/scheduler/sole_mode.h>

namespace {

using edo::detail::inject_queue;
using edo::detail::lifo_slot;
using edo::detail::local_queue;
using edo::detail::sole_mode;
using edo::detail::task_header;
using edo::detail::task_list;
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
    inject_queue inject;
    sole_mode mode{true};
    local_queue ring, spare;
    lifo_slot slot;
    token* made[5] = {};
    bool has_ended = false;  // the monitor's

    explicit world(unsigned count) {
        for (unsigned i = 0; i < count; ++i)
            (made[i] = &all.make())->written = 0;
    }

    // What the owner does, each in a bracket as in worker.cpp.

    void push(unsigned index) {
        made[index]->written = 1;
        const sole_mode::bracket own(mode);
        ring.push(*made[index], inject, own.is_alone());
    }

    bool pop() {
        const sole_mode::bracket own(mode);
        return tokens::take(ring.pop(own.is_alone()));
    }

    void fill(unsigned index) {
        made[index]->written = 1;
        const sole_mode::bracket own(mode);
        task_header* const displaced = slot.fill(*made[index], own.is_alone());
        if (displaced != nullptr) ring.push(*displaced, inject, own.is_alone());
    }

    void take() {
        const sole_mode::bracket own(mode);
        tokens::take(slot.take(own.is_alone()));
    }

    bool take_if(unsigned index) {
        const sole_mode::bracket own(mode);
        return slot.take_if(*made[index], own.is_alone()) && tokens::take(made[index]);
    }

    // What the monitor does, and the spare that it starts.

    bool end_mode() {
        for (unsigned looks = 0; looks < 2 && !has_ended; ++looks)
            has_ended = mode.end();
        return has_ended;
    }

    void steal() { tokens::take(ring.steal_into(spare)); }

    void end() {
        for (local_queue* queue : {&ring, &spare})
            while (tokens::take(queue->pop(false))) {
            }
        tokens::take(slot.take(false));
        task_list rest;
        inject.take(100, rest);
        while (tokens::take(rest.pop_front())) {
        }
        all.expect_each_taken_once();
    }
};

void pop_beside_the_end() {
    auto w = std::make_unique<world>(2);
    run_threads(
        [&] {
            w->push(0);
            w->push(1);
            w->pop();
        },
        [&] {
            if (w->end_mode()) w->steal();
        });
    w->end();
}

// What was pushed before the mode ended is in the ring, and what is pushed later is seen, too.
void push_beside_the_end() {
    auto w = std::make_unique<world>(3);
    w->push(0);
    run_threads(
        [&] {
            w->push(1);
            w->pop();
            w->push(2);
        },
        [&] {
            if (!w->end_mode()) return;
            w->steal();
            w->steal();
        });
    w->end();
}

void slot_beside_the_end() {
    auto w = std::make_unique<world>(2);
    run_threads(
        [&] {
            w->fill(0);
            w->take();
            w->fill(1);
        },
        [&] {
            if (w->end_mode()) tokens::take(w->slot.steal());
        });
    w->end();
}

void displacement_beside_the_end() {
    auto w = std::make_unique<world>(2);
    run_threads(
        [&] {
            w->fill(0);
            w->fill(1);
        },
        [&] {
            if (!w->end_mode()) return;
            tokens::take(w->slot.steal());
            w->steal();
        });
    w->end();
}

// A task that is joined is taken out of the slot, to be polled at once.
void nested_poll_beside_the_end() {
    auto w = std::make_unique<world>(1);
    w->fill(0);
    bool was_stolen = false;
    bool was_taken = false;
    run_threads([&] { was_taken = w->take_if(0); },
                [&] {
                    if (w->end_mode()) was_stolen = tokens::take(w->slot.steal());
                });
    expect(was_taken != was_stolen, "the task is polled twice, or never");
    w->end();
}

void overflow_beside_the_end() {
    auto w = std::make_unique<world>(5);
    for (unsigned i = 0; i < local_queue::capacity; ++i)
        w->push(i);
    run_threads(
        [&] {
            w->push(4);
            w->pop();
        },
        [&] {
            if (w->end_mode()) w->steal();
        });
    w->end();
}

// The owner ends the mode itself and then tells a spare that there is something to steal.
void owner_ends_the_mode() {
    auto w = std::make_unique<world>(3);
    edo_check::parker started;
    run_threads(
        [&] {
            w->push(0);
            w->push(1);
            w->mode.end_by_owner();
            started.unpark();
            w->pop();
            w->push(2);
        },
        [&] {
            started.park();
            w->steal();
        });
    w->end();
}

void both_end_the_mode() {
    auto w = std::make_unique<world>(2);
    run_threads(
        [&] {
            w->push(0);
            w->mode.end_by_owner();
            w->pop();
            w->push(1);
        },
        [&] {
            if (w->end_mode()) w->steal();
        });
    w->end();
}

const scenario pop_s{"sole_mode.pop_beside_the_end", pop_beside_the_end};
const scenario push_s{"sole_mode.push_beside_the_end", push_beside_the_end};
const scenario slot_s{"sole_mode.slot_beside_the_end", slot_beside_the_end};
const scenario displacement_s{"sole_mode.displacement_beside_the_end", displacement_beside_the_end};
const scenario nested_s{"sole_mode.nested_poll_beside_the_end", nested_poll_beside_the_end};
const scenario overflow_s{"sole_mode.overflow_beside_the_end", overflow_beside_the_end};
const scenario owner_s{"sole_mode.owner_ends_the_mode", owner_ends_the_mode};
const scenario both_s{"sole_mode.both_end_the_mode", both_end_the_mode};

TEST(sole_mode_model, task_is_popped_or_stolen_once) {
    expect_holds(pop_s);
}

TEST(sole_mode_model, pushes_before_and_after_are_seen) {
    expect_holds(push_s);
}

TEST(sole_mode_model, task_of_the_slot_is_taken_or_stolen_once) {
    expect_holds(slot_s);
}

TEST(sole_mode_model, displaced_task_is_taken_once) {
    expect_holds(displacement_s);
}

TEST(sole_mode_model, joined_task_is_polled_or_stolen) {
    expect_holds(nested_s);
}

TEST(sole_mode_model, overflow_goes_through) {
    expect_holds(overflow_s);
}

TEST(sole_mode_model, owner_may_end_the_mode_itself) {
    expect_holds(owner_s);
}

TEST(sole_mode_model, both_sides_may_end_the_mode) {
    expect_holds(both_s);
}

void caught(const char* name, const char* line, mutant::kind what, const char* in = "") {
    const mutant bug{.name = name,
                     .file = "runtime/scheduler/sole_mode.h",
                     .line = line,
                     .what = what,
                     .in = in};
    expect_caught(bug,
                  {nested_s, pop_s, slot_s, displacement_s, push_s, overflow_s, owner_s, both_s});
}

constexpr auto skip = mutant::kind::skip;
constexpr auto weaken = mutant::kind::weaken;

TEST(sole_mode_mutants, owner_does_not_say_that_it_is_inside) {
    caught("I skipped", "// I", skip);
}

TEST(sole_mode_mutants, owner_looks_before_it_says_that_it_is_inside) {
    caught("fence of the owner skipped", "compiler_fence()", skip);
}

TEST(sole_mode_mutants, end_makes_no_barrier) {
    caught("barrier skipped", "sys::membarrier(", skip, "::end(");
}

TEST(sole_mode_mutants, end_does_not_say_so) {
    caught("P skipped", "plural_.store(true, seq_cst)", skip);
}

TEST(sole_mode_mutants, what_was_done_inside_is_not_published) {
    caught("O relaxed", "if (alone_) mode_.inside_.store(0, release);  // O", weaken);
}

TEST(sole_mode_mutants, end_does_not_acquire_what_was_done_inside) {
    caught("J relaxed", "inside_.load(acquire) == 0;  // J", weaken);
}

TEST(sole_mode_mutants, owners_end_is_not_said) {
    caught("P' skipped", "plural_.store(true, relaxed); }  // P'", skip);
}

}  // namespace
