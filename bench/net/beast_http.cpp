// The HTTP server that Boost.Beast's users write: async_read and async_write with a flat_buffer and
// string bodies, keep-alive; tuned like the Asio echo server. It sets no deadlines, which spares it
// a timer for each request.
//   peer_beast_http --port 8000 --threads 2 --mode per-thread

#include "asio_contexts.h"
#include "peer_server.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<tcp, executor>;
template <class T>
using awaitable = asio::awaitable<T, executor>;

constexpr asio::as_tuple_t<asio::use_awaitable_t<executor>> use_tuple;
constexpr std::string_view usage =
    "usage: peer_beast_http [--address 127.0.0.1] [--port 0] [--threads 1]\n"
    "                       [--mode shared|per-thread]\n";

http::response<http::string_body> respond(const http::request<http::string_body>& request) {
    const bool is_found = request.target() == "/";
    http::response<http::string_body> response{
        is_found ? http::status::ok : http::status::not_found, request.version()};
    response.set(http::field::content_type, "text/plain");
    response.keep_alive(request.keep_alive());
    response.body() = is_found ? "Hello, World!" : "not found";
    response.prepare_payload();
    return response;
}

awaitable<void> answer_requests(tcp_socket socket) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay{true}, ignored);
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::request<http::string_body> request;
        const auto [read_error, read_size] =
            co_await http::async_read(socket, buffer, request, use_tuple);
        if (read_error) co_return;
        http::response<http::string_body> response = respond(request);
        const auto [write_error, write_size] =
            co_await http::async_write(socket, response, use_tuple);
        if (write_error || response.need_eof()) co_return;
    }
}

awaitable<void> accept(tcp_acceptor& acceptor, bench::asio_contexts& contexts) {
    for (;;) {
        asio::io_context& context = contexts.next();
        auto [error, socket] = co_await acceptor.async_accept(context, use_tuple);
        if (!error) asio::co_spawn(context, answer_requests(std::move(socket)), asio::detached);
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
