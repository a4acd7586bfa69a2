#include "asio_side.h"
#include "contest.h"
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
#include <fstream>
#include <stdexcept>
#include <unistd.h>

#include <edo/task/spawn.h>
#include <edo/task/task.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace bench {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Spawned before those that are ready get their turn: nobody has a million tasks begin at once, and
// what is queued for them until they do is not what a sleeping one costs.
constexpr std::size_t spawned_at_once = 1'000;

std::size_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    if (!(file >> total >> resident)) throw std::runtime_error("cannot read /proc/self/statm");
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// How much the memory of the process has grown since it was made.
class growth {
public:
    double per_task(std::size_t tasks) const {
        return static_cast<double>(resident_bytes() - before_) / static_cast<double>(tasks);
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
    co_return measurement{watch.elapsed(), grown.per_task(count)};
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
    co_return measurement{watch.elapsed(), grown.per_task(count)};
}

}  // namespace

void add_sleeping() {
    add({.name = "sleeping_task",
         .operations = 1'000'000,
         .most_workers = 1,
         .once = true,
         .counter = "bytes_per_task"},
        edo_fall_asleep, asio_fall_asleep);
}

}  // namespace bench
