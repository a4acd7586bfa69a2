#include "command_line.h"
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

namespace example {
namespace {

constexpr unsigned most_threads = 1024;

void print_help(const program& about) {
    std::printf(
        "%s: %s\n\n"
        "  --address IP     where to listen (default 127.0.0.1; use 0.0.0.0 or :: for all)\n"
        "  --port N         port, 0 picks a free one (default %u)\n"
        "  --threads N      worker threads, 1 to %u (default: what the process may use)\n"
        "  --reactor KIND   auto, io_uring or epoll (default auto)\n"
        "  --per-core       a listener on each worker, and no task moves between them\n"
        "  --log            log each connection and request\n"
        "  --help           this text\n",
        about.name, about.purpose, static_cast<unsigned>(about.default_port), most_threads);
}

parsed refuse(const program& about, const std::string& problem) {
    std::fprintf(stderr, "%s: %s\n", about.name, problem.c_str());
    std::fprintf(stderr, "%s: try --help\n", about.name);
    return {std::nullopt, 2};
}

std::optional<unsigned> number(std::string_view text, unsigned least, unsigned most) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (value < least || value > most) return std::nullopt;
    return value;
}

}  // namespace

parsed parse_command_line(int argc, char** argv, const program& about) {
    server_options options;
    std::string address = "127.0.0.1";
    unsigned port = about.default_port;
    for (int i = 1; i < argc; ++i) {
        const std::string_view flag = argv[i];
        if (flag == "--help") {
            print_help(about);
            return {std::nullopt, 0};
        }
        if (flag == "--log") {
            options.log_requests = true;
            continue;
        }
        if (flag == "--per-core") {
            options.per_core = true;
            continue;
        }
        if (flag != "--address" && flag != "--port" && flag != "--threads" && flag != "--reactor")
            return refuse(about, "unknown flag '" + std::string(flag) + "'");
        if (i + 1 == argc) return refuse(about, std::string(flag) + " needs a value behind it");
        const std::string value = argv[++i];
        if (flag == "--address") {
            address = value;
        } else if (flag == "--port") {
            const auto n = number(value, 0, 65535);
            if (!n)
                return refuse(about, "--port '" + value + "': a number from 0 to 65535 is needed");
            port = *n;
        } else if (flag == "--threads") {
            const auto n = number(value, 1, most_threads);
            if (!n)
                return refuse(about, "--threads '" + value + "': a number from 1 to " +
                                         std::to_string(most_threads) + " is needed");
            options.threads = *n;
        } else if (value == "auto") {
            options.reactor = edo::reactor_kind::automatic;
        } else if (value == "io_uring") {
            options.reactor = edo::reactor_kind::io_uring;
        } else if (value == "epoll") {
            options.reactor = edo::reactor_kind::epoll;
        } else {
            return refuse(about, "--reactor '" + value + "': auto, io_uring or epoll is needed");
        }
    }
    const auto ip = edo::net::socket_addr::parse_ip(address, static_cast<std::uint16_t>(port));
    if (!ip)
        return refuse(about,
                      "--address '" + address + "': an IPv4 or IPv6 address is needed, not a name");
    options.address = *ip;
    return {options, 0};
}

}  // namespace example
