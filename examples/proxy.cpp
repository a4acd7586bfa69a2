// A TCP proxy: passes on bytes both ways, and each side's end by itself (half-close).
//   build/release/bin/proxy 127.0.0.1:7000 30 --port 7001       (target, idle seconds, usual flags)
// Expect the target's service at port 7001; a connection on which nothing moves for 30 s is cut.
#include "support/server.h"
#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

namespace {

using namespace std::chrono_literals;
constexpr auto connect_limit = 5s;

edo::net::socket_addr target;  // both are set before the first thread starts, and only read then
edo::duration idle_limit{};

/// One direction. Its end is passed on; the other direction may go on for as long as it likes.
edo::task<edo::result<void>> pass(const edo::net::tcp_stream& from,
                                  const edo::net::tcp_stream& to,
                                  edo::instant& last_moved) {
    std::array<std::byte, 16384> buffer;
    for (;;) {
        const std::size_t n = co_await edo::or_return(from.read(buffer));
        last_moved = edo::now();
        if (n == 0) co_return to.shutdown(edo::net::shutdown_how::write);
        co_await edo::or_return(to.write_all(std::span(buffer).first(n)));
        last_moved = edo::now();
    }
}

/// Ends when nothing has moved for the idle limit. Sleeps once per limit, however much moves.
edo::task<void> watch(const edo::instant& last_moved) {
    while (edo::now() < edo::saturating_add(last_moved, idle_limit))
        co_await edo::sleep_until(edo::saturating_add(last_moved, idle_limit));
}

edo::task<edo::result<void>> relay(edo::net::tcp_stream client,
                                   edo::sync::cancellation_token stop) {
    auto connecting = edo::timeout(connect_limit, edo::net::tcp_stream::connect(target));
    auto upstream = co_await stop.run_until_cancelled(std::move(connecting));
    if (!upstream) {
        example::log_line(target.to_string() + ": " + upstream.error().message());
        co_return upstream.error();
    }
    co_await edo::or_return(upstream->set_nodelay(true));
    edo::instant last_moved = edo::now();
    // All of this is one task: its parts never run at the same time, so `last_moved` needs no lock.
    auto both =
        edo::try_join(pass(client, *upstream, last_moved), pass(*upstream, client, last_moved));
    auto ended = co_await edo::select(std::move(both), watch(last_moved), stop.cancelled());
    if (ended.index() == 1) {
        example::log_line("nothing moved for too long: cut");
        co_return edo::errc::timed_out;
    }
    if (ended.index() == 2) co_return edo::errc::cancelled;
    if (!std::get<0>(ended)) co_return std::get<0>(ended).error();
    co_return {};
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
