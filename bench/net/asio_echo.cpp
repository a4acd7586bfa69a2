// An echo server on Boost.Asio's C++20 coroutines, as an expert would tune it: concrete executor
// types instead of type-erased ones, error codes instead of exceptions, concurrency hints, no
// Nagle, one buffer per connection.
//   peer_asio_echo --port 7000 --threads 2 --mode per-thread

#include "asio_contexts.h"
#include "peer_server.h"
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<tcp, executor>;
template <class T>
using awaitable = asio::awaitable<T, executor>;

constexpr asio::as_tuple_t<asio::use_awaitable_t<executor>> use_tuple;
constexpr std::string_view usage =
    "usage: peer_asio_echo [--address 127.0.0.1] [--port 0] [--threads 1]\n"
    "                      [--mode shared|per-thread]\n";

awaitable<void> echo(tcp_socket socket) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay{true}, ignored);
    std::array<char, 16 * 1024> buffer;
    for (;;) {
        const auto [read_error, size] =
            co_await socket.async_read_some(asio::buffer(buffer), use_tuple);
        if (read_error) co_return;
        const auto [write_error, written] =
            co_await asio::async_write(socket, asio::buffer(buffer, size), use_tuple);
        if (write_error) co_return;
    }
}

awaitable<void> accept(tcp_acceptor& acceptor, bench::asio_contexts& contexts) {
    for (;;) {
        asio::io_context& context = contexts.next();
        auto [error, socket] = co_await acceptor.async_accept(context, use_tuple);
        if (!error) asio::co_spawn(context, echo(std::move(socket)), asio::detached);
    }
}

void serve(int argc, char** argv) {
    bench::flags flags{argc, argv, usage};
    const bench::peer_server peer{flags};
    const bool shared = flags.choice("mode", {"shared", "per-thread"}) == "shared";
    flags.finish();

    using form = bench::asio_contexts::form;
    bench::asio_contexts contexts{shared ? form::shared : form::per_thread, peer.threads()};
    bench::descriptor listener = peer.listen();
    tcp_acceptor acceptor{contexts.first(), tcp::v4(), listener.release()};
    asio::co_spawn(contexts.first(), accept(acceptor, contexts), asio::detached);
    peer.announce(acceptor.native_handle(), bench::asio_reactor());
    contexts.run();
}

}  // namespace

int main(int argc, char** argv) {
    return bench::run_peer(argc, argv, serve);
}
