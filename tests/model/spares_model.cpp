// A worker that is blocked in a poll, and the spare that takes its place (monitor.cpp,
// worker_aside.cpp, multi_thread.cpp): the whole runtime with one worker, which works alone until
// the monitor ends that, and a task that comes back only when another one has run.
//
// Time passes when nothing else can happen, so the monitor looks when all are stuck; and, twice a
// run, at any moment.

#include "model_test.h"
#include "runtime_world.h"
#include <memory>

#include <gtest/gtest.h>

#include <edo/runtime/block_in_place.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>
#include <edo/task/yield.h>

namespace {

using edo::task;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::exploration;
using edo_check::mutant;
using edo_check::parker;
using edo_check::run_threads;
using edo_check::scenario;

struct world : edo::model::runtime_world {
    parker gate, other_gate, done;
    int opened = 0;  // plain: written before a gate is opened

    explicit world(edo::duration blocked_after = edo::duration(10))
        : runtime_world(1, blocked_after) {}

    ~world() { end(); }  // while what its tasks use is there
};

task<> open(world* w) {
    w->opened = 1;
    w->gate.unpark();
    co_return;
}

task<> open_other(world* w) {
    w->other_gate.unpark();
    co_return;
}

// Blocks its worker.
task<> block(world* w) {
    w->gate.park();
    w->done.unpark();
    co_return;
}

task<> block_until_opened(world* w) {
    w->gate.park();
    expect(w->opened == 1, "what the other task did is not seen");
    w->done.unpark();
    co_return;
}

// Its children are on the worker that it blocks: one in the slot, one in the ring.
task<> block_until_children_have_run(world* w) {
    edo::spawn(open, w).detach();
    edo::spawn(open_other, w).detach();
    w->gate.park();
    w->other_gate.park();
    w->done.unpark();
    co_return;
}

task<> block_twice(world* w) {
    edo::spawn(open, w).detach();
    w->gate.park();
    co_await edo::yield_now();
    edo::spawn(open_other, w).detach();
    w->other_gate.park();
    w->done.unpark();
}

task<> call_in_place(world* w) {
    edo::block_in_place([w] { w->gate.park(); });
    expect(w->opened == 1, "what the other task did is not seen");
    w->done.unpark();
    co_return;
}

void task_behind_a_blocked_one() {
    const auto w = std::make_unique<world>();
    const auto blocked = w->spawn(block_until_opened, w.get());
    const auto behind = w->spawn(open, w.get());
    w->done.park();
}

void children_of_a_blocked_task() {
    const auto w = std::make_unique<world>();
    const auto h = w->spawn(block_until_children_have_run, w.get());
    w->done.park();
}

// The second time there is a spare already, or one that has not gone to rest yet.
void blocked_twice() {
    const auto w = std::make_unique<world>();
    const auto h = w->spawn(block_twice, w.get());
    w->done.park();
}

// Comes back while the monitor looks, or the spare comes up.
void return_beside_the_spare() {
    const auto w = std::make_unique<world>();
    const auto h = w->spawn(block, w.get());
    w->gate.unpark();
    w->done.park();
}

void shutdown_beside_a_blocked_task() {
    const auto w = std::make_unique<world>();
    auto h = w->spawn(block, w.get());
    std::move(h).detach();
    run_threads([&] { w->end(); }, [&] { w->gate.unpark(); });
}

// Needs no monitor.
void announced_call() {
    const auto w = std::make_unique<world>(edo::duration::zero());
    const auto blocked = w->spawn(call_in_place, w.get());
    const auto behind = w->spawn(open, w.get());
    w->done.park();
}

exploration large(unsigned bound) {
    exploration how;
    how.bound = bound;
    how.extra_runs = 0;
    how.random_runs = 2'500;
    how.pct_runs = 2'500;
    how.limits.steps = 10'000;
    how.limits.timeouts = 2;
    return how;
}

const scenario behind_s{"spares.task_behind_a_blocked_one", task_behind_a_blocked_one, large(0)};
const scenario children_s{"spares.children_of_a_blocked_task", children_of_a_blocked_task,
                          large(0)};
const scenario twice_s{"spares.blocked_twice", blocked_twice, large(0)};
const scenario return_s{"spares.return_beside_the_spare", return_beside_the_spare, large(0)};
const scenario shutdown_s{"spares.shutdown_beside_a_blocked_task", shutdown_beside_a_blocked_task,
                          large(0)};
const scenario announced_s{"spares.announced_call", announced_call, large(0)};

TEST(spares_model, task_behind_a_blocked_one_runs) {
    expect_holds(behind_s);
}

TEST(spares_model, slot_and_ring_of_a_blocked_worker_are_emptied) {
    expect_holds(children_s);
}

TEST(spares_model, worker_may_block_again) {
    expect_holds(twice_s);
}

TEST(spares_model, worker_may_come_back_at_any_moment) {
    expect_holds(return_s);
}

TEST(spares_model, shutdown_waits_for_a_blocked_worker) {
    expect_holds(shutdown_s);
}

TEST(spares_model, announced_call_hands_the_queue_over) {
    expect_holds(announced_s);
}

void caught(
    const char* name, const char* file, const char* line, mutant::kind what, const char* in = "") {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .in = in};
    expect_caught(bug, {behind_s, return_s, children_s, announced_s, shutdown_s, twice_s});
}

constexpr const char* monitor_h = "runtime/scheduler/monitor.h";
constexpr const char* monitor_cpp = "runtime/scheduler/monitor.cpp";
constexpr const char* presence_h = "runtime/scheduler/presence.h";
constexpr const char* shared_cpp = "runtime/scheduler/multi_thread.cpp";
constexpr auto skip = mutant::kind::skip;
constexpr auto weaken = mutant::kind::weaken;

TEST(spares_mutants, monitor_does_not_say_that_it_sleeps) {
    caught("monitor S skipped", monitor_cpp, "asleep_.store(true, seq_cst)", skip);
}

TEST(spares_mutants, sleep_of_the_monitor_has_no_place_in_the_order) {
    caught("monitor S relaxed", monitor_cpp, "asleep_.store(true, seq_cst)", weaken);
}

TEST(spares_mutants, look_of_a_worker_that_wakes_has_no_place_in_the_order) {
    caught("monitor L relaxed", monitor_h, "asleep_.load(seq_cst)", weaken);
}

TEST(spares_mutants, worker_does_not_say_that_it_is_awake) {
    caught("presence A relaxed", presence_h, "kind_.store(how, seq_cst); }  // A", weaken);
}

TEST(spares_mutants, monitor_is_not_woken) {
    caught("monitor not woken", monitor_cpp, "parker_.unpark();  // W", skip);
}

TEST(spares_mutants, monitor_is_not_stopped) {
    caught("monitor Q skipped", monitor_cpp, "stopping_.store(true, release);  // Q", skip);
}

TEST(spares_mutants, substitution_begins_without_the_lock) {
    caught("begin_substitution without lock", shared_cpp, "mutex_lock guard(lock_)", skip,
           "::begin_substitution");
}

TEST(spares_mutants, spare_goes_to_rest_without_the_lock) {
    caught("may_retire without lock", shared_cpp, "mutex_lock guard(lock_)", skip, "::may_retire");
}

TEST(spares_mutants, new_worker_is_not_published) {
    caught("A of multi_thread relaxed", shared_cpp, "count_.store(index + 1, release);  // A",
           weaken);
}

}  // namespace
