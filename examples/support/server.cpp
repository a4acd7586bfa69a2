#include "server.h"
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace example {
namespace {

using namespace std::chrono_literals;

std::atomic<bool> log_is_on{false};

sigset_t ending_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

// The main thread waits for signals; a server that ends by itself sends one.
edo::task<edo::result<void>> serve_and_tell(serve_function serve,
                                            edo::net::tcp_listener listener,
                                            edo::sync::cancellation_token stop) {
    edo::result<void> end = co_await serve(std::move(listener), stop);
    if (!stop.is_cancelled()) ::kill(::getpid(), SIGTERM);
    co_return end;
}

int fail(const program& about, const char* what, const std::error_code& why, const char* cure) {
    std::fprintf(stderr, "%s: %s: %s%s\n", about.name, what, why.message().c_str(), cure);
    return 1;
}

const char* cure_for(const std::error_code& why) {
    if (why == std::errc::address_in_use) return "; choose another --port, or 0 for a free one";
    if (why == std::errc::permission_denied)
        return "; ports below 1024 need root, use a higher --port";
    if (why == std::errc::address_not_available) return "; --address must be one of this machine's";
    return "";
}

// As many listeners at one address as there are servers; the kernel spreads the clients.
edo::result<std::vector<edo::net::tcp_listener>> listen(edo::net::socket_addr at, unsigned count) {
    const auto how = edo::net::tcp_listener::options().reuse_port(count > 1);
    std::vector<edo::net::tcp_listener> listeners;
    while (listeners.size() < count) {
        auto listener = edo::net::tcp_listener::bind(at, how);
        if (!listener) return listener.error();
        if (listeners.empty()) at = listener->local_addr().value();  // port 0 picks one, for all
        listeners.push_back(std::move(*listener));
    }
    return listeners;
}

// A client that goes in the middle of something is its own affair, and no failure of the server's.
edo::task<edo::result<void>> log_its_end(session_function session,
                                         edo::net::tcp_stream stream,
                                         edo::sync::cancellation_token stop) {
    const edo::result<void> end = co_await session(std::move(stream), std::move(stop));
    if (!end) log_line("connection ended: " + end.error().message());
    co_return end;
}

edo::task<edo::result<void>> accept_clients(edo::net::tcp_listener& listener,
                                            edo::task_group& clients,
                                            session_function session,
                                            edo::sync::cancellation_token stop) {
    for (;;) {
        auto accepted = co_await edo::or_return(listener.accept());
        // Fails only when the client has gone already; its session will see that.
        static_cast<void>(accepted.stream.set_nodelay(true));
        if (!logs_requests()) {
            clients.spawn(session, std::move(accepted.stream), stop);
            continue;
        }
        log_line("connection from " + accepted.peer.to_string());
        clients.spawn(log_its_end, session, std::move(accepted.stream), stop);
    }
}

}  // namespace

edo::task<edo::result<void>> serve_clients(edo::net::tcp_listener listener,
                                           edo::sync::cancellation_token stop,
                                           session_function session,
                                           edo::duration drain) {
    edo::task_group clients(edo::independent);
    auto ended =
        co_await edo::select(accept_clients(listener, clients, session, stop), stop.cancelled());
    if (ended.index() == 0) co_return std::get<0>(ended);
    listener = {};  // new clients are refused at once, not left waiting for nobody
    const auto drained = co_await edo::timeout(drain, clients.join());
    if (!drained) log_line("some clients did not end in time and are cut");
    co_return {};
}

bool logs_requests() noexcept {
    return log_is_on.load(std::memory_order_relaxed);
}

void log_line(std::string_view text) {
    if (logs_requests()) spdlog::info("{}", text);
}

int run_server(int argc, char** argv, const program& about, serve_function serve) {
    const parsed flags = parse_command_line(argc, argv, about);
    if (!flags.options) return flags.exit_code;
    const server_options& options = *flags.options;
    log_is_on = options.log_requests;

    // Before any thread starts, so that all inherit it and only sigwait() sees the signals.
    const sigset_t signals = ending_signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    auto builder = edo::runtime::builder();
    builder.name(about.name);
    if (options.reactor) builder.reactor(*options.reactor);
    if (options.threads != 0) builder.worker_threads(options.threads);
    builder.per_core(options.per_core);
    auto built = builder.build();
    if (!built) return fail(about, "cannot start the runtime", built.error(), "");
    edo::runtime& rt = *built;

    const auto info = rt.info();
    auto listeners = listen(options.address, options.per_core ? info.workers : 1);
    const std::string wanted = "cannot listen on " + options.address.to_string();
    if (!listeners)
        return fail(about, wanted.c_str(), listeners.error(), cure_for(listeners.error()));
    const auto where = listeners->front().local_addr();
    std::printf("listening on %s (%s, %u workers)\n", where.value().to_string().c_str(),
                edo::name_of(info.reactor), info.workers);
    std::fflush(stdout);

    edo::sync::cancellation_token stop;
    std::vector<edo::join_handle<edo::result<void>>> servers;
    for (edo::net::tcp_listener& each : *listeners) {
        edo::spawn_options where_to;
        if (options.per_core) where_to.worker(static_cast<unsigned>(servers.size()));
        servers.push_back(
            rt.spawn(edo::with(where_to, serve_and_tell), serve, std::move(each), stop));
    }
    int signal = 0;
    sigwait(&signals, &signal);
    stop.cancel();
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // the next one is not waited for

    edo::result<void> end;
    for (auto& server : servers) {
        const edo::result<void> its_end = rt.block_on(std::move(server).join());
        if (!its_end) end = its_end;
    }
    const auto report = rt.shutdown(1s);
    if (!report.is_clean())
        std::fprintf(stderr, "%s: %s\n", about.name, report.to_string().c_str());
    if (!end) return fail(about, "the server ended", end.error(), "");
    return report.is_clean() ? 0 : 1;
}

}  // namespace example
