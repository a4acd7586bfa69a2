// An Edo echo server with a few CPU-bound tasks beside the connections: what does an echo have to
// wait for? Each of those tasks computes for a while, yields, and computes again.

#include "flags.h"
#include "peer_server.h"
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <edo/base/clock.h>
#include <edo/base/result.h>
#include <edo/io/reactor_kind.h>
#include <edo/net/tcp_listener.h>
#include <edo/net/tcp_stream.h>
#include <edo/runtime/runtime.h>
#include <edo/task/or_return.h>
#include <edo/task/spawn_options.h>
#include <edo/task/task.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>

namespace bench {
namespace {

constexpr std::string_view usage =
    "usage: mixed_server [flags]\n"
    "    --address A        where it listens                      (default 127.0.0.1)\n"
    "    --port N           0: any                                (default 0)\n"
    "    --threads N        workers                               (default 1)\n"
    "    --reactor io_uring|epoll\n"
    "    --busy N           CPU-bound tasks beside the echoes     (default 0)\n"
    "    --busy-us N        how long each computes between yields (default 100)\n"
    "    --priority batch|latency   of those tasks\n";

struct load {
    std::uint64_t tasks;
    std::chrono::microseconds between_yields;
    edo::priority priority;
};

edo::task<> compute_for_ever(std::chrono::microseconds between_yields) {
    using clock = std::chrono::steady_clock;
    for (;;) {
        for (const auto start = clock::now(); clock::now() - start < between_yields;) {
        }
        co_await edo::yield_now();
    }
}

void spawn_busy(edo::task_group& group, const load& wanted) {
    const auto how = edo::spawn_options().priority(wanted.priority);
    for (std::uint64_t i = 0; i < wanted.tasks; ++i)
        group.spawn(edo::with(how, compute_for_ever), wanted.between_yields);
}

edo::task<edo::result<void>> echo(edo::net::tcp_stream stream) {
    std::array<std::byte, 16384> buffer;
    for (;;) {
        const std::size_t n = co_await edo::or_return(stream.read(buffer));
        if (n == 0) co_return {};
        co_await edo::or_return(stream.write_all(std::span(buffer).first(n)));
    }
}

edo::task<edo::result<void>> serve(edo::net::tcp_listener listener, load wanted) {
    edo::task_group group(edo::independent);
    spawn_busy(group, wanted);
    for (;;) {
        auto accepted = co_await edo::or_return(listener.accept());
        group.spawn(echo, std::move(accepted.stream));
    }
}

void run(int argc, char** argv) {
    flags command_line{argc, argv, usage};
    const peer_server peer{command_line};
    const bool on_epoll = command_line.choice("reactor", {"io_uring", "epoll"}) == "epoll";
    const bool is_patient = command_line.choice("priority", {"batch", "latency"}) == "batch";
    const load wanted{command_line.number("busy", 0, 0, 1'000),
                      std::chrono::microseconds(command_line.number("busy-us", 100, 1, 1'000'000)),
                      is_patient ? edo::priority::batch : edo::priority::latency};
    command_line.finish();

    edo::runtime runtime =
        edo::runtime::builder()
            .worker_threads(static_cast<unsigned>(peer.threads()))
            .reactor(on_epoll ? edo::reactor_kind::epoll : edo::reactor_kind::io_uring)
            .build()
            .value();
    descriptor socket = peer.listen();
    peer.announce(socket.get(), edo::name_of(runtime.info().reactor));
    runtime.block_on(serve(edo::net::tcp_listener::from_fd(socket.release()).value(), wanted))
        .value();
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peer(argc, argv, &bench::run);
}
