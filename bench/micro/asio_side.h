#pragma once

#include "measurement.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <thread>
#include <vector>

namespace bench {

// Boost.Asio as an expert would use it: concrete executor types instead of type-erased ones, waits
// without a frame in between (asio::deferred), the concurrency hint, no strand that is not needed.
using asio_executor = boost::asio::io_context::executor_type;
template <class T = void>
using asio_task = boost::asio::awaitable<T, asio_executor>;
using asio_timer =
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>,
                                      asio_executor>;

/// One io_context that so many threads run.
class asio_side {
public:
    static constexpr const char* name = "asio";

    explicit asio_side(unsigned workers);
    asio_side(const asio_side&) = delete;
    asio_side& operator=(const asio_side&) = delete;
    /// What still waits is dropped, nothing is waited for.
    ~asio_side();

    measurement run(asio_task<measurement> body);

    asio_executor executor() { return context_.get_executor(); }

private:
    boost::asio::io_context context_;
    boost::asio::executor_work_guard<asio_executor> stay_;
    std::vector<std::jthread> threads_;
};

}  // namespace bench
