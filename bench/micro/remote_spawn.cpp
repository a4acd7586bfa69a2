#include "asio_side.h"
#include "contest.h"
#include "edo_side.h"
#include "families.h"
#include "measurement.h"
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <cstddef>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <edo/task/join_handle.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>
#include <edo/task/yield.h>

namespace bench {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

// So many threads that are no workers spawn the same number of tasks between them. Measured until
// the last is handed over, or until the last has ended.

constexpr std::size_t spawned_from_threads = 12'800;

struct remote_tasks {
    explicit remote_tasks(std::size_t count) : running(count) {}

    void end_one() {
        if (running.fetch_sub(1, std::memory_order_acq_rel) == 1) all_ended.count_down();
    }

    std::atomic<std::size_t> running;
    std::latch all_ended{1};
};

edo::task<> edo_count_down(remote_tasks* tasks) {
    tasks->end_one();
    co_return;
}

asio_task<> asio_count_down(remote_tasks* tasks) {
    tasks->end_one();
    co_return;
}

void spawn_one(edo_side& side, remote_tasks* tasks) {
    side.runtime().spawn(edo_count_down, tasks).detach();
}

void spawn_one(asio_side& side, remote_tasks* tasks) {
    asio::co_spawn(side.executor(), asio_count_down(tasks), asio::detached);
}

struct spawn_from_threads {
    unsigned threads;
    bool until_ended;

    template <class Side>
    measurement operator()(Side& side, std::size_t count) const {
        remote_tasks tasks(count);
        std::latch ready(threads);
        std::latch start(1);
        std::latch handed_over(threads);
        std::vector<std::jthread> outside;
        for (unsigned i = 0; i < threads; ++i) {
            outside.emplace_back([&, share = count / threads] {
                ready.count_down();
                start.wait();
                for (std::size_t spawned = 0; spawned < share; ++spawned)
                    spawn_one(side, &tasks);
                handed_over.count_down();
            });
        }
        ready.wait();
        const stopwatch watch;
        start.count_down();
        handed_over.wait();
        measurement found{watch.elapsed()};
        tasks.all_ended.wait();
        if (until_ended) found.elapsed = watch.elapsed();
        return found;
    }
};

// A thread that is no worker spawns tasks and waits for them, while the workers are never idle.

constexpr auto stall_for = 10us;
constexpr std::size_t spawned_while_busy = 1'000;

void stall() {
    for (const auto start = steady_clock::now(); steady_clock::now() - start < stall_for;) {
    }
}

edo::task<> stall_and_yield(std::atomic<bool>* busy) {
    while (busy->load(std::memory_order_relaxed)) {
        co_await edo::yield_now();
        stall();
    }
}

edo::task<> stall_and_respawn(std::atomic<bool>* busy, std::latch* ended) {
    if (!busy->load(std::memory_order_relaxed)) {
        ended->count_down();
        co_return;
    }
    stall();
    edo::spawn(stall_and_respawn, busy, ended).detach();
}

edo::task<> edo_empty() {
    co_return;
}

edo::task<> join_all(std::vector<edo::join_handle<void>> handles) {
    for (edo::join_handle<void>& each : handles)
        co_await std::move(each).join();
}

std::chrono::duration<double> spawn_and_join(edo_side& side, std::size_t count) {
    std::vector<edo::join_handle<void>> handles;
    handles.reserve(count);
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        handles.push_back(side.runtime().spawn(edo_empty));
    side.runtime().block_on(join_all(std::move(handles)));
    return watch.elapsed();
}

measurement beside_yielding(edo_side& side, std::size_t count) {
    constexpr std::size_t yielding = 8;
    std::atomic<bool> busy{true};
    std::vector<edo::join_handle<void>> stalling;
    for (std::size_t i = 0; i < yielding; ++i)
        stalling.push_back(side.runtime().spawn(stall_and_yield, &busy));
    const measurement found{spawn_and_join(side, count)};
    busy.store(false, std::memory_order_relaxed);
    side.runtime().block_on(join_all(std::move(stalling)));
    return found;
}

measurement beside_respawning(edo_side& side, std::size_t count) {
    constexpr std::size_t respawning = 4;
    std::atomic<bool> busy{true};
    std::latch ended(respawning);
    for (std::size_t i = 0; i < respawning; ++i)
        side.runtime().spawn(stall_and_respawn, &busy, &ended).detach();
    const measurement found{spawn_and_join(side, count)};
    busy.store(false, std::memory_order_relaxed);
    ended.wait();
    return found;
}

}  // namespace

void add_remote_spawn() {
    for (const bool until_ended : {false, true}) {
        for (const unsigned threads : {1U, 2U, 4U, 8U, 16U}) {
            const spawn_from_threads body{threads, until_ended};
            const char* const what = until_ended ? "remote_spawn_" : "remote_push_";
            add({.name = what + std::to_string(threads), .operations = spawned_from_threads}, body,
                body);
        }
    }
    enter_each<edo_side>({.name = "spawn_from_outside_busy1", .operations = spawned_while_busy},
                         beside_yielding);
    enter_each<edo_side>({.name = "spawn_from_outside_busy2", .operations = spawned_while_busy},
                         beside_respawning);
}

}  // namespace bench
