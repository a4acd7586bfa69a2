// A TCP proxy: passes on bytes both ways, and each side's end by itself (half-close).
//   build/release/bin/proxy 127.0.0.1:7000 30 --port 7001       (target, idle seconds, usual flags)
// Expect the target's service at port 7001; what stays idle for 30 to 60 s is cut.
#include "support/server.h"
#include <charconv>
#include <cstdio>
#include <string_view>

#include <edo/io/copy.h>

namespace {

using namespace std::chrono_literals;
constexpr auto connect_limit = 5s;

edo::net::socket_addr target;  // both are set before the first thread starts, and only read then
edo::duration idle_limit{};

edo::task<edo::result<void>> relay(edo::net::tcp_stream client,
                                   edo::sync::cancellation_token stop) {
    auto connecting = edo::timeout(connect_limit, edo::net::tcp_stream::connect(target));
    auto upstream = co_await stop.run_until_cancelled(std::move(connecting));
    if (!upstream) {
        example::log_line(target.to_string() + ": " + upstream.error().message());
        co_return upstream.error();
    }
    co_await edo::or_return(upstream->set_nodelay(true));

    // Both are variables: they survive the select and the timeout, and go on where they were.
    auto moving = edo::io::copy_bidirectional(client, *upstream);
    auto stopped = stop.cancelled();
    for (;;) {
        const edo::io::copied before = moving.transferred();
        auto next = co_await edo::select_biased(edo::timeout(idle_limit, moving), stopped);
        if (next.index() == 1) co_return edo::errc::cancelled;
        const auto& moved = std::get<0>(next);
        if (moved) co_return {};
        if (moved.error() != edo::errc::timed_out) co_return moved.error();
        // The limit has passed. Idle is only on what nothing has moved since it began.
        const edo::io::copied after = moving.transferred();
        if (after.a_to_b == before.a_to_b && after.b_to_a == before.b_to_a) co_return moved.error();
    }
}

edo::task<edo::result<void>> serve(edo::net::tcp_listener listener,
                                   edo::sync::cancellation_token stop) {
    return example::serve_clients(std::move(listener), std::move(stop), &relay, 2s);
}

int refuse(const char* what, std::string_view value, const char* cure) {
    std::fprintf(stderr, "proxy: %s '%.*s': %s\n", what, static_cast<int>(value.size()),
                 value.data(), cure);
    std::fprintf(stderr, "proxy: usage: proxy TARGET:PORT IDLE_SECONDS [flags, see --help]\n");
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    const example::program about{"proxy", "passes bytes to TARGET and back", 7001};
    if (argc == 2 && argv[1] == std::string_view("--help"))
        return example::run_server(argc, argv, about, &serve);
    const std::string_view wanted = argc > 1 ? argv[1] : "";
    const auto parsed = edo::net::socket_addr::parse(wanted);
    if (!parsed) return refuse("target", wanted, "an address such as 127.0.0.1:7000 is needed");
    const std::string_view idle = argc > 2 ? argv[2] : "";
    double seconds = 0;
    const auto [end, error] = std::from_chars(idle.data(), idle.data() + idle.size(), seconds);
    if (error != std::errc{} || end != idle.data() + idle.size() || !(seconds > 0))
        return refuse("idle limit", idle, "a number of seconds above 0 is needed");
    target = *parsed;
    idle_limit = edo::to_duration(std::chrono::duration<double>(seconds));
    return example::run_server(argc - 2, argv + 2, about, &serve);
}
