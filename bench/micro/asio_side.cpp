#include "asio_side.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <utility>

namespace bench {

asio_side::asio_side(unsigned workers)
    : context_(static_cast<int>(workers)), stay_(context_.get_executor()) {
    for (unsigned i = 0; i < workers; ++i)
        threads_.emplace_back([this] { context_.run(); });
}

asio_side::~asio_side() {
    context_.stop();
}

measurement asio_side::run(asio_task<measurement> body) {
    return boost::asio::co_spawn(executor(), std::move(body), boost::asio::use_future).get();
}

}  // namespace bench
