#include "asio_side.h"
#include "contest.h"
#include "families.h"
#include "measurement.h"
#include <cstddef>

#include <benchmark/benchmark.h>

#include <edo/task/task.h>

namespace bench {
namespace {

edo::task<std::size_t> edo_child(std::size_t value) {
    co_return value + 1;
}

asio_task<std::size_t> asio_child(std::size_t value) {
    co_return value + 1;
}

// Make a coroutine and destroy it before it has run: the price of its frame.

edo::task<measurement> edo_frames(std::size_t count) {
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        edo::task<std::size_t> child = edo_child(i);
        benchmark::DoNotOptimize(child);
    }
    co_return measurement{watch.elapsed()};
}

asio_task<measurement> asio_frames(std::size_t count) {
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        asio_task<std::size_t> child = asio_child(i);
        benchmark::DoNotOptimize(child);
    }
    co_return measurement{watch.elapsed()};
}

// Await a child that returns at once.

edo::task<measurement> edo_calls(std::size_t count) {
    std::size_t value = 0;
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        value = co_await edo_child(value);
    co_return measurement{watch.elapsed(), static_cast<double>(value)};
}

asio_task<measurement> asio_calls(std::size_t count) {
    std::size_t value = 0;
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        value = co_await asio_child(value);
    co_return measurement{watch.elapsed(), static_cast<double>(value)};
}

}  // namespace

void add_frame() {
    add({.name = "frame_allocation", .operations = 100'000, .most_workers = 1}, edo_frames,
        asio_frames);
    add({.name = "nested_call", .operations = 100'000, .most_workers = 1}, edo_calls, asio_calls);
}

}  // namespace bench
