// The life of a task (task/state/state.h, header.cpp): real coroutines that are woken, polled,
// joined, cancelled, dropped, claimed and inspected at the same time.

#include "model_test.h"
#include "task_executor.h"
#include <memory>

#include <gtest/gtest.h>

#include <edo/task/join.h>
#include <edo/task/join_handle.h>
#include <edo/task/select.h>
#include <edo/task/task.h>

namespace {

using edo::join_handle;
using edo::task;
using edo::detail::task_header;
using edo::model::executor;
using edo::model::signal;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

struct world {
    executor ex;
    signal a, b;
    int result = 0;  // plain: written by a task, read when all has ended
    int begun = 0;
    int ended = 0;

    void expect_balance() const { expect(begun == ended, "a frame was not destroyed"); }
};

/// In a frame: destroyed once, by whoever may touch the frame.
class life {
public:
    explicit life(world& w) noexcept : world_(w) { ++world_.begun; }

    life(const life&) = delete;
    life& operator=(const life&) = delete;

    ~life() { ++world_.ended; }

private:
    world& world_;
};

task<> wait_for_both(world* w) {
    const life mine(*w);
    co_await w->a.wait();
    co_await w->b.wait();
    w->result = 3;
}

task<> wait_for_both_at_once(world* w) {
    const life mine(*w);
    co_await edo::join(w->a.wait(), w->b.wait());
    w->result = 3;
}

task<std::unique_ptr<int>> make_after(world* w) {
    const life mine(*w);
    co_await w->a.wait();
    co_return std::make_unique<int>(7);
}

// As a child, which may end beside its parent: without the count.
task<std::unique_ptr<int>> make_as_child(world* w) {
    co_await w->a.wait();
    co_return std::make_unique<int>(7);
}

task<std::unique_ptr<int>> make_at_once() {
    co_return std::make_unique<int>(7);
}

task<> join_into(world* w, join_handle<std::unique_ptr<int>> h) {
    const life mine(*w);
    const std::unique_ptr<int> made = co_await std::move(h).join();
    w->result = *made;
}

// Each waker's writes must be seen by a poll, also if the task was notified already.
void two_wakes() {
    auto w = std::make_unique<world>();
    {
        const auto h = w->ex.spawn(wait_for_both, w.get());
        w->ex.run_some(1);
        run_threads([&] { w->ex.work(); }, [&] { w->a.raise(); }, [&] { w->b.raise(); });
        expect(h.is_finished() && w->result == 3, "the task did not end");
    }
    w->expect_balance();
}

void wakes_of_branches() {
    auto w = std::make_unique<world>();
    {
        const auto h = w->ex.spawn(wait_for_both_at_once, w.get());
        w->ex.run_some(1);
        run_threads([&] { w->ex.work(); },
                    [&] {
                        w->a.raise();
                        w->b.raise_and_release();
                    });
        expect(h.is_finished() && w->result == 3, "the task did not end");
    }
    w->expect_balance();
}

// A wake of a task that is in the queue already changes nothing, and must still publish.
void wake_of_a_queued_task() {
    auto w = std::make_unique<world>();
    {
        const auto h = w->ex.spawn(make_after, w.get());
        w->ex.run_some(1);
        w->a.waker().wake();
        run_threads([&] { w->ex.work(); }, [&] { w->a.raise(); });
        expect(h.is_finished(), "the task did not end");
    }
    w->expect_balance();
}

// From its first poll on one worker to the next on another.
void task_changes_workers() {
    auto w = std::make_unique<world>();
    {
        const auto h = w->ex.spawn(make_after, w.get());
        run_threads([&] { w->ex.work(); }, [&] { w->ex.work(); },
                    [&] { w->a.raise_and_release(); });
        expect(h.is_finished(), "the task did not end");
    }
    w->expect_balance();
}

void cancel_beside_wake() {
    auto w = std::make_unique<world>();
    {
        auto h = w->ex.spawn(make_after, w.get());
        w->ex.run_some(1);
        run_threads([&] { w->ex.work(); }, [&] { w->a.raise(); }, [&] { h.request_cancel(); });
        expect(h.is_finished(), "the task did not end");
    }
    w->expect_balance();
}

void join_beside_end() {
    auto w = std::make_unique<world>();
    {
        const auto h = w->ex.spawn(join_into, w.get(), w->ex.spawn(make_at_once));
        run_threads([&] { w->ex.work(); }, [&] { w->ex.work(); });
        expect(h.is_finished() && w->result == 7, "the join did not end");
    }
    w->expect_balance();
}

// The one who joins is dropped while the other ends: the waker in between belongs to one of them.
void cancelled_join_beside_end() {
    auto w = std::make_unique<world>();
    {
        auto h = w->ex.spawn(join_into, w.get(), w->ex.spawn(make_as_child, w.get()));
        w->ex.run_some(2);
        w->a.raise();
        h.request_cancel();  // both are queued now
        run_threads([&] { w->ex.work(); }, [&] { w->ex.work(); });
        expect(h.is_finished(), "the join did not end");
    }
    w->expect_balance();
}

// Waits for the end of a task that it has cancelled, and gives that up again.
task<> cancel_for_a_while(world* w, join_handle<std::unique_ptr<int>> h) {
    const life mine(*w);
    co_await edo::select(h.cancel(), w->b.wait());
    std::move(h).detach();
}

void abandoned_cancel_beside_end() {
    auto w = std::make_unique<world>();
    {
        const auto h =
            w->ex.spawn(cancel_for_a_while, w.get(), w->ex.spawn(make_as_child, w.get()));
        w->ex.run_some(2);
        w->b.raise();  // both are queued now: the one to be dropped, the other to give up
        run_threads([&] { w->ex.work(); }, [&] { w->ex.work(); });
        expect(h.is_finished(), "the task did not end");
    }
    w->expect_balance();
}

// The output goes with the handle or with the task, once.
void handle_goes_beside_end() {
    auto w = std::make_unique<world>();
    auto h = w->ex.spawn(make_at_once);
    run_threads([&] { w->ex.work(); }, [&] { auto dropped = std::move(h); });
    w->expect_balance();
}

void detach_beside_end() {
    auto w = std::make_unique<world>();
    auto h = w->ex.spawn(make_at_once);
    run_threads([&] { w->ex.work(); }, [&] { std::move(h).detach(); });
    w->expect_balance();
}

// The last reference may be that of a waker that is just being used.
void waker_outlives_its_task() {
    auto w = std::make_unique<world>();
    {
        auto h = w->ex.spawn(make_after, w.get());
        w->ex.run_some(1);
        edo::waker kept = w->a.waker();
        run_threads([&] { w->ex.work(); }, [&] { std::move(kept).wake(); },
                    [&] { auto dropped = std::move(h); });
    }
    w->expect_balance();
}

// A dump looks at the frames of an idle task; a wake or cancel that comes meanwhile is not lost.
void inspection_beside_wake() {
    auto w = std::make_unique<world>();
    {
        const auto h = w->ex.spawn(make_after, w.get());
        w->ex.run_some(1);
        task_header* inspected = nullptr;
        w->ex.tasks.for_each([](void* to, task_header& t) { *static_cast<task_header**>(to) = &t; },
                             &inspected);
        inspected->add_ref();
        run_threads([&] { w->ex.work(); }, [&] { w->a.raise(); },
                    [&] {
                        if (inspected->state.begin_inspection()) {
                            expect(inspected->main_line().leaf() != nullptr, "an idle task waits");
                            if (inspected->state.end_inspection()) {
                                w->ex.schedule(*inspected);
                            } else {
                                inspected->release_refs();
                            }
                        }
                        inspected->release_refs();
                    });
        expect(h.is_finished(), "the task did not end");
    }
    w->expect_balance();
}

// The owner of a group destroys a child on its own thread, whatever others do with it.
void claim(bool before_the_first_poll) {
    auto w = std::make_unique<world>();
    {
        const auto h = w->ex.spawn(make_after, w.get());
        if (!before_the_first_poll) w->ex.run_some(1);
        task_header* child = nullptr;
        w->ex.tasks.for_each([](void* to, task_header& t) { *static_cast<task_header**>(to) = &t; },
                             &child);
        child->add_ref();
        run_threads([&] { w->ex.work(); },
                    [&] {
                        if (!before_the_first_poll) w->a.raise();
                    },
                    [&] {
                        edo::detail::random choices{1};
                        edo::detail::execution exec;
                        w->ex.begin(exec, choices);
                        if (child->state.claim()) {
                            child->destroy_claimed(exec);
                            child->release_refs();
                            w->ex.close_if_all_have_ended();
                        } else {
                            child->release_refs();
                        }
                        edo::detail::set_current_execution(nullptr);
                    });
        expect(h.is_finished(), "the task did not end");
    }
    w->expect_balance();
}

void claim_beside_wake() {
    claim(false);
}

void claim_beside_the_first_poll() {
    claim(true);
}

// The end of a runtime drops a task where it waits, perhaps not on the thread that has polled it,
// and leaves it to its poll if it is queued.
void drop_beside_wake() {
    auto w = std::make_unique<world>();
    {
        const auto h = w->ex.spawn(wait_for_both, w.get());
        w->ex.run_some(1);
        task_header* left = nullptr;
        w->ex.tasks.for_each([](void* to, task_header& t) { *static_cast<task_header**>(to) = &t; },
                             &left);
        left->add_ref();
        run_threads([&] { w->ex.work(); }, [&] { w->a.raise(); },
                    [&] {
                        edo::detail::random choices{1};
                        edo::detail::execution exec;
                        w->ex.begin(exec, choices);
                        if (left->start_drop()) {
                            left->run_started(exec);
                            w->ex.close_if_all_have_ended();
                        }
                        left->release_refs();
                        edo::detail::set_current_execution(nullptr);
                    });
        expect(h.is_finished(), "the task did not end");
    }
    w->expect_balance();
}

// A task that nobody knows is freed at its end, unless a dump has found it.
void end_beside_a_dump() {
    auto w = std::make_unique<world>();
    w->ex.spawn(make_after, w.get()).detach();
    w->ex.run_some(1);
    run_threads([&] { w->ex.work(); }, [&] { w->a.raise_and_release(); },
                [&] {
                    task_header* found = nullptr;
                    w->ex.tasks.for_each(
                        [](void* to, task_header& t) {
                            if (t.state.add_ref_unless_complete())
                                *static_cast<task_header**>(to) = &t;
                        },
                        &found);
                    if (found == nullptr) return;
                    expect(found->spawn_site().line() != 0, "a dump looks at a cell that is gone");
                    found->release_refs();
                });
    w->expect_balance();
}

// Who waits for a new task polls it, while its entry stays in the queue.
void first_poll(void (*beside)(world& w, join_handle<std::unique_ptr<int>>& h)) {
    auto w = std::make_unique<world>();
    {
        auto h = w->ex.spawn(make_after, w.get());
        task_header* child = nullptr;
        w->ex.tasks.for_each([](void* to, task_header& t) { *static_cast<task_header**>(to) = &t; },
                             &child);
        child->add_ref();
        run_threads([&] { w->ex.work(); }, [&] { w->ex.run_first_poll(*child); },
                    [&] { beside(*w, h); });
        expect(h.is_finished(), "the task did not end");
        child->release_refs();
    }
    w->expect_balance();
}

void first_poll_beside_wake() {
    first_poll([](world& w, auto&) { w.a.raise(); });
}

void first_poll_beside_last_wake() {
    first_poll([](world& w, auto&) { w.a.raise_and_release(); });
}

void first_poll_beside_cancel() {
    first_poll([](world&, auto& h) { h.request_cancel(); });
}

// The entry is void or the wake's, and a second wake makes no second one.
void first_poll_beside_two_wakes() {
    auto w = std::make_unique<world>();
    {
        const auto h = w->ex.spawn(wait_for_both, w.get());
        task_header* child = nullptr;
        w->ex.tasks.for_each([](void* to, task_header& t) { *static_cast<task_header**>(to) = &t; },
                             &child);
        child->add_ref();
        w->ex.run_first_poll(*child);
        run_threads([&] { w->ex.work(); }, [&] { w->a.raise(); }, [&] { w->b.raise(); });
        expect(h.is_finished() && w->result == 3, "the task did not end");
        child->release_refs();
    }
    w->expect_balance();
}

const scenario first_wake_s{"task.first_poll_beside_wake", first_poll_beside_wake};
const scenario first_last_s{"task.first_poll_beside_last_wake", first_poll_beside_last_wake};
const scenario first_cancel_s{"task.first_poll_beside_cancel", first_poll_beside_cancel};
const scenario first_two_s{"task.first_poll_beside_two_wakes", first_poll_beside_two_wakes};
const scenario queued_s{"task.wake_of_a_queued_task", wake_of_a_queued_task};
const scenario abandoned_s{"task.abandoned_cancel_beside_end", abandoned_cancel_beside_end};
const scenario first_s{"task.claim_beside_the_first_poll", claim_beside_the_first_poll};
const scenario wakes_s{"task.two_wakes", two_wakes};
const scenario branches_s{"task.wakes_of_branches", wakes_of_branches};
const scenario workers_s{"task.task_changes_workers", task_changes_workers};
const scenario cancel_s{"task.cancel_beside_wake", cancel_beside_wake};
const scenario join_s{"task.join_beside_end", join_beside_end};
const scenario cancelled_join_s{"task.cancelled_join_beside_end", cancelled_join_beside_end};
const scenario handle_s{"task.handle_goes_beside_end", handle_goes_beside_end};
const scenario detach_s{"task.detach_beside_end", detach_beside_end};
const scenario waker_s{"task.waker_outlives_its_task", waker_outlives_its_task};
const scenario inspection_s{"task.inspection_beside_wake", inspection_beside_wake};
const scenario claim_s{"task.claim_beside_wake", claim_beside_wake};
const scenario drop_s{"task.drop_beside_wake", drop_beside_wake};
const scenario dump_s{"task.end_beside_a_dump", end_beside_a_dump};

TEST(task_model, every_wakers_writes_are_seen_by_a_poll) {
    expect_holds(wakes_s);
}

TEST(task_model, wake_of_a_queued_task_publishes_too) {
    expect_holds(queued_s);
}

TEST(task_model, abandoned_cancel_leaves_no_waker_behind) {
    expect_holds(abandoned_s);
}

TEST(task_model, task_is_claimed_from_the_queue_or_after_its_poll) {
    expect_holds(first_s);
}

TEST(task_model, task_polled_by_who_waits_for_it_is_in_one_queue) {
    expect_holds(first_wake_s);
    expect_holds(first_last_s);
    expect_holds(first_cancel_s);
    expect_holds(first_two_s);
}

TEST(task_model, wakes_of_branches_are_not_lost) {
    expect_holds(branches_s);
}

TEST(task_model, frames_are_handed_from_worker_to_worker) {
    expect_holds(workers_s);
}

TEST(task_model, cancel_beside_a_wake_ends_the_task_once) {
    expect_holds(cancel_s);
}

TEST(task_model, join_misses_no_end) {
    expect_holds(join_s);
}

TEST(task_model, cancelled_join_leaves_no_waker_behind) {
    expect_holds(cancelled_join_s);
}

TEST(task_model, output_goes_with_the_handle_or_with_the_task) {
    expect_holds(handle_s);
}

TEST(task_model, detached_task_frees_itself) {
    expect_holds(detach_s);
}

TEST(task_model, waker_may_outlive_its_task) {
    expect_holds(waker_s);
}

TEST(task_model, inspection_loses_no_wake) {
    expect_holds(inspection_s);
}

TEST(task_model, claimed_task_is_destroyed_once) {
    expect_holds(claim_s);
}

TEST(task_model, task_is_dropped_where_it_waits_or_at_its_poll) {
    expect_holds(drop_s);
}

TEST(task_model, unknown_task_is_freed_beside_a_dump) {
    expect_holds(dump_s);
}

void caught(
    const char* name, const char* file, const char* line, mutant::kind what, const char* in = "") {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .in = in};
    expect_caught(bug, {handle_s,     queued_s,     join_s,         abandoned_s,      first_s,
                        detach_s,     branches_s,   cancel_s,       claim_s,          inspection_s,
                        waker_s,      wakes_s,      workers_s,      cancelled_join_s, first_two_s,
                        first_wake_s, first_last_s, first_cancel_s, drop_s,           dump_s});
}

constexpr const char* state_h = "task/state/state.h";
constexpr const char* header_h = "task/state/header.h";
constexpr const char* header_cpp = "task/state/header.cpp";
constexpr const char* registry_cpp = "task/state/registry.cpp";
constexpr auto weaken = mutant::kind::weaken;
constexpr auto tear = mutant::kind::tear;

TEST(task_mutants, wake_publishes_nothing) {
    caught("W relaxed", state_h, "return enqueue;  // W", weaken);
}

TEST(task_mutants, wake_is_not_atomic) {
    caught("W torn", state_h, "return enqueue;  // W", tear);
}

TEST(task_mutants, wake_and_release_publishes_nothing) {
    caught("W, R relaxed", state_h, "continue;  // W, R", weaken);
}

TEST(task_mutants, wake_and_release_is_not_atomic) {
    caught("W, R torn", state_h, "continue;  // W, R", tear);
}

TEST(task_mutants, drop_where_it_waits_acquires_nothing) {
    caught("K relaxed", state_h, "return idle;  // K", weaken);
}

TEST(task_mutants, drop_where_it_waits_is_not_atomic) {
    caught("K torn", state_h, "return idle;  // K", tear);
}

TEST(task_mutants, who_frees_an_unknown_task_acquires_nothing) {
    caught("R' of is_unshared relaxed", state_h, "word_.load(acquire);  // R'", weaken,
           "::is_unshared");
}

TEST(task_mutants, unknown_task_leaves_the_list_without_the_lock) {
    caught("remove_unshared without lock", registry_cpp, "spin_guard guard(s.lock)",
           mutant::kind::skip, "::remove_unshared");
}

TEST(task_mutants, poll_acquires_nothing) {
    caught("P relaxed", state_h, "acq_rel, relaxed))  // P", weaken);
}

TEST(task_mutants, start_of_a_poll_is_not_atomic) {
    caught("P torn", state_h, "acq_rel, relaxed))  // P", tear);
}

TEST(task_mutants, end_of_a_poll_hands_nothing_over) {
    caught("S relaxed", state_h, "acq_rel, acquire))  // S", weaken);
}

TEST(task_mutants, end_of_a_poll_is_not_atomic) {
    caught("S torn", state_h, "acq_rel, acquire))  // S", tear);
}

TEST(task_mutants, end_of_a_poll_in_which_it_was_woken_hands_nothing_over) {
    caught("S relaxed", state_h, "acq_rel, acquire))  // S", weaken, "stop_poll_slowly");
}

TEST(task_mutants, end_of_a_poll_in_which_it_was_woken_is_not_atomic) {
    caught("S torn", state_h, "acq_rel, acquire))  // S", tear, "stop_poll_slowly");
}

TEST(task_mutants, completion_publishes_nothing) {
    caught("C relaxed", state_h, "// C, R, H", weaken);
}

TEST(task_mutants, completion_is_not_atomic) {
    caught("C torn", state_h, "// C, R, H", tear);
}

TEST(task_mutants, join_acquires_nothing) {
    caught("J relaxed", state_h, "complete_bit) != 0; }  // J", weaken);
}

TEST(task_mutants, join_waker_is_not_published) {
    caught("A relaxed", state_h, "// A, J", weaken);
}

TEST(task_mutants, join_waker_is_not_set_atomically) {
    caught("A torn", state_h, "// A, J", tear);
}

TEST(task_mutants, join_waker_is_not_cleared_atomically) {
    caught("A' torn", state_h, "// A', J", tear);
}

TEST(task_mutants, handle_goes_without_order) {
    caught("H relaxed", state_h, "acq_rel, acquire))  // H, X, R, J", weaken);
}

TEST(task_mutants, handle_does_not_go_atomically) {
    caught("H torn", state_h, "acq_rel, acquire))  // H, X, R, J", tear);
}

TEST(task_mutants, handle_is_not_given_up_atomically) {
    caught("H torn", state_h, "acq_rel, relaxed);  // H, R", tear);
}

TEST(task_mutants, handle_is_given_up_without_order) {
    caught("H relaxed", state_h, "acq_rel, relaxed);  // H, R", weaken);
}

TEST(task_mutants, cancel_is_not_atomic) {
    caught("X torn", state_h, "return queues;  // X", tear);
}

TEST(task_mutants, references_are_let_go_without_order) {
    caught("R relaxed", state_h, "fetch_sub(count * ref_one, acq_rel)", weaken);
}

TEST(task_mutants, references_are_not_let_go_atomically) {
    caught("R torn", state_h, "fetch_sub(count * ref_one, acq_rel)", tear);
}

TEST(task_mutants, last_owner_does_not_see_the_others) {
    caught("R' relaxed", state_h, "word_.load(acquire);  // R'", weaken);
}

TEST(task_mutants, claim_is_not_atomic) {
    caught("D torn", state_h, "return free;  // D, X", tear);
}

TEST(task_mutants, claim_acquires_nothing) {
    caught("D relaxed", state_h, "return free;  // D, X", weaken);
}

TEST(task_mutants, inspection_is_not_exclusive) {
    caught("I torn", state_h, "(seen | running) + ref_one, acquire", tear);
}

TEST(task_mutants, end_of_an_inspection_hands_nothing_over) {
    caught("S of I torn", state_h, "acq_rel, relaxed))  // S", tear);
}

TEST(task_mutants, first_poll_is_not_exclusive) {
    caught("E torn", state_h, "return true;  // E", tear);
}

TEST(task_mutants, void_entry_is_not_noted_atomically) {
    caught("V torn", state_h, "release, relaxed);  // V", tear);
}

TEST(task_mutants, void_entry_hands_the_link_of_the_queue_over_to_nobody) {
    caught("V relaxed", state_h, "release, relaxed);  // V", weaken);
}

TEST(task_mutants, branches_are_marked_without_order) {
    caught("ready_slots lost", header_h, "ready_slots.fetch_or", mutant::kind::skip);
}

TEST(task_mutants, branches_are_not_marked_atomically) {
    caught("ready_slots torn", header_cpp, "ready_slots.exchange(0, acquire)", tear);
}

}  // namespace
