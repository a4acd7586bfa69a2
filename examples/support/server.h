#pragma once

#include "command_line.h"
#include <string_view>

#include <edo/edo.h>

namespace example {

/// What a server example is made of: it accepts until `stop` is cancelled, then ends in its own
/// way.
using serve_function = edo::task<edo::result<void>> (*)(edo::net::tcp_listener listener,
                                                        edo::sync::cancellation_token stop);

/// The main() of a server example: reads the flags, starts a runtime, listens, says where in one
/// line (`listening on ADDRESS:PORT (REACTOR, N workers)`), serves until SIGINT or SIGTERM, and
/// ends. A second signal ends the process at once.
/// Returns: the exit code: 0 after a clean end, 1 after an error, 2 for wrong flags.
int run_server(int argc, char** argv, const program& about, serve_function serve);

/// Serves one client. Ends by itself when the client goes, or soon after `stop` is cancelled.
using session_function = edo::task<edo::result<void>> (*)(edo::net::tcp_stream stream,
                                                          edo::sync::cancellation_token stop);

/// The usual accept loop: a task per client, owned by a group. When `stop` is cancelled it accepts
/// no more, gives the sessions `drain` to end, and cuts those that are left.
edo::task<edo::result<void>> serve_clients(edo::net::tcp_listener listener,
                                           edo::sync::cancellation_token stop,
                                           session_function session,
                                           edo::duration drain);

/// Whether --log was given.
bool logs_requests() noexcept;
/// Writes one line if --log was given.
void log_line(std::string_view text);

}  // namespace example
