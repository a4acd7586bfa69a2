// Runs that are drawn by probabilistic concurrency testing, on bugs of known depth that lie behind
// many steps which have nothing to do with them.

#include <chrono>
#include <cstdlib>
#include <edo_check/atomic.h>
#include <edo_check/explore.h>
#include <edo_check/lock.h>
#include <edo_check/thread.h>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using edo_check::atomic;
using edo_check::expect;
using edo_check::exploration;
using edo_check::explore;
using edo_check::findings;
using edo_check::run_threads;
using testing::HasSubstr;

constexpr auto sc = std::memory_order_seq_cst;

// Both threads of a test work on it, so that others may come before each of its steps.
struct busy_counter {
    atomic<int> count{0};

    void add(int times) {
        for (int i = 0; i < times; ++i)
            count.fetch_add(1, sc);
    }
};

// Depth 2: what is used goes away between check and use, and a hundred steps come before it goes.
void use_beside_the_end_of_long_work() {
    atomic<int> is_there{1};
    busy_counter work;
    run_threads(
        [&] {
            if (is_there.load(sc) == 0) return;
            expect(is_there.load(sc) == 1, "it went away after the check");
            work.add(1);
        },
        [&] {
            work.add(100);
            is_there.store(0, sc);
        });
}

// Depth 3: either has to be stopped between two steps of its own while the other works.
void two_stops_beside_long_work() {
    atomic<int> a{0}, b{0};
    busy_counter work;
    run_threads(
        [&] {
            a.store(1, sc);
            a.store(2, sc);
            work.add(25);
            expect(b.load(sc) != 1, "it was seen between two stores");
        },
        [&] {
            work.add(25);
            if (a.load(sc) != 1) return;
            b.store(1, sc);
            b.store(2, sc);
        });
}

exploration by_chance(std::uint64_t runs) {
    return {.name = "drawn", .most_runs = 0, .extra_runs = 0, .random_runs = runs};
}

exploration by_priority(std::uint64_t runs, unsigned depth) {
    return {.name = "drawn", .most_runs = 0, .extra_runs = 0, .pct_runs = runs, .pct_depth = depth};
}

// With two threads and about 100 steps it takes 200 runs.
TEST(pct, finds_a_bug_of_depth_2_that_drawing_each_step_does_not) {
    const findings found = explore(by_priority(3'000, 2), use_beside_the_end_of_long_work);
    EXPECT_THAT(found.what, HasSubstr("it went away after the check"));
    EXPECT_FALSE(explore(by_chance(20'000), use_beside_the_end_of_long_work).failed);
}

// With two threads and about 55 steps it takes 6,000 runs.
TEST(pct, finds_a_bug_of_depth_3_that_drawing_each_step_does_not) {
    const findings found = explore(by_priority(80'000, 3), two_stops_beside_long_work);
    EXPECT_THAT(found.what, HasSubstr("between two stores"));
    EXPECT_FALSE(explore(by_chance(80'000), two_stops_beside_long_work).failed);
}

TEST(pct, misses_a_bug_that_is_deeper_than_was_asked_for) {
    EXPECT_FALSE(explore(by_priority(3'000, 1), use_beside_the_end_of_long_work).failed);
}

TEST(pct, failure_is_repeated_from_its_string) {
    const findings first = explore(by_priority(3'000, 2), use_beside_the_end_of_long_work);
    ASSERT_TRUE(first.failed);

    ::setenv("EDO_CHECK_REPLAY", first.replay.c_str(), 1);
    const findings again = explore(by_priority(3'000, 2), use_beside_the_end_of_long_work);
    ::unsetenv("EDO_CHECK_REPLAY");

    EXPECT_EQ(again.runs, 1U);
    EXPECT_EQ(again.what, first.what);
    EXPECT_THAT(first.table, HasSubstr("FAILS"));
}

TEST(pct, same_seed_draws_the_same_runs) {
    exploration how = by_priority(3'000, 2);
    const findings first = explore(how, use_beside_the_end_of_long_work);
    const findings again = explore(how, use_beside_the_end_of_long_work);
    how.seed = 2;
    const findings other = explore(how, use_beside_the_end_of_long_work);

    EXPECT_EQ(again.runs, first.runs);
    EXPECT_EQ(again.replay, first.replay);
    if (std::getenv("EDO_SEED") == nullptr) {
        EXPECT_NE(other.runs, first.runs);
    }
}

// Its priority may be the highest.
TEST(pct, thread_that_waits_in_a_loop_lets_the_others_come) {
    const findings found = explore(by_priority(1'000, 3), [] {
        atomic<int> turn{0};
        const auto wait_and_pass_on = [&](int mine) {
            while (turn.load(sc) != mine)
                edo_check::spin_hint();
            turn.store(mine + 1, sc);
        };
        run_threads([&] { wait_and_pass_on(2); }, [&] { wait_and_pass_on(1); },
                    [&] { wait_and_pass_on(0); });
    });
    EXPECT_FALSE(found.failed) << found.what << found.table;
}

TEST(pct, wait_may_end_by_time_while_others_go_on) {
    const findings found = explore(by_priority(1'000, 1), [] {
        edo_check::parker sleeper;
        atomic<int> work{0};
        run_threads(
            [&] {
                const bool is_woken = sleeper.park(std::chrono::nanoseconds(10));
                expect(is_woken || work.load(sc) != 3, "the wait ended in the middle");
            },
            [&] {
                for (int i = 0; i < 6; ++i)
                    work.fetch_add(1, sc);
                sleeper.unpark();
            });
    });
    EXPECT_THAT(found.what, HasSubstr("the wait ended in the middle"));
}

}  // namespace
