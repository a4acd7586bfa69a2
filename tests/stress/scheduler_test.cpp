// Workers that steal, sleep and wake each other: no task is lost, and no wake.

#include "../support/event.h"
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/base/seam/sys.h>
#include <edo/runtime/runtime.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;
using edo::detail::sys::current;
namespace kernel = edo::detail::sys::kernel;

std::uint64_t seed() {
    const char* given = std::getenv("EDO_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : 7;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int scale = 10;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
constexpr int scale = 10;
#else
constexpr int scale = 1;
#endif
#else
constexpr int scale = 1;
#endif

void spin(std::uint32_t turns) {
    for (std::uint32_t i = 0; i < turns; ++i)
        edo::detail::spin_hint();
}

/// Counts the waits of workers in the kernel.
class counts_waits {
public:
    counts_waits() {
        waits = 0;
        current.epoll_wait = &counted;
        current.epoll_pwait2 = &counted_with_limit;
    }

    ~counts_waits() {
        current.epoll_wait = &kernel::epoll_wait;
        current.epoll_pwait2 = &kernel::epoll_pwait2;
    }

    static inline std::atomic<std::uint64_t> waits;

private:
    static int counted(int epoll, epoll_event* events, int capacity, int timeout_ms) noexcept {
        if (timeout_ms != 0) waits.fetch_add(1, std::memory_order_relaxed);
        return kernel::epoll_wait(epoll, events, capacity, timeout_ms);
    }

    static int counted_with_limit(int epoll,
                                  epoll_event* events,
                                  int capacity,
                                  const timespec* timeout) noexcept {
        waits.fetch_add(1, std::memory_order_relaxed);
        return kernel::epoll_pwait2(epoll, events, capacity, timeout);
    }
};

edo::runtime make(unsigned workers, edo::duration busy_poll = 0s) {
    return edo::runtime::builder()
        .worker_threads(workers)
        .reactor(edo::reactor_kind::epoll)
        .busy_poll(busy_poll)
        .seed(seed())
        .build()
        .value();
}

/// A place for one token, at which one task may wait.
class turnstile {
public:
    class pass_operation {
    public:
        explicit pass_operation(turnstile& t) noexcept : turnstile_(t) {}

        pass_operation(const pass_operation&) = delete;

        ~pass_operation() {
            edo::detail::mutex_lock guard(turnstile_.lock_);
            turnstile_.waiting_ = edo::detail::wake_target{};
        }

        bool poll(edo::context& cx) noexcept {
            edo::detail::mutex_lock guard(turnstile_.lock_);
            if (std::exchange(turnstile_.has_token_, false)) return true;
            turnstile_.waiting_ = cx.target();
            return false;
        }

        void take() noexcept {}

    private:
        turnstile& turnstile_;
    };

    pass_operation pass() noexcept { return pass_operation(*this); }

    void put() noexcept {
        edo::detail::mutex_lock guard(lock_);
        has_token_ = true;
        if (waiting_) waiting_.wake();
    }

private:
    edo::detail::mutex lock_;
    bool has_token_ = false;
    edo::detail::wake_target waiting_;
};

edo::task<int> play(std::reference_wrapper<turnstile> mine,
                    std::reference_wrapper<turnstile> other,
                    int rounds) {
    for (int i = 0; i < rounds; ++i) {
        co_await mine.get().pass();
        other.get().put();
    }
    co_return rounds;
}

TEST(parking, no_wake_is_lost_between_two_runtimes_that_sleep_after_each_move) {
    constexpr int rounds = 100'000 / scale;
    counts_waits counter;
    turnstile a, b;
    {
        auto left = make(1), right = make(1);
        auto first = left.spawn(play, std::ref(a), std::ref(b), rounds);
        auto second = right.spawn(play, std::ref(b), std::ref(a), rounds);
        a.put();
        EXPECT_EQ(left.block_on(std::move(first).join()), rounds);
        EXPECT_EQ(right.block_on(std::move(second).join()), rounds);
    }

    // On a busy machine a worker does not get to sleep after every move.
    EXPECT_GT(counts_waits::waits, static_cast<std::uint64_t>(rounds / 10));
}

TEST(parking, no_wake_is_lost_while_workers_spin_before_they_sleep) {
    constexpr int rounds = 50'000 / scale;
    turnstile a, b;
    auto left = make(1, 5us), right = make(2, 5us);
    auto first = left.spawn(play, std::ref(a), std::ref(b), rounds);
    auto second = right.spawn(play, std::ref(b), std::ref(a), rounds);
    a.put();

    EXPECT_EQ(left.block_on(std::move(first).join()), rounds);
    EXPECT_EQ(right.block_on(std::move(second).join()), rounds);
}

edo::task<> count_up(std::reference_wrapper<std::atomic<int>> count) {
    ++count.get();
    co_return;
}

TEST(stealing, each_of_a_hundred_thousand_tasks_spawned_in_one_poll_runs_once) {
    constexpr int tasks = 100'000 / scale;
    auto rt = make(4);
    std::atomic<int> runs = 0;

    rt.block_on([&]() -> edo::task<> {
        std::vector<edo::join_handle<void>> all;
        all.reserve(tasks);
        for (int i = 0; i < tasks; ++i)
            all.push_back(edo::spawn(count_up, std::ref(runs)));
        for (auto& h : all)
            co_await std::move(h).join();
    });

    EXPECT_EQ(runs, tasks);
}

edo::task<int> tree(int depth) {
    if (depth == 0) co_return 1;
    auto left = edo::spawn(tree, depth - 1);
    auto right = edo::spawn(tree, depth - 1);
    const int l = co_await std::move(left).join();
    const int r = co_await std::move(right).join();
    co_return l + r;
}

TEST(stealing, tree_of_tasks_is_summed_by_all_workers) {
    for (const unsigned workers : {1U, 2U, 4U}) {
        auto rt = make(workers);
        EXPECT_EQ(rt.block_on(tree(scale == 1 ? 14 : 10)), 1 << (scale == 1 ? 14 : 10));
    }
}

edo::task<> pass_on(std::reference_wrapper<std::atomic<int>> count, int hops) {
    for (int i = 0; i < hops; ++i) {
        co_await edo::yield_now();
        ++count.get();
    }
}

TEST(stealing, bursts_from_foreign_threads_find_sleeping_and_busy_workers) {
    constexpr int threads = 3, bursts = 2'000 / scale;
    counts_waits counter;
    std::atomic<int> count = 0;
    {
        auto rt = make(3);
        std::latch together(threads);
        std::vector<std::thread> foreign;
        for (int t = 0; t < threads; ++t) {
            foreign.emplace_back([&, t] {
                edo::detail::random delays(seed() + static_cast<std::uint64_t>(t));
                together.arrive_and_wait();
                for (int i = 0; i < bursts; ++i) {
                    auto first = rt.spawn(pass_on, std::ref(count), 3);
                    auto second = rt.spawn(pass_on, std::ref(count), 1);
                    spin(delays.below(2'000));
                    rt.block_on(std::move(first).join());
                    rt.block_on(std::move(second).join());
                }
            });
        }
        for (auto& t : foreign)
            t.join();
    }

    EXPECT_EQ(count, threads * bursts * 4);
    EXPECT_GT(counts_waits::waits, 0U) << "no worker ever slept";
}

edo::task<> sleep_briefly(std::reference_wrapper<std::atomic<int>> count, int round) {
    for (int i = 0; i < 20; ++i) {
        co_await edo::sleep(std::chrono::microseconds((round * 37 + i * 11) % 200));
        ++count.get();
    }
}

TEST(stealing, timers_of_tasks_that_move_between_workers_fire) {
    auto rt = make(4);
    std::atomic<int> count = 0;
    rt.block_on([&]() -> edo::task<> {
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 200; ++i)
            all.push_back(edo::spawn(sleep_briefly, std::ref(count), i));
        for (auto& h : all)
            co_await std::move(h).join();
    });

    EXPECT_EQ(count, 200 * 20);
}

}  // namespace
