// The queue for whichever worker comes next (runtime/scheduler/inject_queue.h).

#include "inject_queue_specification.h"
#include "model_test.h"
#include "ring_tasks.h"
#include <edo_check/linearizability.h>

#include <gtest/gtest.h>

#include <edo/runtime/scheduler/inject_queue.h>

namespace {

using edo::detail::inject_queue;
using edo::detail::task_list;
using specification = edo::model::inject_queue_specification;
using call = edo::model::inject_queue_call;
using edo::model::token;
using edo::model::tokens;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::expect_linearizable;
using edo_check::history;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

struct world {
    tokens all;
    inject_queue queue;
    token* made[4] = {};

    explicit world(unsigned count) {
        for (unsigned i = 0; i < count; ++i)
            (made[i] = &all.make())->written = 0;
    }

    void push(unsigned index) {
        made[index]->written = 1;
        queue.push(*made[index]);
    }

    unsigned take(std::size_t count) {
        task_list taken;
        queue.take(count, taken);
        unsigned n = 0;
        while (tokens::take(taken.pop_front()))
            ++n;
        return n;
    }

    void end() {
        take(100);
        expect(queue.is_empty(), "an empty queue says that it is not");
        all.expect_each_taken_once();
    }
};

void push_beside_take() {
    auto w = std::make_unique<world>(2);
    run_threads(
        [&] {
            w->push(0);
            w->push(1);
        },
        [&] {
            w->take(1);
            w->take(2);
        });
    w->end();
}

void two_pushers_and_a_taker() {
    auto w = std::make_unique<world>(3);
    run_threads(
        [&] {
            w->push(0);
            w->push(1);
        },
        [&] { w->push(2); }, [&] { w->take(2); });
    w->end();
}

void overflow_beside_two_takers() {
    auto w = std::make_unique<world>(3);
    run_threads(
        [&] {
            task_list spilled;
            for (token* t : {w->made[0], w->made[1], w->made[2]}) {
                t->written = 1;
                spilled.push_back(*t);
            }
            w->queue.push_all(spilled);
        },
        [&] { w->take(2); }, [&] { w->take(2); });
    w->end();
}

// What the protocol with the idle word rests on: a task that was pushed before something else was
// said is found by who looks after having been told.
void look_after_being_told() {
    auto w = std::make_unique<world>(1);
    edo_check::atomic<int> gave_up{0};
    bool pusher_saw = false;
    bool looker_saw = false;
    run_threads(
        [&] {
            w->push(0);
            pusher_saw = gave_up.load(std::memory_order_seq_cst) == 1;
        },
        [&] {
            gave_up.exchange(1, std::memory_order_seq_cst);
            looker_saw = !w->queue.is_empty();
        });
    expect(pusher_saw || looker_saw, "the pusher sees a searcher, and the searcher no task");
    w->end();
}

// Whatever a taker does meanwhile: as long as a task is left nobody finds the queue empty.
void look_beside_a_taker_that_leaves_one() {
    auto w = std::make_unique<world>(2);
    w->push(0);
    w->push(1);
    run_threads([&] { w->take(1); },
                [&] { expect(!w->queue.is_empty(), "a task was out of sight"); });
    w->end();
}

// Entries that come after the end let go of their references, and only those.
void close_beside_push() {
    auto w = std::make_unique<world>(2);
    for (token* t : {w->made[0], w->made[1]}) {
        t->init_state(false);
        t->add_ref();  // the entry's; the world's stay
    }
    bool was_taken[2] = {};
    run_threads([&] { was_taken[0] = w->queue.push(*w->made[0]); },
                [&] { was_taken[1] = w->queue.push(*w->made[1]); }, [&] { w->queue.close(); });
    for (token* t : {w->made[0], w->made[1]}) {
        expect(t->state.peek() / edo::detail::task_state::ref_one == 4,
               "an entry was let go twice, or never");
        t->taken = 1;
    }
    expect(w->queue.is_empty(), "a closed queue holds a task");
}

// A world in which everything that is done is noted.
struct noted_world : world {
    history<call> seen;

    using world::world;

    void push(int index) {
        const unsigned number = seen.invoke();
        world::push(static_cast<unsigned>(index));
        seen.respond(number, {call::push, index});
    }

    void push_two(int first) {
        const unsigned number = seen.invoke();
        task_list both;
        for (int i = first; i < first + 2; ++i) {
            made[i]->written = 1;
            both.push_back(*made[i]);
        }
        queue.push_all(both);
        seen.respond(number, {call::push_two, first});
    }

    void take() {
        const unsigned number = seen.invoke();
        task_list taken;
        queue.take(1, taken);
        int index = call::no_task;
        if (auto* const task = taken.pop_front(); tokens::take(task)) {
            for (index = 0; made[index] != task;)
                ++index;
        }
        seen.respond(number, {call::take, index});
    }

    void end() {
        expect_linearizable(seen, specification{});
        world::end();
    }
};

void operations_in_one_order() {
    auto w = std::make_unique<noted_world>(3);
    run_threads(
        [&] {
            w->push(0);
            w->push(1);
        },
        [&] { w->push(2); },
        [&] {
            w->take();
            w->take();
        });
    w->end();
}

// What is pushed after an overflow comes behind it. Beside another thread's push an overflow may
// come first that was later: push_all() need not see what did not happen before it.
void overflow_in_one_order() {
    auto w = std::make_unique<noted_world>(3);
    run_threads(
        [&] {
            w->push_two(0);
            w->push(2);
        },
        [&] {
            w->take();
            w->take();
        },
        [&] { w->take(); });
    w->end();
}

const scenario push_s{"inject_queue.push_beside_take", push_beside_take};
const scenario pushers_s{"inject_queue.two_pushers_and_a_taker", two_pushers_and_a_taker};
const scenario overflow_s{"inject_queue.overflow_beside_two_takers", overflow_beside_two_takers};
const scenario look_s{"inject_queue.look_after_being_told", look_after_being_told};
const scenario left_s{"inject_queue.look_beside_a_taker_that_leaves_one",
                      look_beside_a_taker_that_leaves_one};
const scenario close_s{"inject_queue.close_beside_push", close_beside_push};

const scenario order_s{"inject_queue.operations_in_one_order", operations_in_one_order};
const scenario spilled_s{"inject_queue.overflow_in_one_order", overflow_in_one_order};

TEST(inject_queue_model, each_task_is_taken_once) {
    expect_holds(push_s);
}

TEST(inject_queue_model, two_pushers_and_a_taker) {
    expect_holds(pushers_s);
}

TEST(inject_queue_model, overflow_is_shared_by_two_takers) {
    expect_holds(overflow_s);
}

TEST(inject_queue_model, look_after_being_told_finds_the_task) {
    expect_holds(look_s);
}

TEST(inject_queue_model, what_a_taker_leaves_is_never_out_of_sight) {
    expect_holds(left_s);
}

TEST(inject_queue_model, closing_lets_go_of_each_entry_once) {
    expect_holds(close_s);
}

TEST(inject_queue_model, pushes_and_takes_are_linearizable) {
    expect_holds(order_s);
}

TEST(inject_queue_model, overflow_beside_takes_is_linearizable) {
    expect_holds(spilled_s);
}

void caught(const char* name,
            const char* line,
            mutant::kind what,
            std::memory_order order = std::memory_order_relaxed) {
    const mutant bug{.name = name,
                     .file = "runtime/scheduler/inject_queue.h",
                     .line = line,
                     .what = what,
                     .order = order};
    expect_caught(bug, {push_s, pushers_s, overflow_s, look_s, left_s, close_s});
}

TEST(inject_queue_mutants, every_lock_is_forgotten) {
    caught("no lock", "mutex_lock guard(lock_)", mutant::kind::skip);
}

TEST(inject_queue_mutants, push_is_only_released) {
    caught("L release", "// L", mutant::kind::weaken, std::memory_order_release);
}

TEST(inject_queue_mutants, push_is_relaxed) {
    caught("L relaxed", "// L", mutant::kind::weaken);
}

TEST(inject_queue_mutants, push_is_torn) {
    caught("L torn", "// L", mutant::kind::tear);
}

TEST(inject_queue_mutants, gathering_is_relaxed) {
    caught("T relaxed", "// T", mutant::kind::weaken);
}

TEST(inject_queue_mutants, gathering_is_only_acquired) {
    caught("T acquire", "// T", mutant::kind::weaken, std::memory_order_acquire);
}

TEST(inject_queue_mutants, what_is_gathered_is_out_of_sight_meanwhile) {
    caught("B skipped", "// B", mutant::kind::skip);
}

TEST(inject_queue_mutants, look_is_only_acquired) {
    caught("E acquire", "incoming_.load(seq_cst);", mutant::kind::weaken,
           std::memory_order_acquire);
}

TEST(inject_queue_mutants, what_is_left_is_not_published) {
    caught("S skipped", "// S", mutant::kind::skip);
}

// Nothing but that an operation comes after one that is over tells that these are wrong.
void caught_by_its_order(const char* name, const char* line, std::memory_order order) {
    const mutant bug{
        .name = name, .file = "runtime/scheduler/inject_queue.h", .line = line, .order = order};
    expect_caught(bug, {order_s, spilled_s}, "not linearizable");
}

TEST(inject_queue_mutants, overflow_is_only_released) {
    caught_by_its_order("S release", "// S", std::memory_order_release);
}

TEST(inject_queue_mutants, look_at_what_is_left_is_only_acquired) {
    caught_by_its_order("E of left_ acquire", "left_.load(seq_cst)", std::memory_order_acquire);
}

}  // namespace
