#include "edo_side.h"
#include "entry.h"
#include "families.h"
#include "measurement.h"
#include <atomic>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include <edo/sync/notify.h>
#include <edo/task/join_handle.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>

namespace bench {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// Two tasks wake each other in turn; an operation is there and back.

struct two_signals {
    edo::sync::notify there;
    edo::sync::notify back;
};

edo::task<> answer_in_turn(two_signals* shared, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        co_await shared->there.notified();
        shared->back.notify_one();
    }
}

edo::task<measurement> take_turns(std::size_t count) {
    two_signals shared;
    edo::join_handle<void> partner = edo::spawn(answer_in_turn, &shared, count);
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        shared.there.notify_one();
        co_await shared.back.notified();
    }
    const measurement found{watch.elapsed()};
    co_await std::move(partner).join();
    co_return found;
}

// A token goes round a ring of tasks; an operation is one step of it.

constexpr std::size_t ring_size = 64;

using ring = std::vector<edo::sync::notify>;

edo::task<> forward(ring* all, std::size_t own, std::size_t times) {
    edo::sync::notify& mine = (*all)[own];
    edo::sync::notify& next = (*all)[(own + 1) % ring_size];
    for (std::size_t i = 0; i < times; ++i) {
        co_await mine.notified();
        next.notify_one();
    }
}

edo::task<measurement> go_round(std::size_t count) {
    ring all(ring_size);
    std::vector<edo::join_handle<void>> handles;
    handles.reserve(ring_size);
    for (std::size_t i = 0; i < ring_size; ++i)
        handles.push_back(edo::spawn(forward, &all, i, count / ring_size));
    const stopwatch watch;
    all.front().notify_one();
    for (edo::join_handle<void>& each : handles)
        co_await std::move(each).join();
    co_return measurement{watch.elapsed()};
}

// From the wake to the first instruction of a task that another worker must run, because the one
// that wakes it stays busy. The other worker had 200 us to fall asleep.

constexpr auto idle_for = 200us;

struct wake_signal {
    edo::sync::notify called;
    std::atomic<std::size_t> answers{0};
};

edo::task<> answer_calls(wake_signal* shared, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        co_await shared->called.notified();
        shared->answers.fetch_add(1, std::memory_order_release);
    }
}

edo::task<> do_nothing() {
    co_return;
}

edo::task<measurement> wake_elsewhere(std::size_t count) {
    wake_signal shared;
    edo::join_handle<void> sleeper = edo::spawn(answer_calls, &shared, count);
    std::chrono::duration<double> waited{};
    for (std::size_t i = 0; i < count; ++i) {
        for (const auto start = steady_clock::now(); steady_clock::now() - start < idle_for;) {
        }
        const stopwatch watch;
        shared.called.notify_one();
        // The task that was woken last is kept for this worker: that is this one now.
        edo::join_handle<void> kept = edo::spawn(do_nothing);
        while (shared.answers.load(std::memory_order_acquire) == i) {
        }
        waited += watch.elapsed();
        // And no yield: some runtimes wake a worker for it.
        co_await std::move(kept).join();
    }
    co_await std::move(sleeper).join();
    co_return measurement{waited};
}

}  // namespace

void add_wake() {
    enter_each<edo_side>({.name = "two_in_turn", .operations = 100'000}, take_turns);
    enter_each<edo_side>({.name = "forward_ring_64", .operations = ring_size * 1'000}, go_round);
    enter_each<edo_side>({.name = "wake_other_worker", .operations = 100, .fewest_workers = 2},
                         wake_elsewhere);
}

}  // namespace bench
