// An echo server with options and a clean end: on Ctrl-C it stops accepting, sends back what has
// arrived
// and is gone within two seconds.
//   build/release/bin/echo_server --port 7000 --threads 2        then: nc 127.0.0.1 7000
#include "support/server.h"
#include <array>

namespace {

using namespace std::chrono_literals;

edo::task<edo::result<void>> echo(edo::net::tcp_stream stream, edo::sync::cancellation_token stop) {
    std::array<std::byte, 16384> buffer;
    // one wait for the whole connection: a variable survives select
    auto stopped = stop.cancelled();
    for (;;) {
        auto next = co_await edo::select_biased(stream.read(buffer), stopped);
        if (next.index() == 1) co_return {};
        const std::size_t n = co_await edo::or_return(std::get<0>(next));
        if (n == 0) co_return {};
        co_await edo::or_return(stream.write_all(std::span(buffer).first(n)));
    }
}

edo::task<edo::result<void>> serve(edo::net::tcp_listener listener,
                                   edo::sync::cancellation_token stop) {
    return example::serve_clients(std::move(listener), std::move(stop), &echo, 2s);
}

}  // namespace

int main(int argc, char** argv) {
    return example::run_server(argc, argv, {"echo_server", "sends back what it receives", 7000},
                               &serve);
}
