#include "runtime/flavors.h"
#include "support/event.h"
#include "support/failing_allocation.h"
#include "support/open_files.h"
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <latch>
#include <memory>
#include <new>
#include <optional>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/seam/census.h>
#include <edo/base/seam/sanitizer.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/sync/mpsc.h>
#include <edo/task/context.h>
#include <edo/task/select.h>
#include <edo/task/spawn_options.h>
#include <edo/task/state/header.h>
#include <edo/task/state/scheduler.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::event;

EDO_TEST_ON_ALL_RUNTIMES(shutdown_of_any_runtime);

/// Counts how many of its kind were destroyed.
class counts_end {
public:
    explicit counts_end(std::atomic<int>& ended) noexcept : ended_(&ended) {}

    counts_end(counts_end&& other) noexcept : ended_(std::exchange(other.ended_, nullptr)) {}

    counts_end& operator=(counts_end&&) = delete;

    ~counts_end() {
        if (ended_ != nullptr) ++*ended_;
    }

private:
    std::atomic<int>* ended_;
};

edo::task<> wait_with(std::reference_wrapper<event> e, counts_end) {
    co_await e.get().wait();
}

edo::task<> sleep_with(edo::duration span, counts_end) {
    co_await edo::sleep(span);
}

edo::task<> select_with(std::reference_wrapper<event> e, counts_end) {
    co_await edo::select(e.get().wait(), edo::sleep(1h));
}

edo::task<> group_with(counts_end) {
    edo::task_group group;
    std::atomic<int> ignored = 0;
    for (int i = 0; i < 3; ++i)
        group.spawn(sleep_with, 1h, counts_end(ignored));
    static_cast<void>(co_await group.join());
}

edo::task<> yield_with(counts_end) {
    for (;;)
        co_await edo::yield_now();
}

/// Starts `per_kind` tasks in each kind of wait, and lets each get there.
template <class Runtime>
void start_all_kinds(Runtime& rt,
                     int per_kind,
                     std::vector<std::unique_ptr<event>>& events,
                     std::atomic<int>& ended) {
    for (int i = 0; i < per_kind; ++i) {
        events.push_back(std::make_unique<event>());
        rt.spawn(wait_with, std::ref(*events.back()), counts_end(ended)).detach();
        events.push_back(std::make_unique<event>());
        rt.spawn(select_with, std::ref(*events.back()), counts_end(ended)).detach();
        rt.spawn(sleep_with, std::chrono::hours(1), counts_end(ended)).detach();
        rt.spawn(group_with, counts_end(ended)).detach();
    }
}

constexpr int many = EDO_SANITIZED ? 10'000 : 100'000;
constexpr int busy = 100;

TYPED_TEST(shutdown_of_any_runtime, a_hundred_thousand_tasks_are_dropped_once_each_under_load) {
    std::atomic<int> ended = 0;
    std::vector<std::unique_ptr<event>> events;
    auto rt = TypeParam::make();
    start_all_kinds(rt, many / 4, events, ended);
    for (int i = 0; i < busy; ++i)
        rt.spawn(yield_with, counts_end(ended)).detach();
    rt.block_on(edo::yield_now());

    const auto begin = std::chrono::steady_clock::now();
    const edo::shutdown_report report = rt.shutdown();
    const auto took = std::chrono::steady_clock::now() - begin;

    EXPECT_TRUE(report.is_clean()) << report.to_string();
    EXPECT_EQ(ended, many + busy);
    std::printf("%d tasks dropped in %.0f ms\n", ended.load(),
                std::chrono::duration<double, std::milli>(took).count());
    EXPECT_LT(took, 30s) << "generous: the machine may have other things to do";
}

TYPED_TEST(shutdown_of_any_runtime, destructor_drops_what_is_left) {
    std::atomic<int> ended = 0;
    std::vector<std::unique_ptr<event>> events;
    {
        auto rt = TypeParam::make();
        start_all_kinds(rt, 10, events, ended);
        rt.spawn(yield_with, counts_end(ended)).detach();
    }

    EXPECT_EQ(ended, 41);
}

TYPED_TEST(shutdown_of_any_runtime, tasks_that_never_ran_are_dropped_too) {
    std::atomic<int> ended = 0;
    event e;
    auto rt = TypeParam::make();
    auto h = rt.spawn(wait_with, std::ref(e), counts_end(ended));

    EXPECT_TRUE(rt.shutdown().is_clean());

    EXPECT_EQ(ended, 1);
    EXPECT_TRUE(h.is_finished());
}

TYPED_TEST(shutdown_of_any_runtime, idle_runtime_ends_at_once) {
    auto rt = TypeParam::make();
    rt.block_on(edo::yield_now());

    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(rt.shutdown(1h).is_clean());

    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1min);
}

TYPED_TEST(shutdown_of_any_runtime, spawn_afterwards_yields_a_cancelled_task) {
    std::atomic<int> ended = 0;
    event e;
    auto rt = TypeParam::make();
    EXPECT_TRUE(rt.shutdown().is_clean());

    auto h = rt.spawn(wait_with, std::ref(e), counts_end(ended));

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(ended, 1);
    EXPECT_THROW(rt.block_on(wait_with(e, counts_end(ended))), std::system_error);
}

edo::task<edo::result<int>> yields_a_result() {
    co_return 1;
}

edo::task<int> yields_a_number() {
    co_return 1;
}

TYPED_TEST(shutdown_of_any_runtime, block_on_afterwards_says_that_the_runtime_is_gone) {
    auto rt = TypeParam::make();
    static_cast<void>(rt.shutdown());

    EXPECT_EQ(rt.block_on(yields_a_result()).error(), edo::errc::runtime_shutdown);
    try {
        rt.block_on(yields_a_number());
        FAIL();
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), edo::errc::runtime_shutdown);
    }
}

TYPED_TEST(shutdown_of_any_runtime, handle_that_outlives_the_runtime_says_cancelled) {
    std::atomic<int> ended = 0;
    event e;
    std::optional<edo::join_handle<void>> h;
    {
        auto rt = TypeParam::make();
        h.emplace(rt.spawn(wait_with, std::ref(e), counts_end(ended)));
    }

    EXPECT_TRUE(h->is_finished());
    auto other = TypeParam::make();
    auto outcome = other.block_on(std::move(*h).try_join());
    EXPECT_TRUE(outcome.is_cancelled());
}

// Each thread that spawns has its own part of the registry, and so has each of the handles.
TYPED_TEST(shutdown_of_any_runtime, handles_dropped_at_once_free_the_runtime_once_and_last) {
    std::optional<edo::join_handle<int>> first, second;
    {
        auto rt = TypeParam::make();
        std::thread([&] { first.emplace(rt.spawn(&yields_a_number)); }).join();
        std::thread([&] { second.emplace(rt.spawn(&yields_a_number)); }).join();
    }

    std::thread other([&] { first.reset(); });
    second.reset();
    other.join();

    EXPECT_FALSE(first.has_value());
    EXPECT_FALSE(second.has_value());
}

TYPED_TEST(shutdown_of_any_runtime, waker_that_outlives_the_runtime_is_harmless) {
    event e;
    edo::waker kept;
    {
        std::atomic<int> ended = 0;
        auto rt = TypeParam::make();
        auto h = rt.spawn(wait_with, std::ref(e), counts_end(ended));
        auto poker = rt.spawn([&]() -> edo::task<> {
            while (!e.has_waiter())
                co_await edo::yield_now();
            kept = e.stolen_waker();
        });
        rt.block_on(std::move(poker).join());
        std::move(h).detach();
    }

    kept.wake();
    std::move(kept).wake();
    SUCCEED();
}

/// Wakes another task, and spawns one, in its destructor.
class wakes_at_end {
public:
    explicit wakes_at_end(event& e) noexcept : event_(&e) {}

    wakes_at_end(wakes_at_end&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}

    wakes_at_end& operator=(wakes_at_end&&) = delete;

    ~wakes_at_end() {
        if (event_ == nullptr) return;
        event_->poke();
        auto late = edo::spawn([]() -> edo::task<> { co_return; });
        std::move(late).detach();
    }

private:
    event* event_;
};

edo::task<> wait_and_wake(std::reference_wrapper<event> mine, wakes_at_end) {
    co_await mine.get().wait();
}

TYPED_TEST(shutdown_of_any_runtime, destructors_that_wake_each_other_and_spawn_do_not_deadlock) {
    for (int round = 0; round < 20; ++round) {
        event a, b;
        auto rt = TypeParam::make();
        rt.spawn(wait_and_wake, std::ref(a), wakes_at_end(b)).detach();
        rt.spawn(wait_and_wake, std::ref(b), wakes_at_end(a)).detach();
        rt.block_on(edo::yield_now());

        EXPECT_TRUE(rt.shutdown().is_clean());
    }
}

/// Makes another task ready, and spawns one, in its destructor.
class raises_at_end {
public:
    raises_at_end(event& e, std::atomic<int>& spawned) noexcept : event_(&e), spawned_(&spawned) {}

    raises_at_end(raises_at_end&& other) noexcept
        : event_(std::exchange(other.event_, nullptr)), spawned_(other.spawned_) {}

    raises_at_end& operator=(raises_at_end&&) = delete;

    ~raises_at_end() {
        if (event_ == nullptr) return;
        event_->raise();
        edo::spawn(count_run, spawned_).detach();
    }

private:
    static edo::task<> count_run(std::atomic<int>* runs) {
        ++*runs;
        co_return;
    }

    event* event_;
    std::atomic<int>* spawned_;
};

edo::task<> wait_and_raise(std::reference_wrapper<event> mine,
                           std::reference_wrapper<std::atomic<int>> went_on,
                           counts_end,
                           raises_at_end) {
    co_await mine.get().wait();
    ++went_on.get();
}

/// Runs `rt` until a task waits for each event.
template <class Runtime>
void run_until_all_wait(Runtime& rt, const std::vector<event>& events) {
    rt.block_on([&]() -> edo::task<> {
        for (const event& each : events)
            while (!each.has_waiter())
                co_await edo::yield_now();
    });
}

/// A ring of tasks, each of which makes the next one ready as it is dropped.
template <class Runtime>
void end_ring_of_tasks(Runtime rt, std::atomic<int>& went_on) {
    constexpr std::size_t tasks = 1'000;
    std::vector<event> events(tasks);
    std::atomic<int> ended = 0, spawned = 0;
    for (std::size_t i = 0; i < tasks; ++i)
        rt.spawn(wait_and_raise, std::ref(events[i]), std::ref(went_on), counts_end(ended),
                 raises_at_end(events[(i + 7) % tasks], spawned))
            .detach();
    run_until_all_wait(rt, events);

    EXPECT_TRUE(rt.shutdown().is_clean());

    EXPECT_EQ(ended, static_cast<int>(tasks));
    EXPECT_EQ(spawned, 0) << "a task was taken that nobody would have waited for";
}

TYPED_TEST(shutdown_of_any_runtime, destructors_may_wake_and_spawn_while_others_wait) {
    for (int round = 0; round < 10; ++round) {
        std::atomic<int> went_on = 0;
        end_ring_of_tasks(TypeParam::make(), went_on);
    }
}

TEST(shutdown_of_one_thread, what_a_dropped_task_wakes_is_dropped_too) {
    std::atomic<int> went_on = 0;

    end_ring_of_tasks(edo::testing::on_current_thread::make(), went_on);
    end_ring_of_tasks(edo::testing::on_one_worker::make(), went_on);

    EXPECT_EQ(went_on, 0);
}

TYPED_TEST(shutdown_of_any_runtime, tasks_that_hold_each_others_handles_are_freed) {
    struct pair {
        edo::join_handle<void> first, second;
    };

    std::atomic<int> ended = 0;
    event e;
    auto both = std::make_shared<pair>();
    auto hold = [&e](std::shared_ptr<pair> kept, counts_end) -> edo::task<> {
        co_await e.wait();
        kept.reset();
    };
    {
        auto rt = TypeParam::make();
        both->first = rt.spawn(hold, both, counts_end(ended));
        both->second = rt.spawn(hold, both, counts_end(ended));
        both.reset();
    }

    EXPECT_EQ(ended, 2);
}

TYPED_TEST(shutdown_of_any_runtime, blocking_call_that_has_begun_is_waited_for) {
    std::atomic<bool> returned = false;
    std::latch begun(1), go_on(1);
    {
        auto rt = TypeParam::make();
        auto h = rt.spawn([&]() -> edo::task<> {
            co_await edo::spawn_blocking([&] {
                begun.count_down();
                go_on.wait();
                returned = true;
            });
        });
        if constexpr (!TypeParam::has_workers) rt.poll_for(0s);
        begun.wait();
        go_on.count_down();
    }

    EXPECT_TRUE(returned);
}

TYPED_TEST(shutdown_of_any_runtime, stuck_blocking_call_is_reported_and_harmless_later) {
    std::latch begun(1), go_on(1), gone(1);
    auto rt = TypeParam::make();

    // What the call holds lives as long as the call.
    struct tells_end {
        explicit tells_end(std::latch& l) : latch(&l) {}

        tells_end(tells_end&& other) noexcept : latch(std::exchange(other.latch, nullptr)) {}

        ~tells_end() {
            if (latch != nullptr) latch->count_down();
        }

        std::latch* latch;
    };

    auto h = rt.spawn([&]() -> edo::task<> {
        co_await edo::spawn_blocking(
            [&](tells_end) {
                begun.count_down();
                go_on.wait();
            },
            tells_end(gone));
    });
    if constexpr (!TypeParam::has_workers) rt.poll_for(0s);
    begun.wait();

    const edo::shutdown_report report = rt.shutdown(TypeParam::has_workers ? 100ms : 0ms);

    EXPECT_EQ(report.blocking_calls.size(), 1U) << report.to_string();
    EXPECT_THAT(report.to_string(), ::testing::HasSubstr("shutdown_test.cpp"));
    go_on.count_down();
    gone.wait();
    // The thread nobody waits for frees its job a moment after the arguments.
    while (edo::detail::census_of(edo::detail::census_kind::operation) != 0 ||
           edo::detail::census_of(edo::detail::census_kind::frame) > 1)
        std::this_thread::yield();
}

TEST(shutdown_of_workers, stuck_worker_is_reported_and_drops_its_task_when_it_comes_back) {
    const auto open_before = edo::testing::count_open_files();
    std::latch begun(1), go_on(1);
    std::atomic<int> ended = 0;
    {
        auto rt = edo::runtime::builder().worker_threads(2).build().value();
        rt.spawn(
              [&](counts_end) -> edo::task<> {
                  begun.count_down();
                  go_on.wait();
                  co_await edo::sleep(1h);
              },
              counts_end(ended))
            .detach();
        begun.wait();

        const edo::shutdown_report report = rt.shutdown(0s);

        EXPECT_EQ(report.tasks.size(), 1U);
        EXPECT_GE(report.stuck_workers, 1U);
        EXPECT_THAT(report.to_string(), ::testing::HasSubstr("running"));
    }
    EXPECT_EQ(ended, 0) << "nothing that it may touch is taken away";
    go_on.count_down();
    // The worker that nobody waits for drops the task, and then what the runtime had open.
    while (edo::detail::census_of(edo::detail::census_kind::frame) != 0 ||
           edo::testing::count_open_files() != open_before)
        std::this_thread::yield();

    EXPECT_EQ(ended, 1);
}

TEST(shutdown_of_workers, spawns_and_wakes_of_foreign_threads_meanwhile_are_harmless) {
    for (int round = 0; round < 20; ++round) {
        std::atomic<int> ended = 0;
        std::atomic<int> spawned = 0;
        event e;
        auto rt = edo::runtime::builder().worker_threads(2).build().value();
        std::latch together(5);
        std::vector<std::thread> foreign;
        for (int t = 0; t < 4; ++t) {
            foreign.emplace_back([&] {
                together.arrive_and_wait();
                for (int i = 0; i < 100; ++i) {
                    rt.spawn(wait_with, std::ref(e), counts_end(ended)).detach();
                    ++spawned;
                    e.poke();
                }
            });
        }

        together.arrive_and_wait();
        EXPECT_TRUE(rt.shutdown().is_clean());

        for (auto& t : foreign)
            t.join();
        EXPECT_EQ(ended, spawned);
    }
}

TEST(shutdown_of_workers, task_blocked_by_user_code_is_waited_for_and_then_dropped) {
    std::latch begun(1), go_on(1);
    std::atomic<int> ended = 0;
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    rt.spawn(
          [&](counts_end) -> edo::task<> {
              begun.count_down();
              go_on.wait();
              co_await edo::sleep(1h);
          },
          counts_end(ended))
        .detach();
    begun.wait();

    std::thread releases([&] { go_on.count_down(); });
    EXPECT_TRUE(rt.shutdown().is_clean());

    releases.join();
    EXPECT_EQ(ended, 1);
}

/// Its destructor comes back when so many tasks have ended.
class waits_at_end {
public:
    waits_at_end(const std::atomic<int>& ended, int count) noexcept
        : ended_(&ended), count_(count) {}

    waits_at_end(waits_at_end&& other) noexcept
        : ended_(std::exchange(other.ended_, nullptr)), count_(other.count_) {}

    waits_at_end& operator=(waits_at_end&&) = delete;

    ~waits_at_end() {
        while (ended_ != nullptr && *ended_ < count_)
            std::this_thread::yield();
    }

private:
    const std::atomic<int>* ended_;
    int count_;
};

edo::task<> wait_and_hold_up(std::reference_wrapper<event> e, waits_at_end) {
    co_await e.get().wait();
}

void end_behind_a_destructor(unsigned workers) {
    constexpr std::size_t others = 1'000;
    std::vector<event> events(others + 1);
    std::atomic<int> ended = 0;
    auto rt = edo::runtime::builder().worker_threads(workers).build().value();
    for (std::size_t i = 0; i < others; ++i) {
        rt.spawn(wait_with, std::ref(events[i]), counts_end(ended)).detach();
        if (i == others / 2)
            rt.spawn(wait_and_hold_up, std::ref(events[others]),
                     waits_at_end(ended, static_cast<int>(others)))
                .detach();
    }
    run_until_all_wait(rt, events);

    EXPECT_TRUE(rt.shutdown().is_clean());

    EXPECT_EQ(ended, static_cast<int>(others));
}

TEST(shutdown_of_workers, destructor_that_blocks_holds_up_no_other_task) {
    end_behind_a_destructor(2);
    end_behind_a_destructor(1);  // the other tasks are a spare's
}

edo::task<> yield_beside_a_child(counts_end) {
    std::atomic<int> ignored = 0;
    edo::task_group children(edo::independent);
    children.spawn(yield_with, counts_end(ignored));
    for (;;)
        co_await edo::yield_now();
}

TEST(shutdown_of_workers, batch_task_beside_children_that_never_wait_is_dropped) {
    std::atomic<int> ended = 0;
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    const auto batch = edo::spawn_options().priority(edo::priority::batch);
    for (int i = 0; i < 3; ++i)
        rt.spawn(edo::with(batch, yield_beside_a_child), counts_end(ended)).detach();
    rt.block_on(edo::sleep(5ms));

    EXPECT_TRUE(rt.shutdown().is_clean());

    EXPECT_EQ(ended, 3);
}

TEST(shutdown_of_workers, second_call_does_nothing) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();

    EXPECT_TRUE(rt.shutdown().is_clean());
    EXPECT_TRUE(rt.shutdown(0s).is_clean());
}

TEST(shutdown_of_workers, idle_workers_are_not_stuck_however_short_the_limit_is) {
    for (int round = 0; round < 20; ++round) {
        auto rt = edo::runtime::builder().worker_threads(4).build().value();
        rt.block_on(edo::yield_now());

        const edo::shutdown_report report = rt.shutdown(0s);

        EXPECT_TRUE(report.is_clean()) << report.to_string();
    }
}

/// Keeps its worker in a poll until it is told to go on.
edo::task<> block(std::reference_wrapper<std::latch> begun,
                  std::reference_wrapper<std::latch> go_on,
                  counts_end) {
    begun.get().count_down();
    go_on.get().wait();
    co_await edo::sleep(1h);
}

/// Waits for workers that the runtime has left to themselves: for their frames, and for what they
/// have open, which they close at the very end.
class leftover_workers {
public:
    leftover_workers() : open_before_(edo::testing::count_open_files()) {}

    void await_end() const {
        while (edo::detail::census_of(edo::detail::census_kind::frame) != 0 ||
               edo::testing::count_open_files() > open_before_)
            std::this_thread::yield();
    }

private:
    std::ptrdiff_t open_before_;
};

TEST(shutdown_of_workers, only_workers_in_user_code_count_as_stuck) {
    const leftover_workers leftovers;
    std::latch begun(1), go_on(1);
    std::atomic<int> ended = 0;
    {
        auto rt = edo::runtime::builder().worker_threads(4).build().value();
        rt.spawn(block, std::ref(begun), std::ref(go_on), counts_end(ended)).detach();
        begun.wait();

        EXPECT_EQ(rt.shutdown(0s).stuck_workers, 1U);
    }
    go_on.count_down();
    leftovers.await_end();
}

TEST(shutdown_of_workers, second_call_reports_what_is_still_there) {
    const leftover_workers leftovers;
    std::latch begun(1), go_on(1);
    std::atomic<int> ended = 0;
    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    rt.spawn(block, std::ref(begun), std::ref(go_on), counts_end(ended)).detach();
    begun.wait();
    static_cast<void>(rt.shutdown(0s));

    const edo::shutdown_report still = rt.shutdown();
    go_on.count_down();
    leftovers.await_end();

    EXPECT_EQ(still.tasks.size(), 1U);
    EXPECT_EQ(still.stuck_workers, 1U);
    EXPECT_TRUE(rt.shutdown().tasks.empty());
}

edo::task<> make_stuck_call(std::reference_wrapper<std::latch> begun,
                            std::reference_wrapper<std::latch> go_on) {
    co_await edo::spawn_blocking([begun, go_on] {
        begun.get().count_down();
        go_on.get().wait();
    });
}

TEST(shutdown_of_workers, without_memory_for_its_report_is_done_all_the_same) {
    const leftover_workers leftovers;
    std::latch begun(2), go_on(1);
    std::atomic<int> ended = 0;
    event never;
    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    rt.spawn(block, std::ref(begun), std::ref(go_on), counts_end(ended)).detach();
    rt.spawn(make_stuck_call, std::ref(begun), std::ref(go_on)).detach();
    begun.wait();

    edo::shutdown_report report;
    for (std::size_t n = 1;; ++n) {
        const edo::testing::failing_allocation failing(n);
        try {
            report = rt.shutdown(0s);
            if (!failing.has_failed()) break;
        } catch (const std::bad_alloc&) {
            const auto late = rt.spawn(wait_with, std::ref(never), counts_end(ended));
            EXPECT_TRUE(late.is_finished()) << "the runtime goes on";
        }
    }

    EXPECT_GE(report.tasks.size(), 1U) << report.to_string();
    EXPECT_EQ(report.blocking_calls.size(), 1U) << report.to_string();
    EXPECT_EQ(report.stuck_workers, 1U) << report.to_string();
    go_on.count_down();
    leftovers.await_end();
    EXPECT_TRUE(rt.shutdown().tasks.empty());
}

TEST(shutdown_of_workers, task_that_is_looked_at_when_the_others_have_ended_is_dropped_afterwards) {
    const leftover_workers leftovers;
    std::atomic<int> ended = 0;
    std::atomic<edo::detail::task_header*> seen = nullptr;
    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    rt.spawn(
          [&](counts_end) -> edo::task<> {
              seen = edo::detail::current_execution()->task;
              co_await edo::sleep(1h);
          },
          counts_end(ended))
        .detach();
    while (seen == nullptr)
        std::this_thread::yield();
    edo::detail::task_header& task = *seen.load();
    while (!task.state.begin_inspection())  // as a dump does
        std::this_thread::yield();

    EXPECT_EQ(rt.shutdown(1ms).tasks.size(), 1U);
    ASSERT_TRUE(task.state.end_inspection());
    task.owner().schedule(task);
    leftovers.await_end();

    EXPECT_EQ(ended, 1);
}

TYPED_TEST(shutdown_of_any_runtime, entry_that_is_queued_when_all_has_ended_is_void) {
    std::atomic<edo::detail::task_header*> seen = nullptr;
    auto rt = TypeParam::make();
    auto h = rt.spawn([&]() -> edo::task<> {
        seen = edo::detail::current_execution()->task;
        co_await edo::sleep(1h);
    });
    rt.block_on([&]() -> edo::task<> {
        while (seen == nullptr)
            co_await edo::yield_now();
    });
    EXPECT_TRUE(rt.shutdown().is_clean());

    seen.load()->add_ref();
    // The second step of a waker that was held up since before.
    seen.load()->owner().schedule(*seen.load());

    EXPECT_TRUE(h.is_finished());  // and the fixture finds nothing left
}

TEST(shutdown_of_workers, worker_that_polls_busily_for_an_hour_ends_at_once) {
    std::atomic<int> ended = 0;
    auto rt = edo::runtime::builder().worker_threads(1).busy_poll(1h).build().value();
    rt.spawn(sleep_with, std::chrono::hours(1), counts_end(ended)).detach();

    EXPECT_TRUE(rt.shutdown().is_clean());

    EXPECT_EQ(ended, 1);
}

template <class Runtime>
void end_in_a_forked_process(std::optional<Runtime> rt) {
    std::atomic<int> ended = 0;
    rt->spawn(sleep_with, std::chrono::hours(1), counts_end(ended)).detach();
    rt->block_on(edo::yield_now());

    const pid_t child = ::fork();
    if (child == 0) {
        rt.reset();
        ::_exit(ended);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);

    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    EXPECT_TRUE(rt->shutdown().is_clean());
    EXPECT_EQ(ended, 1);
}

TYPED_TEST(shutdown_of_any_runtime, forked_process_leaves_the_runtime_to_its_parent) {
    end_in_a_forked_process(std::optional(TypeParam::make()));
}

TEST(shutdown_of_current_thread, poll_for_afterwards_does_nothing) {
    edo::current_thread_runtime rt;
    EXPECT_TRUE(rt.shutdown().is_clean());

    EXPECT_EQ(rt.poll_for(1h), 0U);
}

template <class Runtime>
std::optional<Runtime>& runtime_of_this_thread() {
    thread_local std::optional<Runtime> rt;
    return rt;
}

TYPED_TEST(shutdown_of_any_runtime, in_a_thread_local_comes_with_the_end_of_the_thread) {
    using runtime = decltype(TypeParam::make());
    event never;
    std::atomic<int> ended = 0;
    std::thread([&] {
        auto& rt = runtime_of_this_thread<runtime>();
        rt.emplace(TypeParam::make());
        rt->spawn(wait_with, std::ref(never), counts_end(ended)).detach();
    }).join();

    EXPECT_EQ(ended, 1);
}

}  // namespace
