// Puts load on an echo or HTTP server and prints what it saw as one JSON object:
//   bench_load_generator --mode echo --port 7000 --connections 64 --server-pid 4711 --seconds 2
// Every answer is checked; one wrong or missing answer fails the run (exit code 1).

#include "flags.h"
#include "load_worker.h"
#include "server_process.h"
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using bench::instant;
using bench::load_worker;

constexpr std::string_view usage =
    R"(usage: bench_load_generator --port PORT [--mode echo|http|churn] [--address 127.0.0.1]
    --connections N    open connections, or concurrent ones in churn mode  (default 64)
    --size BYTES       size of an echo message                             (default 64)
    --depth N          requests that are sent at once, without waiting     (default 1)
    --rate N           requests per second, due at equal distances and measured from
                       their due time; 0 = each connection as fast as it is answered
    --seconds S        measured time                                       (default 2)
    --warm-up S        time before it                                      (default 0.3)
    --threads N        client threads                                      (default 1)
    --cpu N            pins the client to this CPU
    --wait block|spin  spin: ask the kernel again and again, never sleep
    --patience S       how long an answer may be missing in the end        (default 3)
    --server-pid PID   reports CPU time and memory of this process, too
)";

struct load {
    std::string mode;
    sockaddr_in server{};
    std::string host;
    std::size_t connections = 0;
    std::size_t size = 0;
    unsigned depth = 0;
    double rate = 0;
    std::chrono::nanoseconds seconds{};
    std::chrono::nanoseconds warm_up{};
    std::chrono::nanoseconds patience{};
    std::size_t threads = 0;
    bool spin = false;
    std::optional<bench::server_process> process;
};

// One look at everything that grows, taken at one moment.
struct snapshot {
    instant time;
    std::uint64_t completed = 0;
    std::chrono::nanoseconds server_cpu{};
    std::chrono::nanoseconds client_cpu{};
};

std::chrono::nanoseconds from_seconds(double seconds) {
    return std::chrono::nanoseconds{static_cast<std::int64_t>(seconds * 1e9)};
}

void pin_to_cpu(std::uint64_t cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0)
        bench::throw_last_error("cannot run on CPU " + std::to_string(cpu));
}

load read_command_line(int argc, char** argv) {
    bench::flags flags{argc, argv, usage};
    load l;
    l.mode = flags.choice("mode", {"echo", "http", "churn"});
    const std::string address = flags.text("address", "127.0.0.1");
    if (!flags.is_given("port")) bench::flags::reject("--port is missing; try --help");
    const auto port = static_cast<std::uint16_t>(flags.number("port", 0, 1, 65535));
    l.server = bench::to_sockaddr(address, port);
    l.host = address + ":" + std::to_string(port);
    l.connections = flags.number("connections", 64, 1, 100'000);
    l.size = flags.number("size", 64, 1, 1 << 20);
    l.depth = static_cast<unsigned>(flags.number("depth", 1, 1, 1024));
    l.rate = flags.decimal("rate", 0, 0, 1e7);
    l.seconds = from_seconds(flags.decimal("seconds", 2, 0.01, 3600));
    l.warm_up = from_seconds(flags.decimal("warm-up", 0.3, 0, 3600));
    l.patience = from_seconds(flags.decimal("patience", 3, 0.01, 3600));
    l.threads = flags.number("threads", 1, 1, 64);
    l.spin = flags.choice("wait", {"block", "spin"}) == "spin";
    if (flags.is_given("server-pid"))
        l.process.emplace(static_cast<pid_t>(flags.number("server-pid", 0, 1, 1 << 30)));
    if (flags.is_given("cpu")) pin_to_cpu(flags.number("cpu", 0, 0, CPU_SETSIZE - 1));
    flags.finish();
    if (l.rate > 0 && (l.depth > 1 || l.mode == "churn"))
        bench::flags::reject("--rate goes with one request at a time on a lasting connection");
    if (l.threads > l.connections) bench::flags::reject("more --threads than --connections");
    return l;
}

std::vector<std::unique_ptr<load_worker>> connect_workers(const load& l) {
    std::vector<std::unique_ptr<load_worker>> workers;
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < l.threads; ++i) {
        std::vector<bench::connection> links;
        const std::size_t share = (l.connections + i) / l.threads;
        while (links.size() < share) {
            bench::descriptor socket;
            if (l.mode != "churn") socket = bench::connect_to(l.server);
            std::unique_ptr<bench::exchange> talk;
            if (l.mode == "http")
                talk = std::make_unique<bench::http_exchange>(l.host, l.depth);
            else
                talk = std::make_unique<bench::echo_exchange>(number++, l.size, l.depth);
            links.emplace_back(std::move(socket), std::move(talk), l.depth);
        }
        workers.push_back(std::make_unique<load_worker>(std::move(links)));
    }
    return workers;
}

load_worker::options worker_options(const load& l, instant begin) {
    load_worker::options opts;
    opts.server = l.server;
    opts.how = l.mode == "churn" ? load_worker::pace::churn
               : l.rate > 0      ? load_worker::pace::fixed_rate
                                 : load_worker::pace::closed_loop;
    if (l.rate > 0) opts.interval = from_seconds(static_cast<double>(l.threads) / l.rate);
    opts.spin = l.spin;
    opts.patience = l.patience;
    opts.begin = begin;
    opts.window_begin = begin + l.warm_up;
    opts.window_end = opts.window_begin + l.seconds;
    return opts;
}

snapshot look(const load& l, const std::vector<std::unique_ptr<load_worker>>& workers) {
    snapshot s;
    s.time = std::chrono::steady_clock::now();
    for (const auto& each : workers)
        s.completed += each->completed();
    if (l.process) s.server_cpu = l.process->cpu_time();
    s.client_cpu = bench::own_cpu_time();
    return s;
}

double ratio(std::chrono::nanoseconds a, std::chrono::nanoseconds b) {
    return static_cast<double>(a.count()) / static_cast<double>(b.count());
}

void print_report(const load& l,
                  const snapshot& from,
                  const snapshot& to,
                  const bench::histogram& latencies,
                  std::uint64_t unsent) {
    const std::uint64_t requests = to.completed - from.completed;
    const std::chrono::nanoseconds time = to.time - from.time;
    const auto us = [&](double share) {
        return static_cast<double>(latencies.percentile(share).count()) / 1e3;
    };
    std::printf(
        R"({"mode":"%s","connections":%zu,"size":%zu,"depth":%u,"rate":%.0f,"seconds":%.6f,)"
        R"("requests":%llu,"requests_per_second":%.1f,"errors":0,"unsent":%llu,)",
        l.mode.c_str(), l.connections, l.size, l.depth, l.rate, ratio(time, 1s),
        static_cast<unsigned long long>(requests), static_cast<double>(requests) / ratio(time, 1s),
        static_cast<unsigned long long>(unsent));
    std::printf(R"("latency_us":{"mean":%.3f,"p50":%.3f,"p90":%.3f,"p99":%.3f,"p99.9":%.3f,)"
                R"("max":%.3f},"client_cpu_share":%.3f)",
                static_cast<double>(latencies.mean().count()) / 1e3, us(0.5), us(0.9), us(0.99),
                us(0.999), static_cast<double>(latencies.max().count()) / 1e3,
                ratio(to.client_cpu - from.client_cpu, time));
    if (l.process) {
        const std::chrono::nanoseconds cpu = to.server_cpu - from.server_cpu;
        std::printf(R"(,"server_cpu_ns_per_request":%.1f,"server_cpu_share":%.3f,)"
                    R"("server_resident_bytes":%llu)",
                    static_cast<double>(cpu.count()) / static_cast<double>(requests),
                    ratio(cpu, time), static_cast<unsigned long long>(l.process->resident_bytes()));
    }
    std::printf("}\n");
}

void measure(const load& l) {
    const auto workers = connect_workers(l);
    // Far enough ahead that all threads run by then.
    const auto opts = worker_options(l, std::chrono::steady_clock::now() + 2ms);
    std::vector<std::jthread> threads;
    for (const auto& each : workers)
        threads.emplace_back([&] { each->run(opts); });

    // The counters are read when this thread really wakes, not when it should have, so a late
    // wake-up makes the window longer but no figure wrong.
    std::this_thread::sleep_until(opts.window_begin);
    const snapshot from = look(l, workers);
    std::this_thread::sleep_until(opts.window_end);
    const snapshot to = look(l, workers);
    for (const auto& each : workers)
        each->stop();
    threads.clear();

    bench::histogram latencies;
    std::uint64_t unsent = 0;
    for (const auto& each : workers) {
        if (each->failure()) std::rethrow_exception(each->failure());
        latencies.add(each->latencies());
        unsent += each->unsent();
    }
    if (to.completed == from.completed) throw std::runtime_error{"no request was answered"};
    print_report(l, from, to, latencies, unsent);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const load l = read_command_line(argc, argv);
        bench::raise_descriptor_limit();
        // Timed waits may be 50 us late by default.
        if (::prctl(PR_SET_TIMERSLACK, 1) != 0) bench::throw_last_error("prctl");
        measure(l);
    } catch (const std::exception& error) {
        std::printf(R"({"errors":1})"
                    "\n");
        std::fprintf(stderr, "the run failed: %s\n", error.what());
        return 1;
    }
    return 0;
}
