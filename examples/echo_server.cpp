// An echo server with options and a clean end.
//   build/release/bin/echo_server --port 7000 --threads 2        then: nc 127.0.0.1 7000
// Expect each line to come back; on Ctrl-C what has arrived still does, and it is gone within 2 s.
#include "support/server.h"
#include <array>

namespace {

using namespace std::chrono_literals;

constexpr auto drain_limit = 2s;

struct connection {
    edo::net::tcp_stream stream;
    bool is_answering = false;
    bool is_closing = false;  // the next answer is the last one
};

edo::task<edo::result<void>> echo(connection& peer) {
    std::array<std::byte, 16384> buffer;
    while (!peer.is_closing) {
        const std::size_t n = co_await edo::or_return(peer.stream.read(buffer));
        if (n == 0) break;
        peer.is_answering = true;
        co_await edo::or_return(peer.stream.write_all(std::span(buffer).first(n)));
        peer.is_answering = false;
    }
    co_return {};
}

// The client reads its last bytes and goes: closing with bytes unread would reset the connection.
edo::task<edo::result<void>> part(edo::net::tcp_stream& stream) {
    std::array<std::byte, 1024> unread;
    co_await edo::or_return(stream.shutdown(edo::net::shutdown_how::write));
    for (const edo::instant due = edo::now() + 500ms;;) {
        const auto n = co_await edo::timeout_at(due, stream.read(unread));
        if (!n || *n == 0) co_return {};
    }
}

edo::task<edo::result<void>> converse(edo::net::tcp_stream stream,
                                      edo::sync::cancellation_token stop) {
    connection peer{std::move(stream)};
    auto conversation = echo(peer);  // a variable survives select
    auto first = co_await edo::select_biased(conversation, stop.cancelled());
    if (first.index() == 0) co_return std::get<0>(first);

    // What is on its way still comes back.
    peer.is_closing = true;
    auto last = co_await edo::timeout(50ms, conversation);
    if (last == edo::errc::timed_out && peer.is_answering)
        last = co_await edo::timeout(drain_limit, conversation);
    if (!last && last != edo::errc::timed_out) co_return last;
    conversation = {};  // it waits for input that need not come
    co_return co_await part(peer.stream);
}

edo::task<edo::result<void>> serve(edo::net::tcp_listener listener,
                                   edo::sync::cancellation_token stop) {
    return example::serve_clients(std::move(listener), std::move(stop), &converse, drain_limit);
}

}  // namespace

int main(int argc, char** argv) {
    return example::run_server(argc, argv, {"echo_server", "sends back what it receives", 7000},
                               &serve);
}
