#pragma once

#include <cstdint>
#include <optional>

#include <edo/io/reactor_kind.h>
#include <edo/net/socket_addr.h>

namespace example {

/// What every server example can be told on its command line.
struct server_options {
    edo::net::socket_addr address;
    unsigned threads = 0;                      ///< 0: as many as the process may use
    std::optional<edo::reactor_kind> reactor;  ///< empty: EDO_REACTOR, else automatic
    bool per_core = false;
    bool log_requests = false;
};

/// The words that describe one example in its --help.
struct program {
    const char* name;
    const char* purpose;
    std::uint16_t default_port;
};

/// Reads the flags. On --help and on a mistake it prints (the mistake with the value, the cause and
/// the cure) and returns what the process should exit with: 0 or 2.
struct parsed {
    std::optional<server_options> options;
    int exit_code = 0;
};

parsed parse_command_line(int argc, char** argv, const program& about);

}  // namespace example
