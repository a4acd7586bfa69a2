// The tree of cancellation tokens (sync/wait/cancel_tree.cpp): a cancellation reaches every
// descendant, while others make and drop tokens in its way.

#include "model_test.h"
#include "task_executor.h"
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include <edo/sync/cancellation_token.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>

namespace {

using edo::task;
using edo::model::executor;
using edo::sync::cancellation_token;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

using token = std::optional<cancellation_token>;

struct world {
    executor ex;
    token root{std::in_place};
    int reason = 0;  // plain: written before the cancellation
    int heard = 0;
};

task<> wait_for_stop(world* w, cancellation_token stop) {
    co_await stop.cancelled();
    w->heard = w->reason;
}

task<> wait_twice(cancellation_token stop) {
    co_await stop.cancelled();
    co_await stop.cancelled();
}

void cancel_beside_the_wait() {
    auto w = std::make_unique<world>();
    const auto h = w->ex.spawn(wait_for_stop, w.get(), w->root->child_token());
    run_threads([&] { w->ex.work(); },
                [&] {
                    w->reason = 7;
                    w->root->cancel();
                });
    expect(w->heard == 7, "what was done before the cancellation is not seen");
}

// Made before the cancellation or after it, a child is cancelled in the end.
void cancel_beside_the_making_of_a_child() {
    auto w = std::make_unique<world>();
    token child;
    run_threads([&] { child.emplace(w->root->child_token()); },
                [&] {
                    w->reason = 7;
                    w->root->cancel();
                });
    expect(child->is_cancelled() && w->reason == 7, "the child is not cancelled");
}

void look_beside_cancel() {
    auto w = std::make_unique<world>();
    const token child = w->root->child_token();
    run_threads(
        [&] {
            if (child->is_cancelled())
                expect(w->reason == 7, "what was done before the cancellation is not seen");
        },
        [&] {
            w->reason = 7;
            w->root->cancel();
        });
}

// The walk through the tree passes where nodes leave it.
void cancel_beside_the_end_of_a_chain() {
    auto w = std::make_unique<world>();
    token child = w->root->child_token();
    token leaf = child->child_token();
    child.reset();
    run_threads([&] { w->root->cancel(); }, [&] { leaf.reset(); });
}

void siblings_go_beside_each_other() {
    auto w = std::make_unique<world>();
    token a = w->root->child_token();
    token b = w->root->child_token();
    run_threads([&] { a.reset(); }, [&] { b.reset(); }, [&] { w->root.reset(); });
}

void copies_go_beside_each_other() {
    auto w = std::make_unique<world>();
    run_threads([copy = *w->root] { const cancellation_token mine(copy); },
                [copy = *w->root] { const cancellation_token mine(copy); });
}

// The last reference to the node is that of the operation which is dropped.
void waiting_task_is_dropped() {
    auto w = std::make_unique<world>();
    {
        auto h = w->ex.spawn(wait_for_stop, w.get(), w->root->child_token());
        w->ex.run_some(1);
        run_threads([&] { w->ex.work(); }, [&] { w->root->cancel(); }, [&] { h.request_cancel(); });
        expect(h.is_finished(), "the task did not end");
    }
}

void two_cancels() {
    auto w = std::make_unique<world>();
    const token child = w->root->child_token();
    const auto h = w->ex.spawn(wait_twice, *child);
    run_threads([&] { w->ex.work(); }, [&] { w->root->cancel(); }, [&] { child->cancel(); });
    expect(h.is_finished() && w->root->is_cancelled(), "the task did not end");
}

const scenario wait_s{"cancel_tree.cancel_beside_the_wait", cancel_beside_the_wait};
const scenario making_s{"cancel_tree.cancel_beside_the_making_of_a_child",
                        cancel_beside_the_making_of_a_child};
const scenario look_s{"cancel_tree.look_beside_cancel", look_beside_cancel};
const scenario chain_s{"cancel_tree.cancel_beside_the_end_of_a_chain",
                       cancel_beside_the_end_of_a_chain};
const scenario siblings_s{"cancel_tree.siblings_go_beside_each_other",
                          siblings_go_beside_each_other};
const scenario copies_s{"cancel_tree.copies_go_beside_each_other", copies_go_beside_each_other};
const scenario dropped_s{"cancel_tree.waiting_task_is_dropped", waiting_task_is_dropped};
const scenario two_s{"cancel_tree.two_cancels", two_cancels};

TEST(cancel_tree_model, wait_misses_no_cancellation) {
    expect_holds(wait_s);
}

TEST(cancel_tree_model, child_is_cancelled_whenever_it_was_made) {
    expect_holds(making_s);
}

TEST(cancel_tree_model, who_sees_the_cancellation_sees_what_preceded_it) {
    expect_holds(look_s);
}

TEST(cancel_tree_model, walk_meets_no_memory_that_is_gone) {
    expect_holds(chain_s);
}

TEST(cancel_tree_model, siblings_leave_the_tree) {
    expect_holds(siblings_s);
}

TEST(cancel_tree_model, last_copy_frees_the_token) {
    expect_holds(copies_s);
}

TEST(cancel_tree_model, dropped_wait_leaves_nothing_behind) {
    expect_holds(dropped_s);
}

TEST(cancel_tree_model, cancellations_may_meet) {
    expect_holds(two_s);
}

constexpr const char* tree_cpp = "sync/wait/cancel_tree.cpp";
constexpr const char* tree_h = "sync/wait/cancel_tree.h";
constexpr auto skip = mutant::kind::skip;
constexpr auto tear = mutant::kind::tear;
constexpr auto weaken = mutant::kind::weaken;

void caught(
    const char* name, const char* file, const char* line, mutant::kind what, const char* in = "") {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .in = in};
    expect_caught(bug, {copies_s, look_s, making_s, chain_s, siblings_s, wait_s, two_s, dropped_s});
}

TEST(cancel_tree_mutants, cancel_publishes_nothing) {
    caught("K relaxed", tree_cpp, "store(true, release);  // K", weaken);
}

TEST(cancel_tree_mutants, look_acquires_nothing) {
    caught("Q relaxed", tree_h, "cancelled_.load(acquire); }  // Q", weaken);
}

TEST(cancel_tree_mutants, references_are_not_counted_atomically) {
    caught("N torn", tree_h, "fetch_add(1, relaxed); }  // N", tear);
}

TEST(cancel_tree_mutants, references_are_let_go_without_order) {
    caught("R relaxed", tree_cpp, "fetch_sub(1, acq_rel)", weaken);
}

TEST(cancel_tree_mutants, references_are_not_let_go_atomically) {
    caught("R torn", tree_cpp, "fetch_sub(1, acq_rel)", tear);
}

TEST(cancel_tree_mutants, child_is_made_without_the_lock) {
    caught("make_child without lock", tree_cpp, "mutex_lock held(", skip, "::make_child(");
}

TEST(cancel_tree_mutants, cancel_takes_no_lock) {
    caught("cancel without lock", tree_cpp, "mutex_lock held(", skip, "::cancel(");
}

TEST(cancel_tree_mutants, wait_takes_no_lock) {
    caught("cancelled poll without lock", tree_cpp, "mutex_lock held(", skip, "::poll(");
}

TEST(cancel_tree_mutants, drop_of_a_wait_takes_no_lock) {
    caught("cancelled abandon without lock", tree_cpp, "mutex_lock held(", skip, "::abandon(");
}

TEST(cancel_tree_mutants, end_of_a_token_takes_no_lock) {
    caught("drop_ref without lock", tree_cpp, "mutex_lock held(", skip, "::drop_ref(");
}

}  // namespace
