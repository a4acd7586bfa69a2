#include <edo/task/select.h>

#include "asio_side.h"
#include "contest.h"
#include "families.h"
#include "measurement.h"
#include "ready.h"
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstddef>

#include <edo/task/task.h>

namespace bench {
namespace {

namespace asio = boost::asio;

edo::task<measurement> edo_select(std::size_t count) {
    std::size_t second_won = 0;
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        auto first = co_await edo::select(ready(i), ready(i));
        second_won += first.index();
    }
    co_return measurement{watch.elapsed(), static_cast<double>(second_won)};
}

// The quickest form that Asio has; `||` of two coroutines takes six times as long.
asio_task<measurement> asio_select(std::size_t count) {
    const asio_executor executor = co_await asio::this_coro::executor;
    std::size_t second_won = 0;
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        auto both = asio::experimental::make_parallel_group(asio::post(executor, asio::deferred),
                                                            asio::post(executor, asio::deferred));
        const auto order =
            co_await both.async_wait(asio::experimental::wait_for_one(), asio::deferred);
        second_won += order[0];
    }
    co_return measurement{watch.elapsed(), static_cast<double>(second_won)};
}

}  // namespace

void add_select() {
    add({.name = "select_two_ready", .operations = 100'000, .most_workers = 1}, edo_select,
        asio_select);
}

}  // namespace bench
