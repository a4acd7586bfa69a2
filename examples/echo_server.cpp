// An echo server with options and a clean end: on Ctrl-C it stops accepting, sends back what has
// arrived
// and is gone within two seconds.
//   build/release/bin/echo_server --port 7000 --threads 2        then: nc 127.0.0.1 7000
#include "support/server.h"
#include <array>

namespace {

using namespace std::chrono_literals;

constexpr auto drain_limit = 2s;

edo::task<edo::result<void>> echo(edo::net::tcp_stream& stream) {
    std::array<std::byte, 16384> buffer;
    for (;;) {
        const std::size_t n = co_await edo::or_return(stream.read(buffer));
        if (n == 0) co_return {};
        co_await edo::or_return(stream.write_all(std::span(buffer).first(n)));
    }
}

edo::task<edo::result<void>> converse(edo::net::tcp_stream stream,
                                      edo::sync::cancellation_token stop) {
    auto conversation = echo(stream);  // a variable survives select
    auto first = co_await edo::select_biased(conversation, stop.cancelled());
    if (first.index() == 0) co_return std::get<0>(first);
    // From now on there is no more input: what has arrived is sent back, then echo() ends.
    co_await edo::or_return(stream.shutdown(edo::net::shutdown_how::read));
    co_return co_await edo::timeout(drain_limit, conversation);
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
