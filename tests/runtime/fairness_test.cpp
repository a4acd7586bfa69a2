// Nothing that is always ready keeps the rest waiting: sockets, timers, the root, other tasks.

#include "net/local_pair.h"
#include "runtime/flavors.h"
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>
#include <edo/task/operation.h>
#include <edo/task/spawn.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;

EDO_SUITE_FOR_ALL_RUNTIMES(fairness_of_any_runtime);

using flag = std::atomic<bool>;

/// Wakes its own task whenever it is polled.
class wake_self {
public:
    explicit wake_self(flag& until) noexcept : until_(&until) {}

    bool poll(edo::context& cx) noexcept {
        if (until_->load()) return true;
        cx.waker().wake();
        return false;
    }

    void take() noexcept {}

private:
    flag* until_;
};

edo::task<> wake_itself_until(std::reference_wrapper<flag> stop) {
    wake_self op(stop);
    co_await std::move(op);
}

/// How often players were polled on the calling thread, and what they have seen of the third.
struct plays {
    std::uint64_t count = 0;
    std::uint64_t since_third = 0;
    std::uint64_t third_seen = 0;
};

plays& plays_here() {
    thread_local plays mine;
    return mine;
}

/// What the players and a third task know of each other.
struct court {
    // On one thread, and without a poll of the third anywhere: many seconds. Then they end by
    // themselves, so that a third one that is starved makes the test fail and not hang.
    static constexpr std::uint64_t starved = 100'000'000;

    flag is_over = false;
    std::atomic<std::uint64_t> polls_of_third = 0;
    std::atomic<std::uint64_t> most_plays_between = 0;
};

/// Two players wake each other: who is woken last comes into its worker's slot, where others do
/// not get at it, and is the next to run. So they stay on one worker.
struct ball {
    std::mutex lock;
    edo::waker waiting[2];
};

class hit {
public:
    hit(ball& b, int side, court& at) noexcept : ball_(&b), side_(side), court_(&at) {}

    bool poll(edo::context& cx) noexcept {
        if (court_->is_over.load() || is_third_starved()) return true;
        edo::waker other;
        {
            std::lock_guard guard(ball_->lock);
            ball_->waiting[side_] = cx.waker();
            other = ball_->waiting[1 - side_];
        }
        other.wake();
        return false;
    }

    void take() noexcept {}

private:
    bool is_third_starved() const {
        plays& here = plays_here();
        ++here.count;
        const std::uint64_t seen = court_->polls_of_third.load(std::memory_order_relaxed);
        if (std::exchange(here.third_seen, seen) != seen) here.since_third = 0;
        if (++here.since_third == court::starved) court_->is_over.store(true);
        return court_->is_over.load(std::memory_order_relaxed);
    }

    ball* ball_;
    int side_;
    court* court_;
};

edo::task<> play(std::reference_wrapper<ball> b, int side, std::reference_wrapper<court> at) {
    hit op(b, side, at);
    co_await std::move(op);
}

/// The third: goes behind all that is queued on its worker, and counts the plays until its next
/// turn, unless that is on another thread.
class stand_in_line {
public:
    stand_in_line(court& at, int turns) noexcept : court_(&at), turns_(turns) {}

    bool poll(edo::context& cx) noexcept {
        const plays& here = plays_here();
        court_->polls_of_third.fetch_add(1);
        if (before_ == &here && here.count - count_before_ > court_->most_plays_between.load())
            court_->most_plays_between.store(here.count - count_before_);
        before_ = &here;
        count_before_ = here.count;
        if (--turns_ == 0) return true;
        cx.waker().wake();
        return false;
    }

    void take() noexcept {}

private:
    court* court_;
    int turns_;
    const plays* before_ = nullptr;
    std::uint64_t count_before_ = 0;
};

edo::task<> watch(std::reference_wrapper<court> at, int turns) {
    stand_in_line op(at, turns);
    co_await std::move(op);
}

/// What must go on: a socket, timers, a task that is spawned and joined, several times.
edo::task<> live_on() {
    edo::testing::local_pair pair;
    for (int round = 0; round < 10; ++round) {
        auto reads = [](std::reference_wrapper<edo::testing::local_pair> from) -> edo::task<> {
            const auto got = co_await edo::testing::read_byte(from.get().handle);
            EXPECT_EQ(got.value_or(0), 1U);
        };
        auto reading = edo::spawn(reads, std::ref(pair));
        co_await edo::sleep(100us);
        pair.send_byte();
        co_await std::move(reading).join();
    }
}

TEST_P(fairness_of_any_runtime, tasks_that_wake_themselves_for_ever_starve_nobody) {
    const auto made = make();
    auto& rt = *made;
    flag stop = false;
    std::vector<edo::join_handle<void>> all;
    for (int i = 0; i < 8; ++i)
        all.push_back(rt.spawn(wake_itself_until, std::ref(stop)));
    rt.block_on(live_on());
    stop.store(true);
    for (auto& each : all)
        rt.block_on(std::move(each).join());
}

TEST_P(fairness_of_any_runtime, pairs_that_wake_each_other_for_ever_starve_nobody) {
    constexpr int pairs = 8;  // enough for each worker to have one
    const auto made = make();
    auto& rt = *made;
    court at;
    ball balls[pairs];
    std::vector<edo::join_handle<void>> players;
    for (ball& each : balls)
        for (const int side : {0, 1})
            players.push_back(rt.spawn(play, std::ref(each), side, std::ref(at)));

    rt.block_on(rt.spawn(watch, std::ref(at), 2'000).join());
    rt.block_on(live_on());

    EXPECT_FALSE(at.is_over.load()) << "nobody else came to run";
    // All pairs may be on one worker: before it is the third one's turn again, each player ahead of
    // it in the line has its turn, and each of those begins a rally that the slot's limit ends.
    EXPECT_LT(at.most_plays_between.load(), 1'000U);
    at.is_over.store(true);
    rt.block_on([&]() -> edo::task<> {
        for (auto& each : players)
            co_await each.cancel();
    });
}

TEST_P(fairness_of_any_runtime, ten_thousand_foreign_spawns_a_second_starve_nobody) {
    const auto made = make();
    auto& rt = *made;
    flag stop = false;
    std::atomic<int> ran = 0;
    std::thread foreign([&] {
        // As many as there is time for: more than asked on any machine.
        while (!stop.load()) {
            for (int i = 0; i < 10; ++i)
                rt.spawn([&ran]() -> edo::task<> {
                      ran.fetch_add(1);
                      co_return;
                  }).detach();
            std::this_thread::sleep_for(100us);
        }
    });
    rt.block_on(live_on());
    while (ran.load() < 1'000)
        rt.block_on(live_on());
    stop.store(true);
    foreign.join();
}

TEST_P(fairness_of_any_runtime, tasks_with_long_polls_do_not_keep_foreign_ones_waiting) {
    const auto made = make();
    auto& rt = *made;
    flag stop = false;
    std::atomic<int> long_polls = 0;
    std::vector<edo::join_handle<void>> all;
    for (int i = 0; i < 100; ++i)
        all.push_back(rt.spawn([&]() -> edo::task<> {
            while (!stop.load()) {
                long_polls.fetch_add(1);
                const auto end = std::chrono::steady_clock::now() + 300us;
                while (std::chrono::steady_clock::now() < end) {
                }
                co_await edo::yield_now();
            }
        }));
    while (has_workers() && long_polls.load() < 500)
        std::this_thread::yield();
    int waited = 0;
    for (int i = 0; i < 20; ++i) {
        const int before = long_polls.load();
        auto ran = [&long_polls]() -> edo::task<int> { co_return long_polls.load(); };
        waited += rt.block_on(rt.spawn(ran).join()) - before;
    }
    stop.store(true);
    for (auto& each : all)
        rt.block_on(std::move(each).join());
    // Workers look at the inject queue first now and then; without regard to time it would be after
    // thirty polls each in the middle. On one thread what is foreign stands in line with the rest.
    EXPECT_LT(waited, 20 * (has_workers() ? 12 : 110));
}

}  // namespace
