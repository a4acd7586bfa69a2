#pragma once

#include "flags.h"
#include "socket.h"
#include <cstddef>
#include <string>
#include <string_view>

namespace bench {

/// What every peer server does around its loop: the same flags, the same start-up line and the same
/// end, so that one script can drive all of them.
///
///     bench::flags flags{argc, argv, "usage: ..."};
///     bench::peer_server peer{flags};       // --address --port --threads
///     flags.finish();
///     auto listener = peer.listen();
///     peer.announce(listener.get(), "epoll");
///
/// SIGTERM and SIGINT end the process at once with exit code 0.
class peer_server {
public:
    explicit peer_server(flags& command_line);

    descriptor listen() const { return listen_on(address_, port_); }

    /// Prints `listening on ADDRESS:PORT (REACTOR, N workers)`.
    void announce(int listener, std::string_view reactor) const;

    std::size_t threads() const noexcept { return threads_; }

private:
    std::string address_;
    std::uint16_t port_;
    std::size_t threads_;
};

/// Runs `serve`, and ends the program with a message and exit code 1 when it throws.
int run_peer(int argc, char** argv, void (*serve)(int argc, char** argv));

}  // namespace bench
