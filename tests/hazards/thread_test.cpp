// A task goes on where the next poll runs: nothing that belongs to a thread may be remembered
// across an await. Compilers have cached the address of a thread_local, of errno, and the thread's
// id.

#include <thread>

#include "../support/manual_executor.h"
#include <cerrno>
#include <vector>

#include <gtest/gtest.h>

#include <edo/task/context.h>
#include <edo/task/task.h>
#include <edo/task/yield.h>

namespace {

using edo::task;
using edo::testing::manual_executor;

thread_local int mark_of_this_thread = 0;

// The taught way to reach a thread_local from a coroutine: through a function that is not inlined.
[[gnu::noinline]] int& mark() noexcept {
    return mark_of_this_thread;
}

struct seen {
    std::vector<int> marks;
    std::vector<const void*> errnos;
    std::vector<std::thread::id> ids;
    std::vector<const edo::detail::execution*> executions;
};

constexpr int hops = 6;

task<> note_each_hop(seen& out) {
    for (int i = 0; i < hops; ++i) {
        out.marks.push_back(mark());
        out.errnos.push_back(&errno);
        out.ids.push_back(std::this_thread::get_id());
        out.executions.push_back(edo::detail::current_execution());
        co_await edo::yield_now();
    }
}

// The same without a loop: here a compiler would have both reads in one basic block.
task<> note_both_sides(seen& out) {
    out.marks.push_back(mark());
    out.errnos.push_back(&errno);
    out.ids.push_back(std::this_thread::get_id());
    out.executions.push_back(edo::detail::current_execution());
    co_await edo::yield_now();
    out.marks.push_back(mark());
    out.errnos.push_back(&errno);
    out.ids.push_back(std::this_thread::get_id());
    out.executions.push_back(edo::detail::current_execution());
    co_await edo::yield_now();
}

// Runs one poll after the other, by turns on this thread and on another one, and notes what each
// thread says of itself outside of any coroutine.
seen alternate(task<> (*coroutine)(seen&), seen& by_coroutine) {
    manual_executor ex;
    auto handle = ex.spawn(coroutine, std::ref(by_coroutine));
    seen by_thread;
    const auto poll = [&](int name) {
        mark_of_this_thread = name;
        by_thread.marks.push_back(name);
        by_thread.errnos.push_back(&errno);
        by_thread.ids.push_back(std::this_thread::get_id());
        by_thread.executions.push_back(&ex.execution());
        ex.run_one();
    };
    while (ex.queued() != 0) {
        poll(1);
        std::thread([&] {
            if (ex.queued() != 0) poll(2);
        }).join();
    }
    EXPECT_TRUE(handle.is_finished());
    // The last poll only ends the coroutine.
    by_thread.marks.pop_back();
    by_thread.errnos.pop_back();
    by_thread.ids.pop_back();
    by_thread.executions.pop_back();
    return by_thread;
}

class alternating_threads : public ::testing::TestWithParam<task<> (*)(seen&)> {};

TEST_P(alternating_threads, are_told_apart_by_a_coroutine_after_each_await) {
    seen by_coroutine;

    const seen by_thread = alternate(GetParam(), by_coroutine);

    EXPECT_GE(by_coroutine.marks.size(), 2u);
    EXPECT_EQ(by_coroutine.marks, by_thread.marks);
    EXPECT_EQ(by_coroutine.errnos, by_thread.errnos);
    EXPECT_EQ(by_coroutine.ids, by_thread.ids);
    EXPECT_EQ(by_coroutine.executions, by_thread.executions);
}

INSTANTIATE_TEST_SUITE_P(hops,
                         alternating_threads,
                         ::testing::Values(note_each_hop, note_both_sides));

// Both reads in one expression: here a compiler that knows of no threads folds them into one.
task<> compare_both_sides(std::vector<bool>& differs) {
    const auto id = std::this_thread::get_id();
    const void* const error = &errno;
    const void* const variable = &mark_of_this_thread;
    const void* const through_function = &mark();
    co_await edo::yield_now();
    differs.push_back(id != std::this_thread::get_id());
    differs.push_back(error != &errno);
    differs.push_back(variable != &mark_of_this_thread);
    differs.push_back(through_function != &mark());
}

TEST(thread, is_seen_to_differ_from_the_one_before_the_await) {
    std::vector<bool> differs;
    manual_executor ex;

    auto handle = ex.spawn(compare_both_sides, std::ref(differs));
    ex.run_one();
    std::thread([&ex] { ex.run_one(); }).join();

    EXPECT_EQ(differs, std::vector<bool>(4, true));
}

}  // namespace
