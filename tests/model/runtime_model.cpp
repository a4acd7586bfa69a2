// A whole runtime in miniature: the real scheduler, workers, drivers and wheels (multi_thread.cpp,
// worker.cpp, driver.cpp) with two workers, one or two tasks, and its shutdown. Only the reactor is
// the model's.
//
// A run has some three hundred steps. Two preemptions are exhausted here (one in the shutdowns that
// drop a task or meet a wake), and the rest is drawn at random.

#include "model_test.h"
#include "runtime_world.h"
#include "task_executor.h"
#include <memory>

#include <gtest/gtest.h>

#include <edo/task/join_handle.h>
#include <edo/task/task.h>
#include <edo/task/yield.h>

namespace {

using edo::join_handle;
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
using edo_check::run_threads;
using edo_check::scenario;

struct world : edo::model::runtime_world {
    signal never, soon;
    edo_check::parker done;
    int result = 0;  // plain: written by a task

    explicit world(subject about, unsigned workers = 2) : runtime_world(about, workers) {}

    ~world() { end(); }  // while what its tasks use is there
};

task<> note(world* w) {
    const life mine(*w);
    w->result = 7;
    w->done.unpark();
    co_return;
}

task<> wait_for_ever(world* w) {
    const life mine(*w);
    co_await w->never.wait();
    expect(false, "nobody raises this signal");
}

task<> wait_and_note(world* w) {
    const life mine(*w);
    co_await w->soon.wait();
    w->result = 7;
    w->done.unpark();
}

task<int> child() {
    co_await edo::yield_now();
    co_return 7;
}

task<> spawn_and_join(world* w) {
    const life mine(*w);
    join_handle<int> h = edo::spawn(child);
    w->result = co_await std::move(h).join();
    w->done.unpark();
}

void start_and_end() {
    const auto w = std::make_unique<world>(subject::whole_life);
}

void run_one_task(subject about, unsigned workers) {
    const auto w = std::make_unique<world>(about, workers);
    const auto h = w->spawn(note, w.get());
    w->done.park();
    expect(w->result == 7, "the task has not run");
}

void one_task() {
    run_one_task(subject::tasks, 2);
}

void end_behind_a_task() {
    run_one_task(subject::end, 2);
}

// A worker that is alone: without locked instructions, see sole_mode.h.
void one_task_on_one_worker() {
    run_one_task(subject::whole_life, 1);
}

void wake_of_one_worker() {
    const auto w = std::make_unique<world>(subject::whole_life, 1);
    const auto h = w->spawn(wait_and_note, w.get());
    w->soon.raise();
    w->done.park();
    expect(w->result == 7, "the task has not run");
}

void end_of_one_worker_beside_a_wake() {
    auto w = std::make_unique<world>(subject::end, 1);
    {
        const calm until_it_waits;
        auto h = w->spawn(wait_and_note, w.get());
        std::move(h).detach();
    }
    run_threads([&] { w->soon.raise(); }, [&] { w->end(); });
}

void task_that_spawns() {
    const auto w = std::make_unique<world>(subject::tasks);
    const auto h = w->spawn(spawn_and_join, w.get());
    w->done.park();
    expect(w->result == 7, "the child has not run");
}

void wake_from_outside() {
    const auto w = std::make_unique<world>(subject::tasks);
    const auto h = w->spawn(wait_and_note, w.get());
    w->soon.raise();
    w->done.park();
    expect(w->result == 7, "the task has not run");
}

// The tasks that are left are dropped, wherever they are.
void shutdown_drops_a_task() {
    const auto w = std::make_unique<world>(subject::end);
    auto h = w->spawn(wait_for_ever, w.get());
    std::move(h).detach();
}

void shutdown_beside_a_wake() {
    auto w = std::make_unique<world>(subject::end);
    {
        const calm until_it_waits;
        auto h = w->spawn(wait_and_note, w.get());
        std::move(h).detach();
    }
    // The signal outlives the runtime, as a channel in the user's hands would.
    run_threads([&] { w->soon.raise(); }, [&] { w->end(); });
}

/// In a frame that may be dropped beside another one.
class dropped_once {
public:
    dropped_once(int& count, edo_check::parker* opened) noexcept : count_(count), opened_(opened) {}

    dropped_once(const dropped_once&) = delete;
    dropped_once& operator=(const dropped_once&) = delete;

    ~dropped_once() {
        ++count_;
        if (opened_ != nullptr) opened_->unpark();
    }

private:
    int& count_;
    edo_check::parker* opened_;
};

task<> wait_and_count(world* w, int* count) {
    const dropped_once mine(*count, nullptr);
    w->done.unpark();
    co_await w->soon.wait();
}

task<> wait_and_open(world* w, int* count, edo_check::parker* gate) {
    const dropped_once mine(*count, gate);
    w->done.unpark();
    co_await w->never.wait();
}

/// Holds up whoever drops it until the gate is opened.
class blocks_at_end {
public:
    explicit blocks_at_end(edo_check::parker& gate) noexcept : gate_(gate) {}

    blocks_at_end(const blocks_at_end&) = delete;
    blocks_at_end& operator=(const blocks_at_end&) = delete;

    ~blocks_at_end() { gate_.park(); }

private:
    edo_check::parker& gate_;
};

task<> wait_and_block(world* w, int* count, edo_check::parker* gate) {
    const dropped_once mine(*count, nullptr);
    const blocks_at_end blocks(*gate);
    w->done.unpark();
    co_await w->soon.wait();
}

/// Wakes another task, which then is to be dropped all the same.
class raises_at_end {
public:
    explicit raises_at_end(signal& s) noexcept : signal_(s) {}

    raises_at_end(const raises_at_end&) = delete;
    raises_at_end& operator=(const raises_at_end&) = delete;

    ~raises_at_end() { signal_.raise(); }

private:
    signal& signal_;
};

task<> wait_and_raise(world* w, int* count) {
    const dropped_once mine(*count, nullptr);
    const raises_at_end raises(w->soon);
    w->done.unpark();
    co_await w->never.wait();
}

// Both workers walk, and one of the tasks may be queued by then.
void shutdown_by_two_workers() {
    int counts[2] = {};
    {
        auto w = std::make_unique<world>(subject::end);
        {
            const calm until_they_have_begun;
            w->spawn(wait_and_raise, w.get(), &counts[0]).detach();
            w->done.park();
            w->spawn(wait_and_count, w.get(), &counts[1]).detach();
            w->done.park();
        }
        w->end();
    }
    expect(counts[0] == 1 && counts[1] == 1, "a task was not dropped once");
}

// A destructor may wait for that of a task which comes later, if there is another worker.
void shutdown_beside_a_destructor_that_blocks() {
    int counts[2] = {};
    edo_check::parker gate;
    {
        auto w = std::make_unique<world>(subject::end);
        {
            const calm until_they_have_begun;
            w->spawn(wait_and_block, w.get(), &counts[0], &gate).detach();
            w->done.park();
            w->spawn(wait_and_open, w.get(), &counts[1], &gate).detach();
            w->done.park();
        }
        w->end();
    }
    expect(counts[0] == 1 && counts[1] == 1, "a task was not dropped once");
}

exploration large(unsigned bound, std::uint64_t extra_runs = 0) {
    exploration how;
    how.bound = bound;
    how.extra_runs = extra_runs;
    how.random_runs = 5'000;
    how.pct_runs = 5'000;
    how.limits.steps = 6000;
    return how;
}

const scenario alone_s{"runtime.one_task_on_one_worker", one_task_on_one_worker, large(2)};
const scenario alone_wake_s{"runtime.wake_of_one_worker", wake_of_one_worker, large(2)};
const scenario alone_end_s{"runtime.end_of_one_worker_beside_a_wake",
                           end_of_one_worker_beside_a_wake, large(2)};
const scenario start_s{"runtime.start_and_end", start_and_end, large(2)};
const scenario task_s{"runtime.one_task", one_task, large(2, 20'000)};
const scenario end_s{"runtime.end_behind_a_task", end_behind_a_task, large(2)};
const scenario spawns_s{"runtime.task_that_spawns", task_that_spawns, large(2, 20'000)};
const scenario wake_s{"runtime.wake_from_outside", wake_from_outside, large(2, 20'000)};
const scenario drops_s{"runtime.shutdown_drops_a_task", shutdown_drops_a_task, large(1, 20'000)};
const scenario beside_s{"runtime.shutdown_beside_a_wake", shutdown_beside_a_wake, large(1)};
const scenario both_s{"runtime.shutdown_by_two_workers", shutdown_by_two_workers, large(1)};
const scenario held_up_s{"runtime.shutdown_beside_a_destructor_that_blocks",
                         shutdown_beside_a_destructor_that_blocks, large(1)};

TEST(runtime_model, one_worker_runs_a_task) {
    expect_holds(alone_s);
}

TEST(runtime_model, wake_of_one_worker_is_not_lost) {
    expect_holds(alone_wake_s);
}

TEST(runtime_model, one_worker_ends_beside_a_wake) {
    expect_holds(alone_end_s);
}

TEST(runtime_model, starts_and_ends) {
    expect_holds(start_s);
}

TEST(runtime_model, runs_a_task) {
    expect_holds(task_s);
}

TEST(runtime_model, ends_behind_a_task) {
    expect_holds(end_s);
}

TEST(runtime_model, task_joins_a_child_wherever_that_runs) {
    expect_holds(spawns_s);
}

TEST(runtime_model, wake_from_outside_is_not_lost) {
    expect_holds(wake_s);
}

TEST(runtime_model, shutdown_drops_what_is_left) {
    expect_holds(drops_s);
}

TEST(runtime_model, shutdown_beside_a_wake_ends) {
    expect_holds(beside_s);
}

TEST(runtime_model, two_workers_drop_what_is_left) {
    expect_holds(both_s);
}

TEST(runtime_model, destructor_that_blocks_holds_up_no_other_task) {
    expect_holds(held_up_s);
}

void caught(const char* name,
            const char* line,
            mutant::kind what,
            const char* in = "",
            std::memory_order order = std::memory_order_relaxed) {
    const mutant bug{.name = name,
                     .file = "runtime/scheduler/multi_thread.cpp",
                     .line = line,
                     .what = what,
                     .order = order,
                     .in = in};
    expect_caught(bug, {start_s, end_s, drops_s, wake_s, beside_s});
}

TEST(runtime_mutants, end_of_a_worker_is_not_told) {
    caught("worker_ended not told", "progress_.unpark()", mutant::kind::skip, "::worker_ended");
}

TEST(runtime_mutants, last_task_is_not_told) {
    caught("tell_if_empty not told", "progress_.unpark()", mutant::kind::skip, "::tell_if_empty");
}

TEST(runtime_mutants, start_of_a_worker_is_not_told) {
    caught("worker_opened not told", "progress_.unpark()", mutant::kind::skip, "::worker_opened");
}

TEST(runtime_mutants, stop_is_not_said) {
    caught("X skipped", "stopping_.store(true, release)", mutant::kind::skip);
}

TEST(runtime_mutants, shutdown_is_not_said) {
    caught("D skipped", "shutting_down_.store(true, release)", mutant::kind::skip);
}

void caught_in_registry(const char* name, const char* in) {
    const mutant bug{.name = name,
                     .file = "task/state/registry.cpp",
                     .line = "spin_guard guard(s.lock)",
                     .what = mutant::kind::skip,
                     .in = in};
    expect_caught(bug, {both_s, held_up_s, drops_s});
}

TEST(runtime_mutants, walk_takes_no_lock) {
    caught_in_registry("end_next without lock", "::end_next");
}

TEST(runtime_mutants, freed_task_leaves_the_list_without_the_lock) {
    caught_in_registry("remove_unshared without lock", "::remove_unshared");
}

TEST(runtime_mutants, look_for_the_end_takes_no_lock) {
    caught_in_registry("have_all_ended without lock", "::have_all_ended");
}

TEST(runtime_mutants, worker_leaves_without_the_lock) {
    caught("may_leave without lock", "mutex_lock guard(lock_)", mutant::kind::skip, "::may_leave");
}

TEST(runtime_mutants, end_of_a_worker_takes_no_lock) {
    caught("worker_ended without lock", "mutex_lock guard(lock_)", mutant::kind::skip,
           "::worker_ended");
}

}  // namespace
