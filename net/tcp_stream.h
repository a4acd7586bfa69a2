#pragma once

#include <optional>
#include <span>
#include <utility>

#include <edo/base/clock.h>
#include <edo/base/result.h>
#include <edo/base/unique_fd.h>
#include <edo/io/wait/io_handle.h>
#include <edo/net/socket_addr.h>
#include <edo/net/tcp/connect.h>
#include <edo/net/tcp_input.h>
#include <edo/net/tcp_output.h>

namespace edo::net {

class tcp_split;

/// Which directions of a connection shutdown() ends.
enum class shutdown_how { read, write, both };

/// A TCP connection.
///
///     auto stream = co_await edo::or_return(edo::net::tcp_stream::connect(addr));
///     co_await edo::or_return(stream.write_all("ping"));
///     std::size_t n = co_await edo::or_return(stream.read(buffer));
///
/// The reading calls are described at tcp_input, the writing ones at tcp_output.
/// Destroying the stream closes the connection: what was written is still sent, unless set_linger
/// says otherwise. An operation of another task that waits at that moment ends with errc::closed.
///
/// The stream registers with the reactor of the worker where it first has to wait, and stays there
/// for life; other workers may use it all the same. It may outlive its runtime: calls that need not
/// wait still work, others end with errc::runtime_shutdown.
///
/// Thread-safe: reading, writing and the options yes, each as its function says; moving and
///              destroying no.
/// Cost:        8 bytes, and a record of 96 from the frame pool.
class tcp_stream : public tcp_input<tcp_stream>, public tcp_output<tcp_stream> {
public:
    /// No connection: every call answers errc::not_connected.
    tcp_stream() noexcept = default;

    /// Connects to `addr`.
    ///
    /// Completes:   when the connection stands or has failed. There is no limit of time but the
    ///              kernel's, which is minutes; put edo::timeout around it.
    /// Errors:      of the system: ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, ...; a
    ///              connection to itself, which TCP allows on an ephemeral port, counts as
    ///              ECONNREFUSED
    /// Cancellation: ends the attempt; the peer may see a connection that is reset.
    /// Cost:        two system calls and one wait.
    static connect_operation connect(const socket_addr& addr) noexcept {
        return connect_operation(addr);
    }

    /// Tries each address in turn until one answers; the error is that of the last.
    /// Requires: the list lives until the operation is done or dropped.
    /// Errors:   errc::invalid_address for an empty list; else as above.
    static connect_operation connect(std::span<const socket_addr> addrs) noexcept {
        return connect_operation(addrs);
    }

    /// Takes over a connected TCP socket and makes it non-blocking.
    /// Errors: EBADF for -1 or a closed number, ENOTSOCK for a file or directory, EPROTOTYPE or
    ///         EAFNOSUPPORT for another kind of socket, ENOTCONN if it is not connected (as a
    ///         listener). Then `fd` is closed with the argument.
    static result<tcp_stream> adopt(unique_fd fd);
    /// As adopt(), but after an error the number is still the caller's, open.
    static result<tcp_stream> from_fd(int fd);

    /// Gives up the connection without closing it; it stays non-blocking. Empty when there is none.
    /// Requires: no operation is waiting on it.
    unique_fd release() && noexcept { return unique_fd(handle_.surrender()); }

    /// Ends directions of the connection at once. After `write` the peer reads the end of the
    /// stream, once it has read everything before; after `read` our reads answer 0.
    /// Errors: errc::not_connected for no stream; ENOTCONN if the peer has ended both sides already
    result<void> shutdown(shutdown_how how) const noexcept;

    /// Where the connection ends here, and there.
    result<socket_addr> local_addr() const noexcept;
    result<socket_addr> peer_addr() const noexcept;

    /// Sends small pieces at once instead of collecting them (Nagle's algorithm off). Off by
    /// default, as everywhere; request and response protocols want it on.
    result<void> set_nodelay(bool on) const noexcept;
    /// Whether that is on.
    result<bool> nodelay() const noexcept;

    /// Looks whether a silent peer is still there: first after `idle`, then every `interval`, and
    /// gives up after `probes`. Times are rounded up to seconds. Empty: off.
    struct keepalive_options {
        duration idle = std::chrono::hours(2);
        duration interval = std::chrono::seconds(75);
        int probes = 9;
    };

    /// Off by default. See keepalive_options.
    result<void> set_keepalive(std::optional<keepalive_options> options) const noexcept;
    /// Whether that is on.
    result<bool> keepalive() const noexcept;
    /// What closing does with data that was not sent yet. Empty: goes on sending in the background.
    /// Zero: throws it away and resets the connection. Any other value would block the worker that
    /// closes the stream, and is refused with EINVAL.
    result<void> set_linger(std::optional<duration> linger) const noexcept;
    /// How much the kernel keeps for us to read, and to be sent; it doubles the number and has
    /// limits of its own. By default it finds the sizes itself, which is mostly better.
    result<void> set_receive_buffer_bytes(int bytes) const noexcept;
    result<void> set_send_buffer_bytes(int bytes) const noexcept;
    /// Fails with the error that the connection has met since it was last asked, if any, and
    /// forgets it.
    result<void> take_error() const noexcept;

    /// Splits the connection into halves that may be moved to different tasks.
    tcp_split into_split() && noexcept;

    /// True unless moved from or released.
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

    /// The descriptor's number, for options that Edo does not know; -1 if there is none.
    int native_handle() const noexcept { return handle_.fd(); }

    // For the library.
    explicit tcp_stream(detail::io_handle handle) noexcept : handle_(std::move(handle)) {}

private:
    friend class tcp_read_half;
    friend class tcp_write_half;
    friend class tcp_input<tcp_stream>;
    friend class tcp_output<tcp_stream>;
    friend result<tcp_stream> reunite(class tcp_read_half&& reader,
                                      class tcp_write_half&& writer) noexcept;

    detail::registration* record() const noexcept { return handle_.record(); }

    detail::io_handle handle_;
};

}  // namespace edo::net

#include <edo/net/tcp_split.h>
