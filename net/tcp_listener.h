#pragma once

#include <utility>

#include <edo/base/result.h>
#include <edo/base/unique_fd.h>
#include <edo/io/wait/io_handle.h>
#include <edo/net/socket_addr.h>
#include <edo/net/tcp/accept.h>
#include <edo/net/tcp_stream.h>

namespace edo::net {

/// A connection that was accepted, and where it comes from.
class accepted {
public:
    accepted(tcp_stream s, const socket_addr& p) noexcept : stream(std::move(s)), peer(p) {}

    tcp_stream stream;
    socket_addr peer;
};

/// Waits for TCP connections at an address.
///
///     auto listener = co_await edo::or_return(edo::net::tcp_listener::bind(addr));
///     auto accepted = co_await edo::or_return(listener.accept());   // {stream, peer}
///
/// Destroying it frees the port; connections that the kernel has made but nobody has accepted are
/// reset.
/// Thread-safe: accepting yes, from any number of tasks; moving and destroying no.
class tcp_listener {
public:
    /// What bind() may be told; chained: `tcp_listener::options().reuse_port(true)`.
    class options {
    public:
        options() noexcept {}

        /// Takes over an address whose old connections are still fading away (SO_REUSEADDR). On by
        /// default.
        options& reuse_addr(bool on) noexcept {
            reuse_addr_ = on;
            return *this;
        }

        /// Lets several listeners share the port; the kernel spreads connections over them
        /// (SO_REUSEPORT).
        options& reuse_port(bool on) noexcept {
            reuse_port_ = on;
            return *this;
        }

        /// How many connections the kernel makes in advance. 1024 by default; the kernel caps it.
        options& backlog(int connections) noexcept {
            backlog_ = connections;
            return *this;
        }

        /// An IPv6 listener that takes no IPv4. Off by default.
        options& only_v6(bool on) noexcept {
            only_v6_ = on;
            return *this;
        }

    private:
        friend class tcp_listener;
        bool reuse_addr_ = true;
        bool reuse_port_ = false;
        bool only_v6_ = false;
        int backlog_ = 1024;
    };

    /// No listener: every call answers errc::not_connected.
    tcp_listener() noexcept = default;

    /// Listens at `addr`; port 0 lets the kernel choose, see local_addr(). Needs no runtime and no
    /// waiting.
    /// Errors: of the system: EADDRINUSE, EACCES for a port below 1024, EADDRNOTAVAIL, EMFILE, ...
    static result<tcp_listener> bind(const socket_addr& addr, const options& opts = options());

    /// Takes over a listening TCP socket and makes it non-blocking.
    /// Errors: as tcp_stream::adopt(); EINVAL if it does not listen. Then `fd` is closed with the
    ///         argument.
    static result<tcp_listener> adopt(unique_fd fd);
    /// As adopt(), but after an error the number is still the caller's, open.
    static result<tcp_listener> from_fd(int fd);

    /// Gives up the socket without closing it. Requires: no operation is waiting on it.
    unique_fd release() && noexcept { return unique_fd(handle_.surrender()); }

    /// Takes the next connection.
    ///
    ///     auto accepted = co_await edo::or_return(listener.accept());
    ///     use(std::move(accepted.stream), accepted.peer);
    ///
    /// What concerns one connection only (it was aborted, a firewall objects, the network is down)
    /// is passed over. When the process or the machine is out of descriptors or memory, accept()
    /// waits and tries again, after 5 ms first and at most a second later; the listener is not lost
    /// and no CPU is burnt.
    ///
    /// Completes:   when there is a connection; at once if one is waiting.
    /// Errors:      errc::not_connected for no listener, errc::closed if it is destroyed meanwhile,
    ///              errc::runtime_shutdown; of the system only what is wrong with the listener
    ///              itself
    /// Cancellation: loses nothing: the connection stays in the kernel's queue for the next
    ///               accept().
    /// Thread-safe: yes.
    accept_operation accept() const noexcept { return accept_operation(handle_.record()); }

    /// Takes a connection if one is waiting.
    /// Errors: errc::would_block if there is none; EMFILE and the like are reported, not waited out
    result<accepted> try_accept() const;

    /// Where it listens.
    result<socket_addr> local_addr() const noexcept;

    /// True unless moved from or released.
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

    /// The descriptor's number; -1 if there is none.
    int native_handle() const noexcept { return handle_.fd(); }

private:
    explicit tcp_listener(detail::io_handle handle) noexcept : handle_(std::move(handle)) {}

    detail::io_handle handle_;
};

}  // namespace edo::net
