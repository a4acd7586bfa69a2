#include "asio_side.h"
#include "contest.h"
#include "edo_side.h"
#include "families.h"
#include "measurement.h"
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>

#include <edo/task/spawn.h>
#include <edo/task/task.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace bench {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t sleepers = 1'000'000;
// Spawned before those that are ready get their turn: nobody has a million tasks begin at once, and the
// memory for the waiting ones is not what a sleeping one costs.
constexpr std::size_t spawned_at_once = 1'000;

std::size_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    if (!(file >> total >> resident)) throw std::runtime_error("cannot read /proc/self/statm");
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// How much memory has grown since it was made, per sleeper.
class growth {
public:
    double bytes_per_task() const {
        return static_cast<double>(resident_bytes() - before_) / static_cast<double>(sleepers);
    }

private:
    std::size_t before_ = resident_bytes();
};

edo::task<> edo_sleeper(std::atomic<std::size_t>* asleep) {
    asleep->fetch_add(1, std::memory_order_relaxed);
    co_await edo::sleep(1h);
}

edo::task<measurement> edo_fall_asleep(std::size_t count) {
    std::atomic<std::size_t> asleep{0};
    const growth grown;
    const stopwatch watch;
    for (std::size_t i = 0; i < count;) {
        for (const std::size_t end = i + spawned_at_once; i < end; ++i)
            edo::spawn(edo_sleeper, &asleep).detach();
        while (asleep.load(std::memory_order_relaxed) < i)
            co_await edo::yield_now();
    }
    co_return measurement{watch.elapsed(), grown.bytes_per_task()};
}

asio_task<> asio_sleeper(asio_executor executor, std::atomic<std::size_t>* asleep) {
    asio_timer timer(executor, 1h);
    asleep->fetch_add(1, std::memory_order_relaxed);
    co_await timer.async_wait(asio::deferred);
}

asio_task<measurement> asio_fall_asleep(std::size_t count) {
    const asio_executor executor = co_await asio::this_coro::executor;
    std::atomic<std::size_t> asleep{0};
    const growth grown;
    const stopwatch watch;
    for (std::size_t i = 0; i < count;) {
        for (const std::size_t end = i + spawned_at_once; i < end; ++i)
            asio::co_spawn(executor, asio_sleeper(executor, &asleep), asio::detached);
        while (asleep.load(std::memory_order_relaxed) < i)
            co_await asio::post(executor, asio::deferred);
    }
    co_return measurement{watch.elapsed(), grown.bytes_per_task()};
}

/// Ends the process: nobody waits for a million tasks to be dropped.
template <class Side, class Body>
[[noreturn]] void print(Body body) {
    Side side(1);
    const measurement found = side.run(body(sleepers));
    std::printf("%.9f %.3f\n", found.elapsed.count(), found.counted);
    std::fflush(stdout);
    std::_Exit(0);
}

/// In a process of its own, because memory that earlier cases have freed would be used again.
measurement ask_child(const std::string& program, const char* side) {
    const std::string command = "exec '" + program + "' --sleep " + side;
    std::FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot start " + command);
    double elapsed = 0;
    double bytes = 0;
    const int understood = std::fscanf(pipe, "%lf %lf", &elapsed, &bytes);
    if (pclose(pipe) != 0 || understood != 2) throw std::runtime_error(command + " has failed");
    return {std::chrono::duration<double>(elapsed), bytes};
}

}  // namespace

int sleep_and_print(std::string_view side) {
    if (side == edo_side::name) print<edo_side>(edo_fall_asleep);
    if (side == asio_side::name) print<asio_side>(asio_fall_asleep);
    std::fprintf(stderr, "bench_micro --sleep takes edo or asio\n");
    return 2;
}

void add_sleeping(std::string_view program) {
    const auto ask = [program = std::string(program)](auto& side, std::size_t) {
        return ask_child(program, side.name);
    };
    add({.name = "sleeping_task",
         .operations = sleepers,
         .most_workers = 1,
         .once = true,
         .counter = "bytes_per_task"},
        ask, ask);
}

}  // namespace bench
