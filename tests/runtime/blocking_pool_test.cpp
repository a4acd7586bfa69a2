#include <edo/runtime/blocking_pool.h>

#include "runtime/flavors.h"
#include <atomic>
#include <concepts>
#include <latch>
#include <memory>
#include <optional>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/seam/census.h>
#include <edo/base/seam/sys.h>
#include <edo/runtime/block_in_place.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/scheduler/core.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/runtime/testing.h>
#include <edo/task/context.h>
#include <edo/task/select.h>
#include <edo/task/yield.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;
using edo::blocking_pool_metrics;
using edo::blocking_pool_options;

EDO_SUITE_FOR_ALL_RUNTIMES(blocking_pool_of_any_runtime);

/// Calls that keep threads of a pool busy until they are let go.
class held_calls {
public:
    held_calls(const edo::blocking_pool& pool, int count) : gates_(std::make_shared<gates>(count)) {
        for (int i = 0; i < count; ++i) {
            auto call = pool.try_spawn(
                [](const std::shared_ptr<gates>& at) {
                    at->begun.count_down();
                    at->open.wait();
                },
                gates_);
            calls_.push_back(std::move(call).value());
        }
        gates_->begun.wait();
    }

    held_calls(const held_calls&) = delete;

    ~held_calls() { let_go(); }

    void let_go() {
        if (!std::exchange(is_open_, true)) gates_->open.count_down();
    }

    template <class Runtime>
    void await_end(Runtime& rt) {
        let_go();
        for (auto& call : calls_)
            rt.block_on(std::move(call));
        calls_.clear();
    }

private:
    struct gates {
        explicit gates(int count) : begun(count) {}

        std::latch begun, open{1};
    };

    std::shared_ptr<gates> gates_;  // also the calls'
    std::vector<edo::blocking_operation<void>> calls_;
    bool is_open_ = false;
};

// A call is in one place.
void expect_sum(const blocking_pool_metrics& m) {
    EXPECT_EQ(m.submitted, m.queued + m.running + m.completed + m.refused + m.cancelled);
}

int twice(int n) {
    return n * 2;
}

edo::task<int> twice_in_own_pool(int n) {
    edo::blocking_pool pool("own", blocking_pool_options().max_threads(1));
    co_return co_await pool.spawn(twice, n);
}

TEST_P(blocking_pool_of_any_runtime, made_in_a_task_makes_its_calls) {
    const auto made = make();
    auto& rt = *made;

    EXPECT_EQ(rt.block_on(twice_in_own_pool(3)), 6);
}

TEST_P(blocking_pool_of_any_runtime, made_outside_of_tasks_makes_calls_of_tasks) {
    const auto made = make();
    auto& rt = *made;
    edo::blocking_pool pool = rt.blocking_pool("outside");

    EXPECT_EQ(rt.block_on(pool.spawn(twice, 3)), 6);
}

TEST_P(blocking_pool_of_any_runtime, handle_is_passed_to_tasks_as_a_value) {
    const auto made = make();
    auto& rt = *made;

    const int got = rt.block_on([]() -> edo::task<int> {
        edo::blocking_pool pool("shared");
        auto child = edo::spawn(
            [](edo::blocking_pool mine) -> edo::task<int> {
                co_return co_await mine.spawn(twice, 4);
            },
            pool);
        const int here = co_await pool.spawn(twice, 5);
        co_return here + co_await std::move(child).join();
    });

    EXPECT_EQ(got, 18);
}

TEST_P(blocking_pool_of_any_runtime, rethrows_what_the_call_throws) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("throws");

    EXPECT_THROW(rt.block_on(pool.spawn([]() -> int { throw std::runtime_error("no disk"); })),
                 std::runtime_error);
}

TEST_P(blocking_pool_of_any_runtime, move_only_arguments_and_results_pass_through) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("moves");

    auto got =
        rt.block_on(pool.spawn([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(2)));

    EXPECT_EQ(*got, 2);
}

using spawn_form = decltype(edo::blocking_pool::spawn);
using try_spawn_form = decltype(edo::blocking_pool::try_spawn);
using sum_of_five = int (*)(int, int, int, int, int);
using sum_of_six = int (*)(int, int, int, int, int, int);
static_assert(std::invocable<spawn_form, sum_of_five, int, int, int, int, int>);
static_assert(!std::invocable<spawn_form, sum_of_six, int, int, int, int, int, int>);
static_assert(!std::invocable<try_spawn_form, sum_of_six, int, int, int, int, int, int>);
// A handle that was moved from is still one of the same pool.
static_assert(std::copyable<edo::blocking_pool>);

TEST_P(blocking_pool_of_any_runtime, handle_that_was_moved_from_is_still_one) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("moved");
    edo::blocking_pool other = std::move(pool);

    EXPECT_EQ(rt.block_on(pool.spawn(twice, 1)), 2);

    EXPECT_EQ(other.metrics().completed, 1U);
}

std::string name_of_this_thread() {
    char name[32] = {};
    ::pthread_getname_np(::pthread_self(), name, sizeof name);
    return name;
}

TEST_P(blocking_pool_of_any_runtime, threads_carry_the_name_of_the_pool_cut_to_15_characters) {
    const auto made = make();
    auto& rt = *made;

    EXPECT_EQ(rt.block_on(rt.blocking_pool("dns").spawn(name_of_this_thread)), "dns");
    EXPECT_EQ(rt.block_on(rt.blocking_pool("the name service").spawn(name_of_this_thread)),
              "the name servic");
}

TEST_P(blocking_pool_of_any_runtime, calls_run_on_threads_of_the_pool_alone) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("own");
    const auto id = [] { return std::this_thread::get_id(); };
    const std::thread::id worker =
        rt.block_on([&]() -> edo::task<std::thread::id> { co_return std::this_thread::get_id(); });

    const std::thread::id in_default = rt.block_on(edo::spawn_blocking(id));
    const std::thread::id in_own = rt.block_on(pool.spawn(id));

    EXPECT_NE(in_own, worker);
    EXPECT_NE(in_own, in_default);
    EXPECT_NE(in_own, std::this_thread::get_id());
}

TEST_P(blocking_pool_of_any_runtime, that_is_full_of_blocked_calls_holds_up_no_other) {
    const auto made = make();
    auto& rt = *made;
    auto slow = rt.blocking_pool("slow", blocking_pool_options().max_threads(2));
    auto quick = rt.blocking_pool("quick", blocking_pool_options().max_threads(1));
    held_calls held(slow, 2);
    auto waiting = slow.try_spawn(twice, 1);

    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(rt.block_on(quick.spawn(twice, i)), 2 * i);
        EXPECT_EQ(rt.block_on(edo::spawn_blocking(twice, i)), 2 * i);
    }

    EXPECT_EQ(slow.metrics().completed, 0U);
    held.await_end(rt);
    EXPECT_EQ(rt.block_on(std::move(*waiting)), 2);
}

TEST_P(blocking_pool_of_any_runtime, call_waits_in_line_when_all_threads_are_busy) {
    const auto made = make();
    auto& rt = *made;
    auto pool =
        rt.blocking_pool("line", blocking_pool_options().max_threads(1).queue(0));  // not spawn's
    held_calls held(pool, 1);
    std::vector<int> order;
    std::vector<edo::join_handle<void>> all;
    std::atomic<int> in_line = 0;
    for (int i = 0; i < 5; ++i) {
        all.push_back(rt.spawn([&, i]() -> edo::task<> {
            while (in_line != i)
                co_await edo::yield_now();
            auto call = pool.spawn([&order, i] { order.push_back(i); });
            auto first = co_await edo::select_biased(call, edo::yield_now());
            EXPECT_EQ(first.index(), 1U);
            ++in_line;
            co_await std::move(call);
        }));
    }
    rt.block_on([&]() -> edo::task<> {
        while (in_line != 5)
            co_await edo::yield_now();
    });
    EXPECT_EQ(pool.metrics().queued, 5U);

    held.await_end(rt);
    for (auto& h : all)
        rt.block_on(std::move(h).join());

    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_P(blocking_pool_of_any_runtime, try_form_refuses_when_too_many_wait) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("try", blocking_pool_options().max_threads(2).queue(1));
    held_calls held(pool, 2);

    auto waits = pool.try_spawn(twice, 1);
    auto refused = pool.try_spawn(twice, 2);

    EXPECT_TRUE(waits.has_value());
    EXPECT_EQ(refused.error(), edo::errc::queue_full);
    held.await_end(rt);
    EXPECT_EQ(rt.block_on(std::move(*waits)), 2);
    EXPECT_EQ(pool.metrics().refused, 1U);
}

// However long the threads take to come.
TEST_P(blocking_pool_of_any_runtime, without_a_queue_try_form_accepts_one_call_for_each_thread) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("no queue", blocking_pool_options().max_threads(3).queue(0));

    for (int round = 0; round < 50; ++round) {
        held_calls held(pool, 3);
        EXPECT_EQ(pool.try_spawn(twice, 1).error(), edo::errc::queue_full);
        held.await_end(rt);
    }
}

TEST_P(blocking_pool_of_any_runtime, metrics_say_where_each_call_is) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("counted", blocking_pool_options().max_threads(2).queue(2));
    held_calls held(pool, 2);
    auto waits = pool.try_spawn(twice, 1);
    {
        auto dropped = pool.try_spawn(twice, 2);
    }
    auto waits_too = pool.try_spawn(twice, 3);
    EXPECT_FALSE(pool.try_spawn(twice, 4).has_value());

    const blocking_pool_metrics full = pool.metrics();

    EXPECT_EQ(full.name, "counted");
    EXPECT_EQ(full.max_threads, 2U);
    EXPECT_EQ(full.threads, 2U);
    EXPECT_EQ(full.idle_threads, 0U);
    EXPECT_EQ(full.running, 2U);
    EXPECT_EQ(full.queued, 2U);
    EXPECT_EQ(full.submitted, 6U);
    EXPECT_EQ(full.completed, 0U);
    EXPECT_EQ(full.refused, 1U);
    EXPECT_EQ(full.cancelled, 1U);

    held.await_end(rt);
    rt.block_on(std::move(*waits));
    rt.block_on(std::move(*waits_too));
    const blocking_pool_metrics idle = pool.metrics();

    EXPECT_EQ(idle.running, 0U);
    EXPECT_EQ(idle.queued, 0U);
    EXPECT_EQ(idle.idle_threads, idle.threads);
    EXPECT_EQ(idle.completed, 4U);
    expect_sum(idle);
}

TEST_P(blocking_pool_of_any_runtime, call_dropped_before_it_begins_never_does) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("drops", blocking_pool_options().max_threads(1));
    held_calls held(pool, 1);
    std::atomic<int> calls = 0;

    rt.block_on([&]() -> edo::task<> {
        co_await edo::select_biased(pool.spawn([&] { ++calls; }), edo::yield_now());
    });
    held.await_end(rt);
    rt.block_on(pool.spawn([] {}));

    EXPECT_EQ(calls, 0);
    EXPECT_EQ(pool.metrics().cancelled, 1U);
}

TEST_P(blocking_pool_of_any_runtime, operation_that_is_never_awaited_calls_nothing) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("unused");

    static_cast<void>(pool.spawn(twice, 1));

    EXPECT_EQ(pool.metrics().submitted, 0U);
    EXPECT_EQ(pool.metrics().threads, 0U);
}

TEST_P(blocking_pool_of_any_runtime, names_may_repeat_and_mean_different_pools) {
    const auto made = make();
    auto& rt = *made;
    auto first = rt.blocking_pool("same");
    auto second = rt.blocking_pool("same");

    rt.block_on(first.spawn(twice, 1));

    EXPECT_EQ(first.metrics().completed, 1U);
    EXPECT_EQ(second.metrics().completed, 0U);
}

TEST_P(blocking_pool_of_any_runtime, with_no_threads_is_refused_with_the_reason) {
    const auto made = make();
    auto& rt = *made;

    try {
        auto pool = rt.blocking_pool("none", blocking_pool_options().max_threads(0));
        ADD_FAILURE() << "it was made";
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code(), edo::build_errc::no_blocking_threads);
        EXPECT_THAT(e.what(), ::testing::HasSubstr("blocking pool 'none'"));
    }
}

TEST_P(blocking_pool_of_any_runtime, may_be_used_by_tasks_of_another_runtime) {
    const auto made = make();
    auto& rt = *made;
    const auto made_other = make();
    auto& other = *made_other;
    auto pool = rt.blocking_pool("lent");

    EXPECT_EQ(other.block_on(pool.spawn(twice, 2)), 4);
}

// ---- failure to start threads

int refuse_thread(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) noexcept {
    return -EAGAIN;
}

/// No thread can be started while it lives.
class no_threads {
public:
    no_threads() noexcept { edo::detail::sys::current.pthread_create = &refuse_thread; }

    no_threads(const no_threads&) = delete;

    ~no_threads() {
        edo::detail::sys::current.pthread_create = &edo::detail::sys::kernel::pthread_create;
    }
};

TEST_P(blocking_pool_of_any_runtime, without_any_thread_the_call_fails_and_later_ones_work) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("poor");
    const auto call = []() -> edo::result<int> { return 1; };
    {
        const no_threads now;
        EXPECT_EQ(rt.block_on(pool.spawn(call)).error(), std::errc::resource_unavailable_try_again);
    }

    EXPECT_EQ(rt.block_on(pool.spawn(call)).value_or(0), 1);
    EXPECT_EQ(pool.metrics().refused, 1U);
    expect_sum(pool.metrics());
}

TEST_P(blocking_pool_of_any_runtime, with_one_thread_a_refused_second_one_only_costs_time) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("poor");
    held_calls held(pool, 1);
    const no_threads now;

    auto second = pool.try_spawn(twice, 2);
    held.let_go();

    EXPECT_EQ(rt.block_on(std::move(*second)), 4);
}

// ---- the end of a pool

std::vector<blocking_pool_metrics> pools_of_this_runtime() {
    return edo::detail::core_of(*edo::detail::current_execution(), "a test",
                                std::source_location::current())
        .pools()
        .metrics();
}

template <class Runtime>
std::vector<blocking_pool_metrics> pools_of(Runtime& rt) {
    return rt.block_on([]() -> edo::task<std::vector<blocking_pool_metrics>> {
        co_return pools_of_this_runtime();
    });
}

TEST_P(blocking_pool_of_any_runtime, runtime_lists_its_pools_the_default_one_first) {
    const auto made = make();
    auto& rt = *made;
    auto dns = rt.blocking_pool("dns");
    rt.block_on(edo::spawn_blocking(twice, 1));

    const std::vector<blocking_pool_metrics> all = pools_of(rt);

    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].name, "default");
    EXPECT_EQ(all[0].completed, 1U);
    EXPECT_EQ(all[1].name, "dns");
}

void await_threads(long count) {
    while (edo::detail::census_of(edo::detail::census_kind::thread) != count)
        std::this_thread::yield();
}

TEST_P(blocking_pool_of_any_runtime, pools_made_in_a_loop_are_forgotten) {
    const auto made = make();
    auto& rt = *made;
    const long before = edo::detail::census_of(edo::detail::census_kind::thread);

    for (int i = 0; i < 200; ++i)
        EXPECT_EQ(rt.block_on(twice_in_own_pool(i)), 2 * i);

    // The last thread of the last pool is joined when the next is made.
    while (pools_of(rt).size() != 1)
        std::this_thread::yield();
    auto next = rt.blocking_pool("next");
    await_threads(before);
    EXPECT_EQ(pools_of(rt).size(), 2U);
}

TEST_P(blocking_pool_of_any_runtime, call_goes_on_when_its_operation_and_the_handles_are_gone) {
    const auto made = make();
    auto& rt = *made;
    std::latch begun(1), go_on(1);
    std::atomic<bool> returned = false;
    {
        auto pool = rt.blocking_pool("gone");
        auto call = pool.try_spawn([&] {
            begun.count_down();
            go_on.wait();
            returned = true;
        });
        begun.wait();
    }
    EXPECT_EQ(pools_of(rt).size(), 2U) << "it is busy";

    std::thread releases([&] { go_on.count_down(); });
    EXPECT_TRUE(rt.shutdown().is_clean());

    releases.join();
    EXPECT_TRUE(returned);
}

TEST_P(blocking_pool_of_any_runtime, operation_keeps_the_pool_when_the_handles_are_gone) {
    const auto made = make();
    auto& rt = *made;
    std::optional<edo::blocking_pool> pool(rt.blocking_pool("kept"));
    auto call = pool->spawn(twice, 3);
    pool.reset();

    EXPECT_EQ(rt.block_on(std::move(call)), 6);
}

TEST_P(blocking_pool_of_any_runtime, last_handle_may_go_in_a_call_of_the_pool) {
    const auto made = make();
    auto& rt = *made;
    std::latch begun(1), go_on(1);
    {
        auto pool = rt.blocking_pool("self");
        auto call = pool.try_spawn(
            [&](const edo::blocking_pool& kept) {
                begun.count_down();
                go_on.wait();
                static_cast<void>(kept);
            },
            pool);
        begun.wait();
    }
    go_on.count_down();

    EXPECT_TRUE(rt.shutdown().is_clean());
}

// ---- shutdown of the runtime

TEST_P(blocking_pool_of_any_runtime, shutdown_waits_for_calls_that_have_begun) {
    const auto made = make();
    auto& rt = *made;
    auto one = rt.blocking_pool("one"), two = rt.blocking_pool("two");
    held_calls held_one(one, 1), held_two(two, 2);

    std::thread releases([&] {
        held_one.let_go();
        held_two.let_go();
    });
    EXPECT_TRUE(rt.shutdown().is_clean());

    releases.join();
    EXPECT_EQ(one.metrics().completed, 1U);
    EXPECT_EQ(two.metrics().completed, 2U);
    EXPECT_EQ(two.metrics().threads, 0U);
}

// Threads that nobody waits for end some time after their calls.
void await_end_of(const edo::blocking_pool& pool) {
    while (pool.metrics().threads != 0)
        std::this_thread::yield();
}

TEST_P(blocking_pool_of_any_runtime, shutdown_reports_what_runs_in_which_pool) {
    const auto made = make();
    auto& rt = *made;
    auto stuck = rt.blocking_pool("stuck"), idle = rt.blocking_pool("idle");
    held_calls held(stuck, 2);

    const edo::shutdown_report report = rt.shutdown(has_workers() ? 50ms : 0ms);

    EXPECT_FALSE(report.is_clean());
    ASSERT_EQ(report.blocking_calls.size(), 2U);
    EXPECT_EQ(report.blocking_calls[0].pool, "stuck");
    EXPECT_THAT(report.blocking_calls[0].called_at.file_name(),
                ::testing::HasSubstr("blocking_pool_test.cpp"));
    EXPECT_THAT(report.to_string(), ::testing::HasSubstr("blocking call in pool 'stuck' made at"));
    const auto made_other = make();
    auto& other = *made_other;
    held.await_end(other);
    await_end_of(stuck);
}

TEST_P(blocking_pool_of_any_runtime, shutdown_refuses_calls_that_have_not_begun) {
    const auto made = make();
    auto& rt = *made;
    const auto made_other = make();
    auto& other = *made_other;
    auto pool = rt.blocking_pool("busy", blocking_pool_options().max_threads(1).queue(1));
    held_calls held(pool, 1);
    auto waits = pool.try_spawn([]() -> edo::result<int> { return 1; });

    EXPECT_EQ(rt.shutdown(0ms).blocking_calls.size(), 1U);
    auto late = pool.try_spawn([]() -> edo::result<int> { return 1; });

    EXPECT_EQ(other.block_on(std::move(*waits)).error(), edo::errc::runtime_shutdown);
    EXPECT_EQ(other.block_on(std::move(*late)).error(), edo::errc::runtime_shutdown);
    held.await_end(other);
    await_end_of(pool);
}

TEST_P(blocking_pool_of_any_runtime, handle_that_outlives_the_runtime_refuses_calls) {
    const auto made_other = make();
    auto& other = *made_other;
    std::optional<edo::blocking_pool> pool;
    {
        const auto made = make();
        auto& rt = *made;
        pool.emplace(rt.blocking_pool("late"));
        rt.block_on(pool->spawn(twice, 1));
    }

    EXPECT_EQ(other.block_on(pool->spawn([]() -> edo::result<int> { return 1; })).error(),
              edo::errc::runtime_shutdown);
    EXPECT_THROW(other.block_on(pool->spawn(twice, 1)), std::system_error);
    auto tried = pool->try_spawn([]() -> edo::result<int> { return 1; });
    EXPECT_EQ(other.block_on(std::move(*tried)).error(), edo::errc::runtime_shutdown);
    EXPECT_EQ(pool->metrics().refused, 3U);
    EXPECT_EQ(pool->metrics().threads, 0U);
}

TEST_P(blocking_pool_of_any_runtime, made_after_shutdown_refuses_calls) {
    const auto made_other = make();
    auto& other = *made_other;
    const auto made = make();
    auto& rt = *made;
    static_cast<void>(rt.shutdown());
    auto pool = rt.blocking_pool("late");

    EXPECT_EQ(other.block_on(pool.spawn([]() -> edo::result<int> { return 1; })).error(),
              edo::errc::runtime_shutdown);
}

TEST_P(blocking_pool_of_any_runtime, runtime_that_ends_in_a_call_of_it_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            const auto made = make();
            auto& rt = *made;
            auto pool = rt.blocking_pool("own");
            rt.block_on(pool.spawn([&] { static_cast<void>(rt.shutdown()); }));
        },
        "shutdown.*was called in a blocking call of this runtime");
}

TEST_P(blocking_pool_of_any_runtime, another_runtime_may_end_in_a_call_of_it) {
    const auto made = make();
    auto& rt = *made;
    auto pool = rt.blocking_pool("own");

    const bool is_clean = rt.block_on(pool.spawn([] {
        const auto made_other = make();
        auto& other = *made_other;
        return other.shutdown().is_clean();
    }));

    EXPECT_TRUE(is_clean);
}

TEST(blocking_pool, made_outside_of_a_task_aborts_with_the_cure) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(edo::blocking_pool("nowhere"), "runs no task.*runtime::blocking_pool\\(\\)");
}

TEST(blocking_pool, call_may_block_on_a_runtime_with_workers) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    auto pool = rt.blocking_pool("nested");

    EXPECT_EQ(rt.block_on(pool.spawn([&] { return rt.block_on(twice_in_own_pool(2)); })), 4);
}

TEST(blocking_pool, block_in_place_uses_the_default_pool) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    auto full = rt.blocking_pool("full", blocking_pool_options().max_threads(1));
    held_calls held(full, 1);

    rt.block_on([]() -> edo::task<> {
        edo::block_in_place([] {});
        co_return;
    });

    EXPECT_EQ(pools_of(rt)[0].completed, 1U);
    EXPECT_EQ(full.metrics().submitted, 1U);
}

TEST(blocking_pool, virtual_time_stands_still_while_a_call_runs) {
    const edo::duration passed = edo::testing::run([]() -> edo::task<edo::duration> {
        edo::blocking_pool pool("paused");
        auto gate = std::make_shared<std::latch>(1);
        auto sleeper = edo::spawn([]() -> edo::task<> { co_await edo::sleep(1h); });
        const edo::instant begin = edo::now();
        auto call = pool.spawn([](const std::shared_ptr<std::latch>& at) { at->wait(); }, gate);
        auto first = co_await edo::select_biased(call, edo::yield_now());
        static_cast<void>(first);
        std::thread opens([gate] { gate->count_down(); });
        co_await std::move(call);
        opens.join();
        const edo::duration span = edo::now() - begin;
        co_await sleeper.cancel();
        co_return span;
    });

    EXPECT_EQ(passed, 0s);
}

TEST(blocking_pool, thread_without_work_ends_and_the_next_call_gets_a_new_one) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    auto pool = rt.blocking_pool("brief", blocking_pool_options().keep_alive(0s));

    for (int i = 0; i < 200; ++i)
        EXPECT_EQ(rt.block_on(pool.spawn(twice, i)), 2 * i);
}

}  // namespace
