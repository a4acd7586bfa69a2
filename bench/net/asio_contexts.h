#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

namespace bench {

/// The two forms in which Boost.Asio uses several threads.
///
///     shared      one io_context that all threads run
///     per-thread  an io_context of its own for each thread, connections dealt out in turn; each
///                 context is told that only one thread runs it
class asio_contexts {
public:
    enum class form { shared, per_thread };

    asio_contexts(form how, std::size_t threads) : threads_(threads) {
        const std::size_t count = how == form::shared ? 1 : threads;
        const std::size_t threads_of_each = how == form::shared ? threads : 1;
        for (std::size_t i = 0; i < count; ++i)
            contexts_.push_back(
                std::make_unique<boost::asio::io_context>(static_cast<int>(threads_of_each)));
    }

    boost::asio::io_context& first() { return *contexts_[0]; }

    /// The context for the next connection.
    boost::asio::io_context& next() { return *contexts_[turn_++ % contexts_.size()]; }

    /// Runs all threads, this one among them; returns never.
    void run() {
        using guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;
        std::vector<guard> guards;
        for (const auto& each : contexts_)
            guards.emplace_back(each->get_executor());
        std::vector<std::jthread> others;
        for (std::size_t i = 1; i < threads_; ++i)
            others.emplace_back([&, i] { contexts_[i % contexts_.size()]->run(); });
        contexts_[0]->run();
    }

private:
    std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
    std::size_t threads_;
    std::size_t turn_ = 0;
};

/// What Asio itself waits with; chosen when it is compiled.
constexpr std::string_view asio_reactor() {
#if defined(BOOST_ASIO_HAS_IO_URING) && defined(BOOST_ASIO_DISABLE_EPOLL)
    return "io_uring";
#else
    return "epoll";
#endif
}

}  // namespace bench
