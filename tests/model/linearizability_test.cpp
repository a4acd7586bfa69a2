// The check for linearizability itself: histories that are and are not, written down and run.

#include <edo_check/linearizability.h>

#include <edo_check/atomic.h>
#include <edo_check/explore.h>
#include <edo_check/lock.h>
#include <edo_check/thread.h>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using edo_check::atomic;
using edo_check::explore;
using edo_check::findings;
using edo_check::history;
using edo_check::run_threads;
using testing::HasSubstr;

constexpr int nothing = -1;

// One thing that can be asked of a register or a queue.
struct call {
    enum { write, read, push, pop } what;

    int value;

    std::string text() const {
        constexpr const char* names[] = {"write ", "read ", "push ", "pop "};
        return names[what] + std::to_string(value);
    }
};

struct one_register {
    int value = 0;

    bool operator==(const one_register&) const = default;

    bool apply(const call& c) {
        if (c.what == call::read) return c.value == value;
        value = c.value;
        return c.what == call::write;
    }
};

struct fifo {
    std::vector<int> queued;

    bool operator==(const fifo&) const = default;

    bool apply(const call& c) {
        if (c.what == call::push) {
            queued.push_back(c.value);
            return true;
        }
        if (queued.empty()) return c.value == nothing;
        if (queued.front() != c.value) return false;
        queued.erase(queued.begin());
        return true;
    }
};

// One end of an operation, or both.
struct event {
    enum { begins, ends, is_atomic } how;

    unsigned number;
    call what = {};
};

history<call> told(std::initializer_list<event> events) {
    history<call> seen;
    unsigned numbers[history<call>::capacity] = {};
    for (const event& e : events) {
        if (e.how != event::ends) numbers[e.number] = seen.invoke();
        if (e.how != event::begins) seen.respond(numbers[e.number], e.what);
    }
    return seen;
}

TEST(linearizability, nothing_that_was_done_is_linearizable) {
    EXPECT_TRUE(told({}).is_linearizable(fifo{}));
}

TEST(linearizability, read_beside_a_write_may_see_either_value) {
    for (const int value : {0, 1})
        EXPECT_TRUE(told({{event::begins, 0},
                          {event::is_atomic, 1, {call::read, value}},
                          {event::ends, 0, {call::write, 1}}})
                        .is_linearizable(one_register{}));
}

TEST(linearizability, read_after_a_write_may_not_see_the_old_value) {
    EXPECT_FALSE(
        told({{event::is_atomic, 0, {call::write, 1}}, {event::is_atomic, 1, {call::read, 0}}})
            .is_linearizable(one_register{}));
}

TEST(linearizability, second_read_may_not_see_an_older_value_than_the_first) {
    EXPECT_FALSE(told({{event::begins, 0},
                       {event::is_atomic, 1, {call::read, 1}},
                       {event::is_atomic, 2, {call::read, 0}},
                       {event::ends, 0, {call::write, 1}}})
                     .is_linearizable(one_register{}));
}

TEST(linearizability, order_of_two_writes_may_be_either_but_is_one) {
    const auto reads = [](int first, int second) {
        return told({{event::begins, 0},
                     {event::begins, 1},
                     {event::ends, 0, {call::write, 1}},
                     {event::ends, 1, {call::write, 2}},
                     {event::is_atomic, 2, {call::read, first}},
                     {event::is_atomic, 3, {call::read, second}}})
            .is_linearizable(one_register{});
    };
    EXPECT_TRUE(reads(1, 1));
    EXPECT_TRUE(reads(2, 2));
    EXPECT_FALSE(reads(1, 2));
}

TEST(linearizability, pops_come_in_the_order_of_the_pushes) {
    const auto pops = [](int first, int second) {
        return told({{event::is_atomic, 0, {call::push, 1}},
                     {event::is_atomic, 1, {call::push, 2}},
                     {event::is_atomic, 2, {call::pop, first}},
                     {event::is_atomic, 3, {call::pop, second}}})
            .is_linearizable(fifo{});
    };
    EXPECT_TRUE(pops(1, 2));
    EXPECT_FALSE(pops(2, 1));
    EXPECT_FALSE(pops(1, 1));
    EXPECT_FALSE(pops(1, nothing));
}

TEST(linearizability, pushes_beside_each_other_may_be_popped_in_either_order) {
    for (const int first : {1, 2})
        EXPECT_TRUE(told({{event::begins, 0},
                          {event::is_atomic, 1, {call::push, 1}},
                          {event::ends, 0, {call::push, 2}},
                          {event::is_atomic, 2, {call::pop, first}},
                          {event::is_atomic, 3, {call::pop, 3 - first}}})
                        .is_linearizable(fifo{}));
}

TEST(linearizability, pop_beside_a_push_may_not_miss_what_was_pushed_before) {
    EXPECT_FALSE(told({{event::is_atomic, 0, {call::push, 1}},
                       {event::begins, 1},
                       {event::is_atomic, 2, {call::pop, nothing}},
                       {event::ends, 1, {call::push, 2}},
                       {event::is_atomic, 3, {call::pop, 1}}})
                     .is_linearizable(fifo{}));
}

TEST(linearizability, eight_operations_beside_each_other_are_few_enough) {
    // Nothing precedes anything, and no order will do: all of them are tried.
    history<call> seen;
    for (int i = 0; i < 8; ++i)
        seen.invoke();
    for (int i = 0; i < 7; ++i)
        seen.respond(static_cast<unsigned>(i), {call::write, i});
    seen.respond(7, {call::read, 8});
    EXPECT_FALSE(seen.is_linearizable(one_register{}));
}

// A register whose read may wait for a lock, which orders nothing of the write.
findings failure_of_a_register(std::memory_order store, std::memory_order load, bool skips) {
    return explore({.name = "register", .skips_known_states = skips}, [=] {
        atomic<int> x{0};
        history<call> seen;
        edo_check::mutex m;
        edo_check::parker told;
        run_threads(
            [&] {
                {
                    const edo_check::mutex_lock guard(m);
                    told.park();
                }
                const unsigned number = seen.invoke();
                x.store(1, store);
                seen.respond(number, {call::write, 1});
            },
            [&] {
                const unsigned number = seen.invoke();
                const edo_check::mutex_lock guard(m);
                seen.respond(number, {call::read, x.load(load)});
            },
            [&] { told.unpark(); });
        edo_check::expect_linearizable(seen, one_register{});
    });
}

// The search comes first to runs in which the read waits for the lock, and the write comes in
// between. To memory, a read that was invoked only then has seen the same.
TEST(linearizability, late_read_of_an_old_value_is_found_among_states_that_look_the_same) {
    for (const bool skips : {false, true}) {
        const findings found =
            failure_of_a_register(std::memory_order_release, std::memory_order_acquire, skips);
        EXPECT_THAT(found.what, HasSubstr("not linearizable"));
        EXPECT_THAT(found.table, HasSubstr("read 0"));
    }
}

TEST(linearizability, seq_cst_register_is_linearizable) {
    for (const bool skips : {false, true}) {
        const findings found =
            failure_of_a_register(std::memory_order_seq_cst, std::memory_order_seq_cst, skips);
        EXPECT_FALSE(found.failed) << found.what << found.table;
        EXPECT_GE(found.bound, 2);
    }
}

TEST(linearizability, increments_that_are_lost_without_a_race_are_found) {
    struct count_call {
        int before;

        std::string text() const { return "add, was " + std::to_string(before); }
    };

    struct counter {
        int value = 0;

        bool operator==(const counter&) const = default;

        bool apply(const count_call& c) { return c.before == value++; }
    };

    const findings found = explore({.name = "counter"}, [] {
        const auto seen = std::make_unique<history<count_call>>();  // where races are looked for
        atomic<int> x{0};
        const auto add = [&] {
            const unsigned number = seen->invoke();
            const int before = x.load(std::memory_order_seq_cst);
            x.store(before + 1, std::memory_order_seq_cst);
            seen->respond(number, {before});
        };
        run_threads(add, add);
        edo_check::expect_linearizable(*seen, counter{});
    });
    EXPECT_THAT(found.what, HasSubstr("not linearizable"));
}

}  // namespace
