// Searching, sleeping and waking (runtime/scheduler/idle.h) with the real queues. The loop of a
// worker is written down once more here, as short as it can be; each step has its twin in
// runtime/scheduler/worker.cpp.

#include "model_test.h"
#include "ring_tasks.h"
#include <utility>

#include <gtest/gtest.h>

#include <edo/runtime/scheduler/idle.h>
#include <edo/runtime/scheduler/inject_queue.h>
#include <edo/runtime/scheduler/local_queue.h>

namespace {

using edo::detail::idle_workers;
using edo::detail::inject_queue;
using edo::detail::local_queue;
using edo::detail::sleeper;
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

struct world;

struct model_worker : sleeper {
    world* shared = nullptr;
    local_queue ring;
    edo_check::parker driver;
    bool searching = false;
    model_worker* other = nullptr;

    task_header* take_injected() noexcept;
    task_header* next_task() noexcept;
    task_header* search() noexcept;
    void found_work() noexcept;
    void wait() noexcept;
    void work(void (*run)(model_worker& me, task_header& task)) noexcept;
};

struct world {
    tokens all;
    inject_queue inject;
    idle_workers idle;
    model_worker workers[2];
    unsigned count;
    edo_check::atomic<int> left;
    edo_check::atomic<bool> stopping{false};
    token* made[4] = {};

    world(unsigned worker_count, unsigned task_count)
        : count(worker_count), left(static_cast<int>(task_count)) {
        idle.set_worker_count(worker_count);
        for (unsigned i = 0; i < 2; ++i) {
            workers[i].shared = this;
            workers[i].other = &workers[1 - i];
        }
        for (unsigned i = 0; i < task_count; ++i)
            (made[i] = &all.make())->written = 0;
    }

    void notify_one() noexcept {
        if (sleeper* const chosen = idle.wake_one(); chosen != nullptr)
            static_cast<model_worker*>(chosen)->driver.unpark();
    }

    bool has_work() noexcept {
        if (!inject.is_empty()) return true;
        for (unsigned i = 0; i < count; ++i)
            if (!workers[i].ring.is_empty()) return true;
        return false;
    }

    // A thread outside: multi_thread::schedule().
    void schedule(unsigned index) noexcept {
        made[index]->written = 1;
        inject.push(*made[index]);
        notify_one();
    }

    // The last task ends the world; no other wake comes after it.
    void ran(task_header& task) noexcept {
        tokens::take(&task);
        if (left.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        stopping.store(true, std::memory_order_release);
        for (unsigned i = 0; i < count; ++i)
            workers[i].driver.unpark();
    }

    void end() { all.expect_each_taken_once(); }
};

task_header* model_worker::take_injected() noexcept {
    if (shared->inject.size() == 0) return nullptr;
    task_list taken;
    shared->inject.take(1, taken);
    return taken.pop_front();
}

task_header* model_worker::next_task() noexcept {
    if (task_header* const task = ring.pop(false); task != nullptr) return task;
    return take_injected();
}

task_header* model_worker::search() noexcept {
    if (!searching) {
        if (!shared->idle.try_search()) return nullptr;
        searching = true;
    }
    if (shared->count > 1)
        if (task_header* const task = other->ring.steal_into(ring); task != nullptr) return task;
    return take_injected();
}

void model_worker::found_work() noexcept {
    searching = false;
    if (shared->idle.stop_searching() && shared->has_work()) shared->notify_one();
}

void model_worker::wait() noexcept {
    const bool must_look = shared->idle.sleep(*this, std::exchange(searching, false));
    if (must_look && shared->has_work()) shared->notify_one();
    driver.park();
    searching = shared->idle.leave(*this);
}

void model_worker::work(void (*run)(model_worker& me, task_header& task)) noexcept {
    while (!shared->stopping.load(std::memory_order_acquire)) {
        task_header* task = next_task();
        if (task == nullptr) task = search();
        if (task == nullptr) {
            wait();
            continue;
        }
        if (searching) found_work();
        if (!ring.is_empty()) shared->notify_one();
        run(*this, *task);
    }
    if (std::exchange(searching, false)) shared->idle.stop_searching();
}

void run_plain(model_worker& me, task_header& task) noexcept {
    me.shared->ran(task);
}

// Task 0 makes tasks 1 and 2, which a sleeping worker can only have by stealing.
void run_and_spawn(model_worker& me, task_header& task) noexcept {
    world& w = *me.shared;
    if (&task == w.made[0]) {
        for (unsigned i = 1; i < 3; ++i) {
            w.made[i]->written = 1;
            me.ring.push(*w.made[i], w.inject, false);
        }
        w.notify_one();
    }
    w.ran(task);
}

void one_worker_one_pusher() {
    auto w = std::make_unique<world>(1, 2);
    run_threads([&] { w->workers[0].work(run_plain); },
                [&] {
                    w->schedule(0);
                    w->schedule(1);
                });
    w->end();
}

void one_worker_two_pushers() {
    auto w = std::make_unique<world>(1, 2);
    run_threads([&] { w->workers[0].work(run_plain); }, [&] { w->schedule(0); },
                [&] { w->schedule(1); });
    w->end();
}

void two_workers_one_task() {
    auto w = std::make_unique<world>(2, 1);
    run_threads([&] { w->workers[0].work(run_plain); }, [&] { w->workers[1].work(run_plain); },
                [&] { w->schedule(0); });
    w->end();
}

void two_workers_two_tasks() {
    auto w = std::make_unique<world>(2, 2);
    run_threads([&] { w->workers[0].work(run_plain); }, [&] { w->workers[1].work(run_plain); },
                [&] {
                    w->schedule(0);
                    w->schedule(1);
                });
    w->end();
}

// One worker sleeps, the other makes tasks and then waits for the sleeper to run one: work that is
// left in a ring must reach whoever sleeps.
void spawned_tasks_reach_a_sleeper() {
    auto w = std::make_unique<world>(2, 3);
    w->made[0]->written = 1;
    w->inject.push(*w->made[0]);
    run_threads([&] { w->workers[0].work(run_and_spawn); },
                [&] { w->workers[1].work(run_and_spawn); });
    w->end();
}

// The first task blocks its worker until the second has run: only the other worker can do that.
void run_blocking(model_worker& me, task_header& task) noexcept {
    world& w = *me.shared;
    if (&task == w.made[0]) {
        w.made[1]->written = 1;
        me.ring.push(*w.made[1], w.inject, false);
        w.notify_one();
        while (w.left.load(std::memory_order_acquire) == 2)
            edo_check::spin_hint();
    }
    w.ran(task);
}

void blocked_worker_is_relieved() {
    auto w = std::make_unique<world>(2, 2);
    w->made[0]->written = 1;
    w->inject.push(*w->made[0]);
    run_threads([&] { w->workers[0].work(run_blocking); },
                [&] { w->workers[1].work(run_blocking); });
    w->end();
}

const scenario one_pusher_s{"idle.one_worker_one_pusher", one_worker_one_pusher};
const scenario two_pushers_s{"idle.one_worker_two_pushers", one_worker_two_pushers};
const scenario one_task_s{"idle.two_workers_one_task", two_workers_one_task};
const scenario two_tasks_s{"idle.two_workers_two_tasks", two_workers_two_tasks};
const scenario spawned_s{"idle.spawned_tasks_reach_a_sleeper", spawned_tasks_reach_a_sleeper};
const scenario relieved_s{"idle.blocked_worker_is_relieved", blocked_worker_is_relieved};

TEST(idle_model, one_worker_misses_no_push) {
    expect_holds(one_pusher_s);
}

TEST(idle_model, one_worker_misses_neither_of_two_pushers) {
    expect_holds(two_pushers_s);
}

TEST(idle_model, one_of_two_workers_takes_the_task) {
    expect_holds(one_task_s);
}

TEST(idle_model, two_workers_take_two_tasks) {
    expect_holds(two_tasks_s);
}

TEST(idle_model, tasks_in_a_ring_reach_a_sleeper) {
    expect_holds(spawned_s);
}

TEST(idle_model, task_behind_a_blocked_worker_is_run_by_the_other) {
    expect_holds(relieved_s);
}

void caught(const char* name,
            const char* file,
            const char* line,
            mutant::kind what,
            std::memory_order order = std::memory_order_relaxed) {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .order = order};
    expect_caught(bug,
                  {one_pusher_s, two_pushers_s, relieved_s, one_task_s, two_tasks_s, spawned_s});
}

constexpr const char* idle_h = "runtime/scheduler/idle.h";

TEST(idle_mutants, look_of_the_pusher_is_only_acquired) {
    caught("N acquire", idle_h, "word_.load(seq_cst);  // N", mutant::kind::weaken,
           std::memory_order_acquire);
}

TEST(idle_mutants, going_to_sleep_is_only_acq_rel) {
    caught("Z acq_rel", idle_h, "// Z", mutant::kind::weaken, std::memory_order_acq_rel);
}

TEST(idle_mutants, sleepers_are_not_counted) {
    caught("Z skipped", idle_h, "fetch_add(change, seq_cst)", mutant::kind::skip);
}

TEST(idle_mutants, searchers_do_not_give_up) {
    caught("F skipped", idle_h, "// F", mutant::kind::skip);
}

TEST(idle_mutants, counts_are_not_changed_atomically) {
    caught("W torn", idle_h, "// W", mutant::kind::tear);
}

TEST(idle_mutants, queue_is_published_too_weakly_for_the_idle_word) {
    caught("inject L release", "runtime/scheduler/inject_queue.h", "// L", mutant::kind::weaken,
           std::memory_order_release);
}

TEST(idle_mutants, ring_is_published_too_weakly_for_the_idle_word) {
    caught("ring T release", "runtime/scheduler/local_queue.h",
           "tail_.store(tail + 1, seq_cst);  // T", mutant::kind::weaken,
           std::memory_order_release);
}

TEST(idle_mutants, list_of_sleepers_has_no_lock) {
    caught("idle no lock", idle_h, "mutex_lock guard(lock_)", mutant::kind::skip);
}

}  // namespace
