#include "edo_side.h"
#include "entry.h"
#include "families.h"
#include "measurement.h"
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <edo/task/join_handle.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>

namespace bench {
namespace {

// Fibonacci numbers, each as the sum of a spawned task and of a child that is awaited.

constexpr unsigned fibonacci_of = 30;
constexpr std::size_t spawned_for_it = 1'346'268;  // the Fibonacci number of 31, less 1

edo::task<std::uint64_t> fibonacci(unsigned n) {
    if (n < 2) co_return n;
    edo::join_handle<std::uint64_t> spawned = edo::spawn(fibonacci, n - 1);
    const std::uint64_t second = co_await fibonacci(n - 2);
    const std::uint64_t first = co_await std::move(spawned).join();
    co_return first + second;
}

edo::task<measurement> compute_fibonacci(std::size_t) {
    const stopwatch watch;
    const std::uint64_t found = co_await fibonacci(fibonacci_of);
    co_return measurement{watch.elapsed(), static_cast<double>(found)};
}

// A tree of tasks: each spawns ten and adds up what they yield; the leaves yield their own numbers.

constexpr std::size_t children = 10;
constexpr std::size_t leaves = 1'000'000;

edo::task<std::uint64_t> skynet(std::uint64_t first, std::size_t size) {
    if (size == 1) co_return first;
    std::vector<edo::join_handle<std::uint64_t>> handles;
    handles.reserve(children);
    const std::size_t part = size / children;
    for (std::size_t i = 0; i < children; ++i)
        handles.push_back(edo::spawn(skynet, first + i * part, part));
    std::uint64_t sum = 0;
    for (edo::join_handle<std::uint64_t>& each : handles)
        sum += co_await std::move(each).join();
    co_return sum;
}

edo::task<measurement> compute_skynet(std::size_t count) {
    const stopwatch watch;
    const std::uint64_t sum = co_await skynet(0, count);
    co_return measurement{watch.elapsed(), static_cast<double>(sum)};
}

}  // namespace

void add_fork_join() {
    enter_each<edo_side>({.name = "fork_join_fib", .operations = spawned_for_it},
                         compute_fibonacci);
    enter_each<edo_side>({.name = "skynet", .operations = leaves}, compute_skynet);
}

}  // namespace bench
