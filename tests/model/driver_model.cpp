// The wake of a parked worker (runtime/driver/driver.cpp): a system call only if it sleeps, and
// never a lost one. The reactor is the model's; an eventfd that is an edge and is never read is a
// permit that the next wait takes.

#include "model_reactor.h"
#include "model_test.h"
#include <memory>

#include <gtest/gtest.h>

#include <edo/io/reactor/reactor.h>
#include <edo/runtime/driver/driver.h>
#include <edo/task/context.h>

namespace {

using edo::detail::driver;
using edo::detail::execution;
using edo::model::reactor_calls;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

struct world {
    driver d;
    execution exec;
    int payload = 0;  // plain: written before a wake, read after the park that it has ended
    edo_check::atomic<int> events{0};

    world() { expect(static_cast<bool>(d.open(edo::reactor_kind::epoll, exec)), "no driver"); }

    void wait_for(int count) {
        while (events.load(std::memory_order_relaxed) < count)
            d.park(edo::instant::max());
    }

    void tell() {
        events.fetch_add(1, std::memory_order_relaxed);  // the wake has to publish it
        d.wake();
    }
};

void wake_beside_park() {
    auto w = std::make_unique<world>();
    run_threads([&] { w->wait_for(1); }, [&] { w->tell(); });
}

void wake_hands_over() {
    auto w = std::make_unique<world>();
    run_threads(
        [&] {
            w->d.park(edo::instant::max());
            expect(w->payload == 1, "what preceded the wake is not seen");
        },
        [&] {
            w->payload = 1;
            w->d.wake();
        });
}

void two_wakes() {
    auto w = std::make_unique<world>();
    run_threads([&] { w->wait_for(2); }, [&] { w->tell(); }, [&] { w->tell(); });
}

void wake_twice() {
    auto w = std::make_unique<world>();
    run_threads([&] { w->wait_for(2); },
                [&] {
                    w->tell();
                    w->tell();
                });
}

// The owner ends by an event while a wake is still on its way to the reactor.
void wake_beside_close() {
    auto w = std::make_unique<world>();
    edo_check::atomic<int> is_over{0};
    run_threads(
        [&] {
            w->wait_for(1);
            while (is_over.load(std::memory_order_acquire) == 0)
                edo_check::spin_hint();
            w->d.close();
        },
        [&] {
            w->events.fetch_add(1, std::memory_order_relaxed);
            w->exec.reactor->wake();  // as the kernel ends a wait
            is_over.store(1, std::memory_order_release);
        },
        [&] { w->d.wake(); });
}

void awake_owner_costs_no_call() {
    auto w = std::make_unique<world>();
    w->tell();
    w->tell();
    expect(reactor_calls() == 0, "a wake of an owner that does not sleep made a system call");
    w->wait_for(2);
}

const scenario wake_s{"driver.wake_beside_park", wake_beside_park};
const scenario hands_s{"driver.wake_hands_over", wake_hands_over};
const scenario two_s{"driver.two_wakes", two_wakes};
const scenario twice_s{"driver.wake_twice", wake_twice};
const scenario close_s{"driver.wake_beside_close", wake_beside_close};
const scenario awake_s{"driver.awake_owner_costs_no_call", awake_owner_costs_no_call};

TEST(driver_model, wake_is_not_lost) {
    expect_holds(wake_s);
}

TEST(driver_model, wake_hands_over_what_preceded_it) {
    expect_holds(hands_s);
}

TEST(driver_model, two_wakers_are_both_heard) {
    expect_holds(two_s);
}

TEST(driver_model, two_wakes_of_one_thread_are_both_heard) {
    expect_holds(twice_s);
}

TEST(driver_model, late_wake_finds_a_closed_driver) {
    expect_holds(close_s);
}

TEST(driver_model, owner_that_is_awake_costs_no_call) {
    expect_holds(awake_s);
}

void caught(
    const char* name, const char* file, const char* line, mutant::kind what, const char* in = "") {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .in = in};
    expect_caught(bug, {wake_s, hands_s, two_s, twice_s, close_s});
}

constexpr const char* driver_cpp = "runtime/driver/driver.cpp";

TEST(driver_mutants, wake_publishes_nothing) {
    caught("driver N relaxed", driver_cpp, "// N", mutant::kind::weaken);
}

TEST(driver_mutants, wake_is_not_atomic) {
    caught("driver N torn", driver_cpp, "// N", mutant::kind::tear);
}

TEST(driver_mutants, end_of_the_park_is_not_atomic) {
    caught("driver T torn", driver_cpp, "// T", mutant::kind::tear);
}

TEST(driver_mutants, park_does_not_say_so) {
    caught("driver P skipped", driver_cpp, "// P", mutant::kind::skip);
}

TEST(driver_mutants, late_wake_takes_no_lock) {
    caught("driver wake without lock", driver_cpp, "mutex_lock guard(wake_lock_)",
           mutant::kind::skip, "::wake");
}

}  // namespace
