#include "peer_server.h"
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <unistd.h>

namespace bench {

peer_server::peer_server(flags& command_line)
    : address_(command_line.text("address", "127.0.0.1")),
      port_(static_cast<std::uint16_t>(command_line.number("port", 0, 0, 65535))),
      threads_(command_line.number("threads", 1, 1, 64)) {
    const auto end_at_once = [](int) { ::_exit(0); };
    std::signal(SIGTERM, end_at_once);
    std::signal(SIGINT, end_at_once);
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
}

void peer_server::announce(int listener, std::string_view reactor) const {
    std::printf("listening on %s:%u (%.*s, %zu worker%s)\n", address_.c_str(),
                static_cast<unsigned>(local_port(listener)), static_cast<int>(reactor.size()),
                reactor.data(), threads_, threads_ == 1 ? "" : "s");
    std::fflush(stdout);
}

int run_peer(int argc, char** argv, void (*serve)(int argc, char** argv)) {
    try {
        serve(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}

}  // namespace bench
