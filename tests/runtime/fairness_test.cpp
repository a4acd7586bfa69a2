// Nothing that is always ready keeps the rest waiting: sockets, timers, the root, other tasks.

#include "net/local_pair.h"
#include "runtime/flavors.h"
#include <atomic>
#include <functional>
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

/// Two of these wake each other, through the slot of the task woken last.
struct ball {
    std::atomic<int> turn = 0;
    edo::waker waiting[2];
};

class hit {
public:
    hit(ball& b, int side, flag& until) noexcept : ball_(&b), side_(side), until_(&until) {}

    bool poll(edo::context& cx) noexcept {
        ball_->waiting[side_] = cx.waker();
        ball_->waiting[1 - side_].wake();
        return until_->load();
    }

    void take() noexcept {}

private:
    ball* ball_;
    int side_;
    flag* until_;
};

edo::task<> play(std::reference_wrapper<ball> b, int side, std::reference_wrapper<flag> stop) {
    hit op(b, side, stop);
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
    const auto made = make();
    auto& rt = *made;
    flag stop = false;
    // On one worker each pair stays there; with more, they are local to one.
    rt.block_on([&]() -> edo::task<> {
        ball balls[4];
        std::vector<edo::join_handle<void>> all;
        for (ball& each : balls) {
            all.push_back(edo::spawn_local(play, std::ref(each), 0, std::ref(stop)));
            all.push_back(edo::spawn_local(play, std::ref(each), 1, std::ref(stop)));
        }
        auto living = edo::spawn_local(live_on);
        co_await std::move(living).join();
        stop.store(true);
        for (auto& each : all)
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
