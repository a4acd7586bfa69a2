// A timer entry (timer/wheel/wheel.h, entry.h) that is armed, reset, cancelled and asked on one
// thread while the owner of the wheel advances the time and sleeps on another.

#include "model_test.h"
#include "thread_task.h"
#include <algorithm>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include <edo/timer/wheel/wheel.h>

namespace {

using edo::duration;
using edo::instant;
using edo::detail::monotonic_clock;
using edo::detail::timer_entry;
using edo::detail::timer_wheel;
using edo::model::thread_scheduler;
using edo::model::thread_task;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::exploration;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

/// Gates are never given back, so they must not be made in a run: made here, each run takes one off
/// the free list and puts it back. A run that fails keeps its own.
const bool has_gates = [] {
    std::vector<std::unique_ptr<timer_wheel>> wheels(256);
    for (auto& w : wheels)
        w = std::make_unique<timer_wheel>();
    return true;
}();

struct world {
    thread_scheduler scheduler;
    thread_task task{scheduler};
    std::unique_ptr<timer_wheel> wheel = std::make_unique<timer_wheel>();
    edo_check::parker owner;
    edo_check::atomic<bool> stopping{false};

    world() {
        wheel->set_unpark([](void* w) { static_cast<world*>(w)->owner.unpark(); }, this);
    }

    static instant at(int nanoseconds) { return instant{duration(nanoseconds)}; }

    // driver::park() and worker::wait()
    void turn() {
        const instant until = wheel->begin_park();
        if (until == instant::max()) {
            owner.park();
        } else if (const duration left = until - monotonic_clock::read(); left > duration::zero()) {
            owner.park(left);
        }
        wheel->end_park();
        wheel->advance(monotonic_clock::read());
    }

    void work() {
        while (!stopping.load(std::memory_order_acquire))
            turn();
    }

    void stop() {
        stopping.store(true, std::memory_order_release);
        owner.unpark();
    }

    // sleep_until: arms and waits.
    bool sleep_until(timer_entry& entry, instant deadline) {
        if (!wheel->arm(entry, deadline, task.target())) return false;
        return finish(entry, deadline);
    }

    bool finish(timer_entry& entry, instant deadline) {
        for (;;) {
            switch (timer_wheel::check(entry, task.target())) {
                case timer_wheel::answer::armed:
                    task.wait();
                    continue;
                case timer_wheel::answer::fired:
                    expect(monotonic_clock::read() >= deadline, "a timer fired early");
                    return true;
                case timer_wheel::answer::abandoned:
                    return false;
            }
        }
    }
};

void arm_beside_park() {
    auto w = std::make_unique<world>();
    run_threads([&] { w->work(); },
                [&] {
                    auto entry = std::make_unique<timer_entry>();
                    expect(w->sleep_until(*entry, world::at(20)), "abandoned without a shutdown");
                    w->stop();
                });
}

// The owner sleeps for a later deadline when an earlier one comes. Time passes only when nothing
// else can happen here, so a wake that is missing shows as a late timer.
void earlier_deadline_beside_park() {
    auto w = std::make_unique<world>();
    auto later = std::make_unique<timer_entry>();
    expect(w->wheel->arm(*later, world::at(1000), w->task.target()), "refused");
    run_threads([&] { w->work(); },
                [&] {
                    auto entry = std::make_unique<timer_entry>();
                    w->sleep_until(*entry, world::at(20));
                    expect(monotonic_clock::read() < world::at(1000), "the owner slept too long");
                    w->stop();
                });
    timer_wheel::cancel(*later);
}

// The entry goes right after cancel(): the wheel may not touch it any more.
void cancel_beside_fire() {
    auto w = std::make_unique<world>();
    auto entry = std::make_unique<timer_entry>();
    expect(w->wheel->arm(*entry, world::at(1), w->task.target()), "refused");
    run_threads([&] { w->wheel->advance(world::at(1)); },
                [&] {
                    timer_wheel::cancel(*entry);
                    entry.reset();
                });
}

void reset_beside_fire() {
    auto w = std::make_unique<world>();
    auto entry = std::make_unique<timer_entry>();
    expect(w->wheel->arm(*entry, world::at(20), w->task.target()), "refused");
    run_threads([&] { w->work(); },
                [&] {
                    if (timer_wheel::reset(*entry, world::at(40)))
                        expect(w->finish(*entry, world::at(40)), "abandoned without a shutdown");
                    entry.reset();
                    w->stop();
                });
}

// A deadline that is moved to the front wakes the owner too.
void reset_to_earlier_beside_park() {
    auto w = std::make_unique<world>();
    auto entry = std::make_unique<timer_entry>();
    expect(w->wheel->arm(*entry, instant::max(), w->task.target()), "refused");
    run_threads([&] { w->work(); },
                [&] {
                    expect(timer_wheel::reset(*entry, world::at(20)), "it cannot have fired");
                    w->finish(*entry, world::at(20));
                    entry.reset();
                    w->stop();
                });
}

// Entries may outlive the wheel; who waits learns that nothing will come.
void shutdown_beside_wait() {
    auto w = std::make_unique<world>();
    auto entry = std::make_unique<timer_entry>();
    expect(w->wheel->arm(*entry, world::at(20), w->task.target()), "refused");
    run_threads(
        [&] {
            w->wheel->shutdown();
            w->wheel.reset();
        },
        [&] {
            expect(!w->finish(*entry, world::at(20)), "a timer fired that was abandoned");
            entry.reset();
        });
}

const scenario arm_s{"timer.arm_beside_park", arm_beside_park};

exploration without_early_timeouts() {
    exploration how;
    how.limits.timeouts = 0;
    return how;
}

const scenario earlier_s{"timer.earlier_deadline_beside_park", earlier_deadline_beside_park,
                         without_early_timeouts()};
const scenario cancel_s{"timer.cancel_beside_fire", cancel_beside_fire};
const scenario reset_s{"timer.reset_beside_fire", reset_beside_fire};
const scenario to_earlier_s{"timer.reset_to_earlier_beside_park", reset_to_earlier_beside_park};
const scenario shutdown_s{"timer.shutdown_beside_wait", shutdown_beside_wait};

TEST(timer_model, owner_does_not_sleep_past_a_new_deadline) {
    expect_holds(arm_s);
}

TEST(timer_model, earlier_deadline_wakes_the_owner) {
    expect_holds(earlier_s);
}

TEST(timer_model, cancelled_entry_may_go_at_once) {
    expect_holds(cancel_s);
}

TEST(timer_model, reset_entry_fires_at_its_new_time) {
    expect_holds(reset_s);
}

TEST(timer_model, deadline_that_is_moved_forward_wakes_the_owner) {
    expect_holds(to_earlier_s);
}

TEST(timer_model, entry_outlives_its_wheel) {
    expect_holds(shutdown_s);
}

void caught(const char* name, const char* line, mutant::kind what, const char* in) {
    const mutant bug{
        .name = name, .file = "timer/wheel/wheel.cpp", .line = line, .what = what, .in = in};
    expect_caught(bug, {cancel_s, arm_s, earlier_s, reset_s, to_earlier_s, shutdown_s});
}

TEST(timer_mutants, arm_takes_no_lock) {
    caught("arm without lock", "mutex_lock guard(gate_.lock)", mutant::kind::skip, "::arm");
}

TEST(timer_mutants, cancel_takes_no_lock) {
    caught("cancel without lock", "mutex_lock guard(gate.lock)", mutant::kind::skip, "::cancel");
}

TEST(timer_mutants, reset_takes_no_lock) {
    caught("reset without lock", "mutex_lock guard(gate.lock)", mutant::kind::skip, "::reset");
}

TEST(timer_mutants, park_takes_no_lock) {
    caught("begin_park without lock", "mutex_lock guard(gate_.lock)", mutant::kind::skip,
           "::begin_park");
}

TEST(timer_mutants, firing_takes_no_lock) {
    caught("fire_batch without lock", "mutex_lock guard(gate_.lock)", mutant::kind::skip,
           "::fire_batch");
}

TEST(timer_mutants, new_deadline_is_not_noted) {
    caught("next_ not stored", "next_.store(entry.deadline_, relaxed)", mutant::kind::skip,
           "::link");
}

TEST(timer_mutants, shutdown_takes_no_lock) {
    caught("shutdown without lock", "mutex_lock guard(gate_.lock)", mutant::kind::skip,
           "::shutdown");
}

}  // namespace
