// The cases of bench_micro on oneTBB, as far as they are about tasks that never wait. A case has
// the name, the number of operations and the points of measurement that it has there.
//   peer_tbb --list
//   peer_tbb spawn_10k 2 0.1       # case, workers, seconds to measure at least
// Prints the operations of one measurement and the nanoseconds of one operation.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <string_view>
#include <vector>

namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

volatile std::uint64_t result;  // keeps results alive

void in_sequence(std::size_t count) {
    tbb::task_group tasks;
    for (std::size_t i = 0; i < count; ++i) {
        tasks.run([] {});
        tasks.wait();
    }
}

void many(std::size_t count) {
    tbb::task_group tasks;
    for (std::size_t i = 0; i < count; ++i)
        tasks.run([] {});
    tasks.wait();
}

constexpr unsigned fibonacci_of = 30;
constexpr std::size_t spawned_for_it = 1'346'268;

// The sum of a spawned task and of a call.
std::uint64_t fibonacci(unsigned n) {
    if (n < 2) return n;
    std::uint64_t first = 0;
    tbb::task_group tasks;
    tasks.run([&first, n] { first = fibonacci(n - 1); });
    const std::uint64_t second = fibonacci(n - 2);
    tasks.wait();
    return first + second;
}

void compute_fibonacci(std::size_t) {
    result = fibonacci(fibonacci_of);
}

constexpr std::size_t children = 10;
constexpr std::size_t leaves = 1'000'000;

std::uint64_t skynet(std::uint64_t first, std::size_t size) {
    if (size == 1) return first;
    std::array<std::uint64_t, children> results{};
    tbb::task_group tasks;
    const std::size_t part = size / children;
    for (std::size_t i = 0; i < children; ++i)
        tasks.run(
            [&slot = results[i], begin = first + i * part, part] { slot = skynet(begin, part); });
    tasks.wait();
    std::uint64_t sum = 0;
    for (const std::uint64_t each : results)
        sum += each;
    return sum;
}

void compute_skynet(std::size_t count) {
    result = skynet(0, count);
}

struct bench_case {
    const char* name;
    std::size_t operations;
    void (*body)(std::size_t);
};

constexpr bench_case cases[] = {
    {"spawn_join", 10'000, in_sequence},
    {"spawn_10k", 10'000, many},
    {"fork_join_fib", spawned_for_it, compute_fibonacci},
    {"skynet", leaves, compute_skynet},
};

// Once to warm up, then until the time is over.
double measure(const bench_case& asked, unsigned workers, nanoseconds at_least) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
    tbb::task_arena arena(static_cast<int>(workers));
    return arena.execute([&] {
        asked.body(asked.operations);
        nanoseconds elapsed{};
        std::size_t operations = 0;
        while (elapsed < at_least) {
            const auto start = steady_clock::now();
            asked.body(asked.operations);
            elapsed += steady_clock::now() - start;
            operations += asked.operations;
        }
        return static_cast<double>(elapsed.count()) / static_cast<double>(operations);
    });
}

int refuse(const char* why) {
    std::fprintf(stderr, "peer_tbb: %s; usage: peer_tbb --list | CASE WORKERS SECONDS\n", why);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
        for (const bench_case& each : cases)
            std::printf("%s/1\n%s/2\n", each.name, each.name);
        return 0;
    }
    if (argc != 4) return refuse("three arguments are needed");
    const int workers = std::atoi(argv[2]);
    const double seconds = std::atof(argv[3]);
    if (workers < 1 || !(seconds > 0 && seconds < 1e6))
        return refuse("WORKERS and SECONDS must be above 0");
    for (const bench_case& each : cases) {
        if (std::string_view(each.name) != argv[1]) continue;
        const nanoseconds at_least(static_cast<std::int64_t>(seconds * 1e9));
        std::printf("%zu %.3f\n", each.operations,
                    measure(each, static_cast<unsigned>(workers), at_least));
        return 0;
    }
    return refuse("there is no such case");
}
