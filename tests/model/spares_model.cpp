// A worker that is blocked in a poll, and the spare that takes its place (monitor.cpp,
// worker_aside.cpp, multi_thread.cpp): the whole runtime with one worker, which works alone until
// the monitor ends that, and a task that comes back only when another one has run.
//
// Time passes when nothing else can happen, so the monitor looks when all are stuck; and, twice a
// run, at any moment.

#include "model_reactor.h"
#include "model_test.h"
#include "runtime_world.h"
#include "task_executor.h"
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include <edo/runtime/block_in_place.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>
#include <edo/task/yield.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>

namespace {

using edo::context;
using edo::duration;
using edo::instant;
using edo::task;
using edo::model::life;
using edo::model::signal;
using edo::model::subject;
using edo_check::calm;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::exploration;
using edo_check::mutant;
using edo_check::parker;
using edo_check::run_threads;
using edo_check::scenario;

struct world : edo::model::runtime_world {
    parker gate, other_gate, begun_to_sleep, done;
    signal soon;
    int opened = 0;  // plain: written before a gate is opened

    explicit world(subject about, duration blocked_after = duration(10))
        : runtime_world(about, 1, blocked_after) {}

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

// Opens the gate when it is over, or dropped.
class opens_at_end {
public:
    explicit opens_at_end(world& w) noexcept : world_(w) {}

    opens_at_end(const opens_at_end&) = delete;
    opens_at_end& operator=(const opens_at_end&) = delete;

    ~opens_at_end() {
        world_.opened = 1;
        world_.gate.unpark();
    }

private:
    world& world_;
};

task<> sleep_and_open(world* w) {
    const life mine(*w);
    const opens_at_end opens(*w);
    const instant end = edo::now() + duration(25);
    w->begun_to_sleep.unpark();
    co_await edo::sleep_until(end);
    expect(edo::now() >= end, "a timer fired early");
}

/// Waits for a deadline, and perhaps for a signal too; the deadline can be waited for again.
class sleep_or_signal {
public:
    explicit sleep_or_signal(edo::sleep_operation& sleep, signal* or_this = nullptr) noexcept
        : sleep_(sleep) {
        if (or_this != nullptr) raised_.emplace(or_this->wait());
    }

    bool poll(context& cx) noexcept {
        const bool is_over = sleep_.poll(cx);
        return (raised_ && raised_->poll(cx)) || is_over;
    }

    void take() noexcept {}

private:
    edo::sleep_operation& sleep_;
    std::optional<signal::wait_operation> raised_;
};

// The deadline comes closer while the worker whose wheel has it is blocked.
task<> move_deadline_and_open(world* w) {
    const life mine(*w);
    const opens_at_end opens(*w);
    edo::sleep_operation sleep = edo::sleep_until(instant::max());
    co_await sleep_or_signal(sleep, &w->soon);
    sleep.reset(edo::now() + duration(5));
    co_await sleep_or_signal(sleep);
    expect(edo::now() < instant(duration(1000)), "a timer fired late");
}

void task_behind_a_blocked_one() {
    const auto w = std::make_unique<world>(subject::tasks);
    const auto blocked = w->spawn(block_until_opened, w.get());
    const auto behind = w->spawn(open, w.get());
    w->done.park();
}

void children_of_a_blocked_task() {
    const auto w = std::make_unique<world>(subject::tasks);
    const auto h = w->spawn(block_until_children_have_run, w.get());
    w->done.park();
}

// The second time there is a spare already, or one that has not gone to rest yet.
void blocked_twice() {
    const auto w = std::make_unique<world>(subject::tasks);
    const auto h = w->spawn(block_twice, w.get());
    w->done.park();
}

// Comes back while the monitor looks, or the spare comes up.
void return_beside_the_spare() {
    const auto w = std::make_unique<world>(subject::tasks);
    const auto h = w->spawn(block, w.get());
    w->gate.unpark();
    w->done.park();
}

void timer_of_a_blocked_worker() {
    const auto w = std::make_unique<world>(subject::tasks);
    std::optional<edo::join_handle<void>> sleeper, blocked;
    {
        const calm until_it_is_blocked;
        sleeper.emplace(w->spawn(sleep_and_open, w.get()));
        blocked.emplace(w->spawn(block_until_opened, w.get()));
    }
    w->done.park();
}

// Its entry is on the wheel that the monitor advances, and is dropped on the spare.
void timer_dropped_beside_the_monitor() {
    const auto w = std::make_unique<world>(subject::tasks);
    std::optional<edo::join_handle<void>> sleeper, blocked;
    {
        const calm until_it_is_blocked;
        sleeper.emplace(w->spawn(sleep_and_open, w.get()));
        w->begun_to_sleep.park();
        blocked.emplace(w->spawn(block_until_opened, w.get()));
    }
    sleeper.reset();
    w->done.park();
}

void timer_moved_beside_the_monitor() {
    const auto w = std::make_unique<world>(subject::tasks);
    std::optional<edo::join_handle<void>> sleeper, blocked;
    {
        const calm until_it_is_blocked;
        sleeper.emplace(w->spawn(move_deadline_and_open, w.get()));
        blocked.emplace(w->spawn(block_until_opened, w.get()));
    }
    w->soon.raise();
    w->done.park();
}

// The system has no thread to spare at first: the next look of the monitor tries again.
void spare_that_does_not_start() {
    const auto w = std::make_unique<world>(subject::tasks);
    edo_check::refuse_starts(1);
    std::optional<edo::join_handle<void>> blocked, behind;
    {
        const calm until_it_is_blocked;
        blocked.emplace(w->spawn(block_until_opened, w.get()));
        behind.emplace(w->spawn(open, w.get()));
    }
    w->done.park();
    expect(w->failures() == 1, "the attempt that failed is not counted");
}

// Here it has a thread, but no descriptors for what the spare waits with.
void spare_that_does_not_open() {
    const auto w = std::make_unique<world>(subject::tasks);
    edo::model::refuse_reactors(1);
    std::optional<edo::join_handle<void>> blocked, behind;
    {
        const calm until_it_is_blocked;
        blocked.emplace(w->spawn(block_until_opened, w.get()));
        behind.emplace(w->spawn(open, w.get()));
    }
    w->done.park();
}

// The worker comes back, and the runtime ends, whether there is a spare by then or not.
void return_beside_a_spare_that_does_not_open() {
    const auto w = std::make_unique<world>(subject::end);
    edo::model::refuse_reactors(1);
    std::optional<edo::join_handle<void>> blocked;
    {
        const calm until_it_is_blocked;
        blocked.emplace(w->spawn(block, w.get()));
    }
    run_threads([&] { w->gate.unpark(); }, [&] { w->done.park(); });
}

void shutdown_beside_a_blocked_task() {
    const auto w = std::make_unique<world>(subject::end);
    auto h = w->spawn(block, w.get());
    std::move(h).detach();
    run_threads([&] { w->end(); }, [&] { w->gate.unpark(); });
}

// Needs no monitor.
void announced_call() {
    const auto w = std::make_unique<world>(subject::tasks, duration::zero());
    const auto blocked = w->spawn(call_in_place, w.get());
    const auto behind = w->spawn(open, w.get());
    w->done.park();
}

// Its spare has to be started by the monitor, some time later.
void announced_call_whose_spare_does_not_start() {
    const auto w = std::make_unique<world>(subject::tasks);
    edo_check::refuse_starts(1);
    std::optional<edo::join_handle<void>> blocked, behind;
    {
        const calm until_it_is_blocked;
        blocked.emplace(w->spawn(call_in_place, w.get()));
        behind.emplace(w->spawn(open, w.get()));
    }
    w->done.park();
}

void announced_call_whose_spare_does_not_open() {
    const auto w = std::make_unique<world>(subject::tasks);
    edo::model::refuse_reactors(1);
    std::optional<edo::join_handle<void>> blocked, behind;
    {
        const calm until_it_is_blocked;
        blocked.emplace(w->spawn(call_in_place, w.get()));
        behind.emplace(w->spawn(open, w.get()));
    }
    w->done.park();
}

exploration large(unsigned bound) {
    exploration how;
    how.bound = bound;
    how.extra_runs = 20'000;
    how.random_runs = 2'500;
    how.pct_runs = 2'500;
    how.limits.steps = 10'000;
    how.limits.timeouts = 2;
    return how;
}

const scenario behind_s{"spares.task_behind_a_blocked_one", task_behind_a_blocked_one, large(1)};
const scenario children_s{"spares.children_of_a_blocked_task", children_of_a_blocked_task,
                          large(1)};
const scenario twice_s{"spares.blocked_twice", blocked_twice, large(1)};
const scenario return_s{"spares.return_beside_the_spare", return_beside_the_spare, large(1)};
const scenario shutdown_s{"spares.shutdown_beside_a_blocked_task", shutdown_beside_a_blocked_task,
                          large(0)};
const scenario announced_s{"spares.announced_call", announced_call, large(1)};
const scenario timer_s{"spares.timer_of_a_blocked_worker", timer_of_a_blocked_worker, large(1)};
const scenario dropped_s{"spares.timer_dropped_beside_the_monitor",
                         timer_dropped_beside_the_monitor, large(1)};
const scenario moved_s{"spares.timer_moved_beside_the_monitor", timer_moved_beside_the_monitor,
                       large(1)};
const scenario refused_s{"spares.spare_that_does_not_start", spare_that_does_not_start, large(1)};
const scenario unopened_s{"spares.spare_that_does_not_open", spare_that_does_not_open, large(1)};
const scenario unneeded_s{"spares.return_beside_a_spare_that_does_not_open",
                          return_beside_a_spare_that_does_not_open, large(0)};
const scenario announced_refused_s{"spares.announced_call_whose_spare_does_not_start",
                                   announced_call_whose_spare_does_not_start, large(1)};
const scenario announced_unopened_s{"spares.announced_call_whose_spare_does_not_open",
                                    announced_call_whose_spare_does_not_open, large(1)};

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

TEST(spares_model, timer_of_a_blocked_worker_fires) {
    expect_holds(timer_s);
}

TEST(spares_model, timer_of_a_blocked_worker_may_be_dropped) {
    expect_holds(dropped_s);
}

TEST(spares_model, timer_of_a_blocked_worker_may_be_moved) {
    expect_holds(moved_s);
}

TEST(spares_model, spare_that_does_not_start_is_tried_again) {
    expect_holds(refused_s);
}

TEST(spares_model, spare_that_does_not_open_is_tried_again) {
    expect_holds(unopened_s);
}

TEST(spares_model, worker_may_come_back_before_its_spare_opens) {
    expect_holds(unneeded_s);
}

TEST(spares_model, spare_of_an_announced_call_that_does_not_start_is_tried_again) {
    expect_holds(announced_refused_s);
}

TEST(spares_model, spare_of_an_announced_call_that_does_not_open_is_tried_again) {
    expect_holds(announced_unopened_s);
}

void caught(
    const char* name, const char* file, const char* line, mutant::kind what, const char* in = "") {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .in = in};
    expect_caught(bug, {twice_s, behind_s, return_s, children_s, announced_s, shutdown_s});
}

constexpr const char* wheel_cpp = "timer/wheel/wheel.cpp";
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

// With a worker that is blocked: its wheel is advanced by the monitor.
void caught_by_timers(const char* name, const char* line, mutant::kind what, const char* in) {
    const mutant bug{.name = name, .file = wheel_cpp, .line = line, .what = what, .in = in};
    expect_caught(bug, {dropped_s, moved_s, timer_s});
}

TEST(spares_mutants, deadline_is_not_told_to_the_monitor) {
    caught_by_timers("link stores no deadline", "next_.store(entry.deadline_, relaxed)", skip,
                     "::link");
}

TEST(spares_mutants, monitor_fires_timers_without_the_lock) {
    caught_by_timers("fire_batch without lock", "mutex_lock guard(gate_.lock)", skip,
                     "::fire_batch");
}

TEST(spares_mutants, timer_is_dropped_without_the_lock) {
    caught_by_timers("cancel without lock", "mutex_lock guard(gate.lock)", skip, "::cancel");
}

// With a spare that fails at first.
void caught_by_failures(
    const char* name, const char* file, const char* line, mutant::kind what, const char* in = "") {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .in = in};
    expect_caught(bug, {unopened_s, announced_unopened_s, announced_refused_s, refused_s});
}

TEST(spares_mutants, failure_of_a_spare_is_noted_without_the_lock) {
    caught_by_failures("worker_opened without lock", shared_cpp, "mutex_lock guard(lock_)", skip,
                       "::worker_opened");
}

TEST(spares_mutants, missing_spare_is_replaced_without_the_lock) {
    caught_by_failures("replace_missing without lock", shared_cpp, "mutex_lock guard(lock_)", skip,
                       "::replace_missing");
}

TEST(spares_mutants, end_of_a_spare_is_noted_without_the_lock) {
    caught_by_failures("worker_ended without lock", shared_cpp, "mutex_lock guard(lock_)", skip,
                       "::worker_ended");
}

}  // namespace
