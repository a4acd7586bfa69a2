// Runtimes that end while tasks, foreign threads and blocking calls are busy in them.

#include "../support/event.h"
#include "../support/open_files.h"
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/base/seam/census.h>
#include <edo/runtime/block_in_place.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/sync/mpsc.h>
#include <edo/task/select.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;

std::uint64_t seed() {
    const char* given = std::getenv("EDO_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : 11;
}

struct tally {
    std::atomic<int> begun = 0, ended = 0, completed = 0;
};

class counted {
public:
    explicit counted(tally& t) noexcept : tally_(&t) { ++t.begun; }

    counted(counted&& other) noexcept : tally_(std::exchange(other.tally_, nullptr)) {}

    counted& operator=(counted&&) = delete;

    ~counted() {
        if (tally_ != nullptr) ++tally_->ended;
    }

private:
    tally* tally_;
};

edo::task<> leaf(std::reference_wrapper<tally> t, int kind, int n, counted) {
    switch (kind) {
        case 0:
            co_await edo::sleep(std::chrono::microseconds(n));
            break;
        case 1:
            for (int i = 0; i < n % 20; ++i)
                co_await edo::yield_now();
            break;
        case 2:
            co_await edo::spawn_blocking([] {});
            break;
        case 3:
            edo::block_in_place([] {});
            break;
        case 4:
            co_await edo::select(edo::sleep(1h), edo::sleep(std::chrono::microseconds(n)));
            break;
        default:
            co_await edo::sleep(1h);
            break;
    }
    ++t.get().completed;
}

edo::task<> branch(std::reference_wrapper<tally> t, int n, counted) {
    edo::task_group children(edo::independent);
    for (int kind = 0; kind < 6; ++kind)
        children.spawn(leaf, t, kind, n, counted(t.get()));
    static_cast<void>(co_await children.join());
}

TEST(shutdown, every_task_ends_exactly_once_whatever_it_was_doing) {
    constexpr int rounds = 150;
    int completed = 0, dropped = 0;
    edo::detail::random choices(seed());
    for (int round = 0; round < rounds; ++round) {
        tally t;
        auto rt = edo::runtime::builder()
                      .worker_threads(1 + choices.below(3))
                      .max_blocking_threads(2)
                      .build()
                      .value();
        std::latch together(2);
        std::thread foreign([&] {
            together.arrive_and_wait();
            for (int i = 0; i < 20; ++i)
                rt.spawn(branch, std::ref(t), i * 7, counted(t)).detach();
        });
        for (int i = 0; i < 20; ++i)
            rt.spawn(branch, std::ref(t), i * 5, counted(t)).detach();
        together.arrive_and_wait();
        for (std::uint32_t i = choices.below(20'000); i > 0; --i)
            edo::detail::spin_hint();

        const edo::shutdown_report report = rt.shutdown();

        foreign.join();
        ASSERT_TRUE(report.is_clean()) << report.to_string() << "EDO_SEED=" << seed();
        ASSERT_EQ(t.begun, t.ended) << "round " << round << ", EDO_SEED=" << seed();
        completed += t.completed;
        dropped += t.begun - t.completed;
    }
    EXPECT_GT(completed, 0);
    EXPECT_GT(dropped, 0);
}

/// Counts how often it is destroyed, and whether it came to its end.
edo::task<> wait_for(edo::testing::event* e, std::atomic<int>* drops, std::atomic<int>* went_on) {
    struct counts_drop {
        explicit counts_drop(std::atomic<int>* c) noexcept : count(c) {}

        counts_drop(const counts_drop&) = delete;

        ~counts_drop() { ++*count; }

        std::atomic<int>* count;
    };

    const counts_drop mine(drops);
    co_await e->wait();
    ++*went_on;
}

// The workers walk through the tasks; those that are woken in time go on, or are queued meanwhile.
TEST(shutdown, tasks_that_foreign_threads_wake_meanwhile_are_dropped_once) {
    constexpr int rounds = 40;
    constexpr std::size_t tasks = 1'000;
    int woken = 0, dropped = 0;
    edo::detail::random choices(seed());
    for (int round = 0; round < rounds; ++round) {
        std::vector<edo::testing::event> events(tasks);
        std::vector<std::atomic<int>> drops(tasks);
        std::atomic<int> went_on = 0;
        auto rt = edo::runtime::builder().worker_threads(2).build().value();
        for (std::size_t i = 0; i < tasks; ++i)
            rt.spawn(wait_for, &events[i], &drops[i], &went_on).detach();
        for (const auto& each : events)
            while (!each.has_waiter())
                std::this_thread::yield();
        std::latch together(3);
        const auto raise_some = [&](std::size_t first) {
            together.arrive_and_wait();
            for (std::size_t i = first; i < tasks; i += 3)
                events[i].raise();
        };
        std::thread forwards(raise_some, 0), and_others(raise_some, 1);
        together.arrive_and_wait();
        for (std::uint32_t i = choices.below(5'000); i > 0; --i)
            edo::detail::spin_hint();

        const edo::shutdown_report report = rt.shutdown();

        forwards.join();
        and_others.join();
        ASSERT_TRUE(report.is_clean()) << report.to_string() << "EDO_SEED=" << seed();
        for (std::size_t i = 0; i < tasks; ++i)
            ASSERT_EQ(drops[i], 1)
                << "task " << i << ", round " << round << ", EDO_SEED=" << seed();
        woken += went_on;
        dropped += static_cast<int>(tasks) - went_on;
    }
    EXPECT_GT(woken, 0);
    EXPECT_GT(dropped, rounds * static_cast<int>(tasks) / 3) << "a third has nobody to wake it";
}

TEST(shutdown, short_limits_leave_nothing_unsafe_behind) {
    constexpr int rounds = 60;
    const auto open_before = edo::testing::count_open_files();
    edo::detail::random choices(seed());
    for (int round = 0; round < rounds; ++round) {
        tally t;
        {
            auto rt = edo::runtime::builder().worker_threads(2).build().value();
            for (int i = 0; i < 10; ++i)
                rt.spawn(branch, std::ref(t), i * 5, counted(t)).detach();
            static_cast<void>(rt.shutdown(std::chrono::microseconds(choices.below(300))));
        }
        while (t.begun != t.ended)
            std::this_thread::yield();
    }
    // What was left to itself is freed and closed by its own threads, a moment later.
    while (edo::detail::census_of(edo::detail::census_kind::frame) != 0 ||
           edo::detail::census_of(edo::detail::census_kind::operation) != 0 ||
           edo::testing::count_open_files() != open_before)
        std::this_thread::yield();
    SUCCEED();
}

}  // namespace
