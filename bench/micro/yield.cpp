#include <edo/task/yield.h>

#include "asio_one_shot.h"
#include "asio_side.h"
#include "contest.h"
#include "families.h"
#include "measurement.h"
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstddef>
#include <exception>
#include <utility>
#include <vector>

#include <edo/task/join_handle.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>

namespace bench {
namespace {

namespace asio = boost::asio;

constexpr std::size_t yielding_tasks = 200;

edo::task<> edo_yield_often(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i)
        co_await edo::yield_now();
}

edo::task<measurement> edo_yields(std::size_t count) {
    std::vector<edo::join_handle<void>> handles;
    handles.reserve(yielding_tasks);
    const stopwatch watch;
    for (std::size_t i = 0; i < yielding_tasks; ++i)
        handles.push_back(edo::spawn(edo_yield_often, count / yielding_tasks));
    for (edo::join_handle<void>& each : handles)
        co_await std::move(each).join();
    co_return measurement{watch.elapsed()};
}

asio_task<> asio_yield_often(asio_executor executor, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i)
        co_await asio::post(executor, asio::deferred);
}

asio_task<measurement> asio_yields(std::size_t count) {
    const asio_executor executor = co_await asio::this_coro::executor;
    std::atomic<std::size_t> left{yielding_tasks};
    asio_one_shot all_ended;
    const auto on_end = [&](std::exception_ptr) {
        if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) all_ended.send(1);
    };
    const stopwatch watch;
    for (std::size_t i = 0; i < yielding_tasks; ++i)
        asio::co_spawn(executor, asio_yield_often(executor, count / yielding_tasks), on_end);
    co_await all_ended.receive(asio::deferred);
    co_return measurement{watch.elapsed()};
}

}  // namespace

void add_yield() {
    add({.name = "yield", .operations = yielding_tasks * 1'000}, edo_yields, asio_yields);
}

}  // namespace bench
