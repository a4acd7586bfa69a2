// The ring of a worker (runtime/scheduler/local_queue.h) under its owner and thieves.

#include "local_queue_specification.h"
#include "model_test.h"
#include "ring_tasks.h"
#include <edo_check/linearizability.h>

#include <gtest/gtest.h>

#include <edo/runtime/scheduler/inject_queue.h>
#include <edo/runtime/scheduler/local_queue.h>

namespace {

using edo::detail::inject_queue;
using edo::detail::local_queue;
using edo::detail::task_header;
using edo::detail::task_list;
using specification = edo::model::local_queue_specification;
using call = edo::model::local_queue_call;
using edo::model::tokens;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::expect_linearizable;
using edo_check::history;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

static_assert(local_queue::capacity == 4, "the models count on the small ring");

struct world {
    tokens all;
    inject_queue inject;
    local_queue owner, thief, other;

    // Tokens are made by the main thread, before the others run: making is not what is modelled.
    edo::model::token* spare[4] = {};

    void fill(unsigned count) {
        for (unsigned i = 0; i < count; ++i)
            owner.push(all.make(), inject, false);
    }

    void prepare(unsigned count) {
        for (unsigned i = 0; i < count; ++i)
            (spare[i] = &all.make())->written = 0;
    }

    void push(unsigned index) {
        spare[index]->written = 1;
        owner.push(*spare[index], inject, false);
    }

    static void drain(local_queue& queue) {
        while (tokens::take(queue.pop(false))) {
        }
    }

    void steal(local_queue& from, local_queue& to) {
        tokens::take(from.steal_into(to));
        drain(to);
    }

    // Nothing is lost or doubled, and every ring still works.
    void end() {
        for (local_queue* queue : {&owner, &thief, &other})
            drain(*queue);
        task_list rest;
        inject.take(100, rest);
        while (tokens::take(rest.pop_front())) {
        }
        all.expect_each_taken_once();
        edo::model::token& last = all.make();
        owner.push(last, inject, false);
        expect(tokens::take(owner.steal_into(thief)),
               "a ring that nobody uses cannot be stolen from");
    }
};

void one_thief() {
    auto w = std::make_unique<world>();
    w->prepare(2);
    run_threads(
        [&] {
            w->push(0);
            w->push(1);
            tokens::take(w->owner.pop(false));
        },
        [&] { w->steal(w->owner, w->thief); });
    w->end();
}

void two_thieves() {
    auto w = std::make_unique<world>();
    w->fill(3);
    run_threads([&] { tokens::take(w->owner.pop(false)); }, [&] { w->steal(w->owner, w->thief); },
                [&] { w->steal(w->owner, w->other); });
    w->end();
}

void overflow_beside_a_thief() {
    auto w = std::make_unique<world>();
    w->prepare(1);
    w->fill(4);
    run_threads([&] { w->push(0); }, [&] { w->steal(w->owner, w->thief); });
    w->end();
}

// The owner uses slots again that a thief has copied from.
void reuse_of_slots() {
    auto w = std::make_unique<world>();
    w->prepare(3);
    w->fill(2);
    run_threads(
        [&] {
            w->push(0);
            tokens::take(w->owner.pop(false));
            w->push(1);
            w->push(2);
        },
        [&] { tokens::take(w->owner.steal_into(w->thief)); });
    w->end();
}

// What was stolen is stolen again, from the thief's ring.
void thief_of_a_thief() {
    auto w = std::make_unique<world>();
    w->fill(3);
    run_threads([&] { tokens::take(w->owner.steal_into(w->thief)); },
                [&] { tokens::take(w->thief.steal_into(w->other)); },
                [&] { tokens::take(w->owner.pop(false)); });
    w->end();
}

// Two workers that steal from each other, with what they have themselves in the way.
void mutual_theft() {
    auto w = std::make_unique<world>();
    w->fill(2);
    w->thief.push(w->all.make(), w->inject, false);
    run_threads([&] { tokens::take(w->thief.steal_into(w->owner)); },
                [&] { tokens::take(w->owner.steal_into(w->thief)); });
    w->end();
}

// Overflow and two thieves: the largest.
void overflow_beside_two_thieves() {
    auto w = std::make_unique<world>();
    w->prepare(1);
    w->fill(4);
    run_threads([&] { w->push(0); }, [&] { tokens::take(w->owner.steal_into(w->thief)); },
                [&] { tokens::take(w->owner.steal_into(w->other)); });
    w->end();
}

// A world in which everything that is done is noted.
struct noted_world : world {
    history<call> seen;

    void push(int index) {
        const unsigned number = seen.invoke();
        world::push(static_cast<unsigned>(index));
        seen.respond(number, {call::push, index});
    }

    void pop() {
        const unsigned number = seen.invoke();
        seen.respond(number, {call::pop, taken(owner.pop(false))});
    }

    void steal() {
        const unsigned number = seen.invoke();
        seen.respond(number, {call::steal, taken(owner.steal_into(thief))});
    }

    void pop_of_the_thief() {
        const unsigned number = seen.invoke();
        seen.respond(number, {call::pop_of_the_thief, taken(thief.pop(false))});
    }

    void end() {
        expect_linearizable(seen, specification{});
        world::end();
    }

private:
    int taken(task_header* task) {
        if (!tokens::take(task)) return call::no_task;
        int index = 0;
        while (spare[index] != task)
            ++index;
        return index;
    }
};

// With one thief only: one that finds another at work gives up, whatever is in the ring.
void operations_in_one_order() {
    auto w = std::make_unique<noted_world>();
    w->prepare(3);
    run_threads(
        [&] {
            w->push(0);
            w->push(1);
            w->push(2);
            w->pop();
        },
        [&] {
            w->steal();
            w->pop_of_the_thief();
            w->steal();
        });
    w->end();
}

const scenario one_thief_s{"local_queue.one_thief", one_thief};
const scenario two_thieves_s{"local_queue.two_thieves", two_thieves};
const scenario overflow_s{"local_queue.overflow_beside_a_thief", overflow_beside_a_thief};
const scenario reuse_s{"local_queue.reuse_of_slots", reuse_of_slots};
const scenario chain_s{"local_queue.thief_of_a_thief", thief_of_a_thief};
const scenario mutual_s{"local_queue.mutual_theft", mutual_theft};
const scenario large_s{"local_queue.overflow_beside_two_thieves", overflow_beside_two_thieves};

const scenario order_s{"local_queue.operations_in_one_order", operations_in_one_order};

TEST(local_queue_model, owner_and_one_thief_take_each_task_once) {
    expect_holds(one_thief_s);
}

TEST(local_queue_model, two_thieves_and_the_owner_take_each_task_once) {
    expect_holds(two_thieves_s);
}

TEST(local_queue_model, overflow_beside_a_thief_loses_nothing) {
    expect_holds(overflow_s);
}

TEST(local_queue_model, slots_are_used_again_only_when_the_thief_is_done) {
    expect_holds(reuse_s);
}

TEST(local_queue_model, stolen_tasks_can_be_stolen_again) {
    expect_holds(chain_s);
}

TEST(local_queue_model, two_workers_steal_from_each_other) {
    expect_holds(mutual_s);
}

TEST(local_queue_model, overflow_beside_two_thieves_loses_nothing) {
    expect_holds(large_s);
}

TEST(local_queue_model, owner_and_one_thief_are_linearizable) {
    expect_holds(order_s);
}

void caught(const char* name, const char* line, mutant::kind what) {
    const mutant bug{.name = name,
                     .file = "runtime/scheduler/local_queue.h",
                     .line = line,
                     .what = what,
                     .order = std::memory_order_relaxed};
    expect_caught(bug, {one_thief_s, two_thieves_s, overflow_s, reuse_s, chain_s, mutual_s});
}

TEST(local_queue_mutants, push_publishes_nothing) {
    caught("T relaxed", "tail_.store(tail + 1, seq_cst);  // T", mutant::kind::weaken);
}

TEST(local_queue_mutants, thief_reads_the_tail_without_acquire) {
    caught("S relaxed", "const std::uint32_t queued = tail_.load(seq_cst)", mutant::kind::weaken);
}

TEST(local_queue_mutants, thief_publishes_what_it_keeps_without_release) {
    caught("T of a thief relaxed", "mine.tail_.store(to + count - 1, seq_cst)",
           mutant::kind::weaken);
}

TEST(local_queue_mutants, claim_of_a_thief_is_not_atomic) {
    caught("C torn", "// C", mutant::kind::tear);
}

TEST(local_queue_mutants, claim_of_the_owner_is_not_atomic) {
    caught("P torn", "// P", mutant::kind::tear);
}

TEST(local_queue_mutants, spill_is_not_atomic) {
    caught("O torn", "relaxed))  // O", mutant::kind::tear);
}

TEST(local_queue_mutants, thief_never_gives_the_slots_back) {
    caught("F skipped", "// F", mutant::kind::skip);
}

TEST(local_queue_mutants, thief_copies_nothing) {
    caught("copy skipped", "mine.slot(to + i).store(task, relaxed)", mutant::kind::skip);
}

// Nothing but that an operation comes after one that is over tells that these are wrong.
void caught_by_its_order(const char* name, const char* line, std::memory_order order) {
    const mutant bug{
        .name = name, .file = "runtime/scheduler/local_queue.h", .line = line, .order = order};
    expect_caught(bug, {order_s}, "not linearizable");
}

TEST(local_queue_mutants, push_is_only_released) {
    caught_by_its_order("T release", "tail_.store(tail + 1, seq_cst);  // T",
                        std::memory_order_release);
}

TEST(local_queue_mutants, thief_only_acquires_the_tail) {
    caught_by_its_order("S of tail_ acquire", "const std::uint32_t queued = tail_.load(seq_cst)",
                        std::memory_order_acquire);
}

}  // namespace
