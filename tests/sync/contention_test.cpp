// Several tasks on two threads use one object for a while; the sums are checked at the end.

#include "support/manual_executor.h"
#include "sync/rival.h"
#include <atomic>
#include <barrier>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/mutex.h>
#include <edo/sync/semaphore.h>
#include <edo/task/select.h>
#include <edo/task/yield.h>

namespace {

using namespace edo;
using edo::testing::manual_executor;

/// Runs `make(executor, thread)` on two threads, each with an executor that runs until its tasks
/// ended.
template <class Make>
void on_two_threads(Make make) {
    std::barrier start(2);
    const auto serve = [&](int thread) {
        manual_executor ex;
        auto handles = make(ex, thread);
        start.arrive_and_wait();
        for (const auto& handle : handles)
            while (!handle.is_finished())
                if (!ex.run_one()) std::this_thread::yield();
    };
    std::thread other(serve, 1);
    serve(0);
    other.join();
}

constexpr int tasks = 4;
constexpr int rounds = 2000;

struct counted {
    long sum = 0;
    bool is_inside = false;
    int contended = 0;
};

task<> add_under_lock(std::reference_wrapper<sync::mutex<counted>> shared) {
    for (int i = 0; i < rounds; ++i) {
        const bool is_free = shared.get().try_lock().has_value();
        auto guard = co_await shared.get().lock();
        EXPECT_FALSE(guard->is_inside);
        guard->is_inside = true;
        guard->contended += is_free ? 0 : 1;
        if (i % 3 == 0) co_await yield_now();
        ++guard->sum;
        guard->is_inside = false;
    }
}

task<> use_permits(std::reference_wrapper<sync::semaphore> limit,
                   std::reference_wrapper<std::atomic<long>> inside,
                   std::uint64_t seed) {
    detail::random choose{seed};
    for (int i = 0; i < rounds; ++i) {
        const std::size_t wanted = 1 + choose.below(3);
        auto permit = co_await limit.get().acquire(wanted);
        EXPECT_LE(inside.get().fetch_add(static_cast<long>(wanted)) + static_cast<long>(wanted), 4);
        if (i % 4 == 0) co_await yield_now();
        inside.get().fetch_sub(static_cast<long>(wanted));
    }
}

struct parcel {
    parcel(int task, int number) noexcept : from(task), sequence(number) {}

    int from;
    int sequence;
};

task<> produce(sync::mpsc::sender<parcel> tx, int id) {
    for (int i = 0; i < rounds; ++i) {
        if (i % 5 == 0) {
            auto permit = co_await tx.reserve();
            permit->send(parcel(id, i));
            continue;
        }
        const auto sent = co_await tx.send(parcel(id, i));
        EXPECT_TRUE(sent);
    }
}

task<> consume(std::reference_wrapper<sync::mpsc::receiver<parcel>> rx,
               std::reference_wrapper<std::vector<int>> next,
               std::uint64_t seed) {
    detail::random choose{seed};
    for (;;) {
        // Half of the receives race against something that is ready at once, and are dropped if it
        // wins.
        if (choose.below(2) == 0) {
            auto first = co_await select(rx.get().recv(), yield_now());
            if (first.index() == 1) continue;
            auto& got = std::get<0>(first);
            if (!got) co_return;
            EXPECT_EQ(next.get()[static_cast<std::size_t>(got->from)]++, got->sequence);
            continue;
        }
        const auto got = co_await rx.get().recv();
        if (!got) co_return;
        EXPECT_EQ(next.get()[static_cast<std::size_t>(got->from)]++, got->sequence);
    }
}

}  // namespace

TEST(contention, mutex_lets_one_in_at_a_time_and_loses_no_turn) {
    sync::mutex<counted> shared;

    on_two_threads([&](manual_executor& ex, int) {
        std::vector<join_handle<void>> handles;
        for (int i = 0; i < tasks; ++i)
            handles.push_back(ex.spawn(&add_under_lock, std::ref(shared)));
        return handles;
    });

    EXPECT_EQ((*shared.try_lock())->sum, 2L * tasks * rounds);
    EXPECT_GT((*shared.try_lock())->contended, 0) << "the lock was always free: no race";
}

TEST(contention, semaphore_never_lets_too_many_in_and_keeps_every_permit) {
    sync::semaphore limit(4);
    std::atomic<long> inside{0};

    on_two_threads([&](manual_executor& ex, int thread) {
        std::vector<join_handle<void>> handles;
        for (int i = 0; i < tasks; ++i) {
            const auto seed =
                edo::testing::seed_of_races() + static_cast<unsigned>(thread * 10 + i);
            handles.push_back(ex.spawn(&use_permits, std::ref(limit), std::ref(inside), seed));
        }
        return handles;
    });

    EXPECT_EQ(limit.available_permits(), 4u);
}

TEST(contention, mpsc_keeps_each_senders_order_and_every_message) {
    auto [tx, rx] = sync::mpsc::channel<parcel>(3);
    std::vector<int> next(2 * tasks, 0);

    on_two_threads([&](manual_executor& ex, int thread) {
        std::vector<join_handle<void>> handles;
        if (thread == 0) {
            handles.push_back(
                ex.spawn(&consume, std::ref(rx), std::ref(next), edo::testing::seed_of_races()));
        } else {
            for (int i = 0; i < 2 * tasks; ++i)
                handles.push_back(ex.spawn(&produce, tx, i));
            auto last = std::move(tx);
        }
        return handles;
    });

    for (const int received : next)
        EXPECT_EQ(received, rounds);
}
