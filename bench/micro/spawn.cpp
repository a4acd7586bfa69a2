#include <edo/task/spawn.h>

#include "asio_one_shot.h"
#include "asio_side.h"
#include "contest.h"
#include "edo_side.h"
#include "families.h"
#include "measurement.h"
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstddef>
#include <exception>
#include <latch>
#include <utility>
#include <vector>

#include <edo/sync/oneshot.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>
#include <edo/task/task_group.h>

namespace bench {
namespace {

namespace asio = boost::asio;
namespace oneshot = edo::sync::oneshot;

edo::task<> edo_empty() {
    co_return;
}

asio_task<> asio_empty() {
    co_return;
}

// Spawn one, wait for it, again.

edo::task<measurement> edo_in_sequence(std::size_t count) {
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        co_await edo::spawn(edo_empty).join();
    co_return measurement{watch.elapsed()};
}

asio_task<measurement> asio_in_sequence(std::size_t count) {
    const asio_executor executor = co_await asio::this_coro::executor;
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        co_await asio::co_spawn(executor, asio_empty(), asio::deferred);
    co_return measurement{watch.elapsed()};
}

// One task spawns all and waits for all.

edo::task<measurement> edo_many(std::size_t count) {
    std::vector<edo::join_handle<void>> handles;
    handles.reserve(count);
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        handles.push_back(edo::spawn(edo_empty));
    for (edo::join_handle<void>& each : handles)
        co_await std::move(each).join();
    co_return measurement{watch.elapsed()};
}

edo::task<measurement> edo_many_in_group(std::size_t count) {
    const stopwatch watch;
    edo::task_group group;
    for (std::size_t i = 0; i < count; ++i)
        group.spawn(edo_empty);
    static_cast<void>(co_await group.join());
    co_return measurement{watch.elapsed()};
}

/// Sends when as many as announced have ended.
struct asio_countdown {
    std::atomic<std::size_t> left;
    asio_one_shot all_ended;

    auto on_end() {
        return [this](std::exception_ptr) {
            if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) all_ended.send(1);
        };
    }
};

asio_task<measurement> asio_many(std::size_t count) {
    const asio_executor executor = co_await asio::this_coro::executor;
    asio_countdown tasks{{count}, {}};
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        asio::co_spawn(executor, asio_empty(), tasks.on_end());
    co_await tasks.all_ended.receive(asio::deferred);
    co_return measurement{watch.elapsed()};
}

// A thread that is no worker spawns all and waits for all.

edo::task<> edo_join_all(std::vector<edo::join_handle<void>> handles) {
    for (edo::join_handle<void>& each : handles)
        co_await std::move(each).join();
}

measurement edo_from_outside(edo_side& side, std::size_t count) {
    std::vector<edo::join_handle<void>> handles;
    handles.reserve(count);
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        handles.push_back(side.runtime().spawn(edo_empty));
    side.runtime().block_on(edo_join_all(std::move(handles)));
    return {watch.elapsed()};
}

measurement asio_from_outside(asio_side& side, std::size_t count) {
    std::latch running(static_cast<std::ptrdiff_t>(count));
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        asio::co_spawn(side.executor(), asio_empty(),
                       [&](std::exception_ptr) { running.count_down(); });
    running.wait();
    return {watch.elapsed()};
}

// Each task spawns the next one and ends; the last one reports.

edo::task<> edo_link(std::size_t more, oneshot::sender<int> end) {
    if (more == 0) {
        static_cast<void>(end.send(1));
    } else {
        edo::spawn(edo_link, more - 1, std::move(end)).detach();
    }
    co_return;
}

edo::task<measurement> edo_chain(std::size_t count) {
    auto [end, ended] = oneshot::channel<int>();
    const stopwatch watch;
    edo::spawn(edo_link, count - 1, std::move(end)).detach();
    const edo::result<int> last = co_await ended.recv();
    co_return measurement{watch.elapsed(), static_cast<double>(last.value())};
}

asio_task<> asio_link(asio_executor executor, std::size_t more, asio_one_shot* end) {
    if (more == 0) {
        end->send(1);
    } else {
        asio::co_spawn(executor, asio_link(executor, more - 1, end), asio::detached);
    }
    co_return;
}

asio_task<measurement> asio_chain(std::size_t count) {
    const asio_executor executor = co_await asio::this_coro::executor;
    asio_one_shot end;
    const stopwatch watch;
    asio::co_spawn(executor, asio_link(executor, count - 1, &end), asio::detached);
    const int last = co_await end.receive(asio::deferred);
    co_return measurement{watch.elapsed(), static_cast<double>(last)};
}

}  // namespace

void add_spawn() {
    add({.name = "spawn_join", .operations = 10'000}, edo_in_sequence, asio_in_sequence);
    add({.name = "spawn_10k", .operations = 10'000}, edo_many, asio_many);
    add({.name = "spawn_10k_in_group", .operations = 10'000}, edo_many_in_group, asio_many);
    add({.name = "spawn_from_outside", .operations = 10'000}, edo_from_outside, asio_from_outside);
    add({.name = "chained_spawn", .operations = 10'000}, edo_chain, asio_chain);
}

}  // namespace bench
