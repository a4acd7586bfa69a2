#pragma once
// Echo over 127.0.0.1 as a load for tests of something else. It looks at every byte, and needs no
// GoogleTest, so that a plugin can run it too.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include <edo/base/clock.h>
#include <edo/base/result.h>
#include <edo/net/socket_addr.h>
#include <edo/net/tcp_listener.h>
#include <edo/net/tcp_stream.h>
#include <edo/task/or_return.h>
#include <edo/task/task.h>
#include <edo/task/task_group.h>
#include <edo/timer/sleep.h>

namespace edo::testing {

/// Sends back what comes, until the end of the stream.
inline task<result<void>> send_back(net::tcp_stream stream) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
        const std::size_t n = co_await or_return(stream.read(buffer));
        if (n == 0) co_return {};
        co_await or_return(stream.write_all(std::span(buffer).first(n)));
    }
}

/// Sends back what comes from all who connect, until it is cancelled, or one of them fails.
inline task<result<void>> serve_echo(std::shared_ptr<net::tcp_listener> at) {
    task_group clients;
    for (;;) {
        auto taken = co_await or_return(at->accept());
        clients.spawn(send_back, std::move(taken.stream));
    }
}

/// Sends message number `number` and waits until it has come back.
/// Errors: std::errc::bad_message if it is not the same; else of the stream.
inline task<result<void>> exchange(std::reference_wrapper<const net::tcp_stream> with,
                                   std::uint64_t number) {
    std::array<std::byte, 512> sent, back;
    for (std::byte& each : sent)
        each = static_cast<std::byte>(number++ * 31);
    co_await or_return(with.get().write_all(sent));
    co_await or_return(with.get().read_exact(back));
    if (sent != back) co_return std::make_error_code(std::errc::bad_message);
    co_return {};
}

/// Exchanges messages over a connection of its own until somebody says that it is over. Between
/// them it waits, so that there are moments without work too.
/// Returns: how many.
inline task<result<std::uint64_t>> talk(net::socket_addr to,
                                        duration pause,
                                        std::reference_wrapper<const std::atomic<bool>> is_over) {
    const net::tcp_stream stream = co_await or_return(net::tcp_stream::connect(to));
    std::uint64_t count = 0;
    do {
        co_await or_return(exchange(std::cref(stream), count++));
        co_await edo::sleep(pause);
    } while (!is_over.get());
    co_return count;
}

}  // namespace edo::testing
