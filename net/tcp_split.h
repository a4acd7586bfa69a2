#pragma once

#include <utility>

#include <edo/base/result.h>
#include <edo/io/wait/io_handle.h>
#include <edo/net/tcp_input.h>
#include <edo/net/tcp_output.h>
#include <edo/net/tcp_stream.h>

namespace edo::net {

/// The reading half of a connection; see tcp_stream::into_split(). Dropping it says nothing to the
/// peer. The connection is closed when both halves are gone.
/// Thread-safe: as tcp_stream; the two halves may be used on different threads.
class tcp_read_half : public tcp_input<tcp_read_half> {
public:
    tcp_read_half() noexcept = default;

    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

    /// Where the connection ends here, and there.
    result<socket_addr> local_addr() const noexcept;
    result<socket_addr> peer_addr() const noexcept;
    /// True when `writer` is the other half of the same connection.
    bool is_pair_of(const class tcp_write_half& writer) const noexcept;

private:
    friend class tcp_stream;
    friend class tcp_write_half;
    friend class tcp_input<tcp_read_half>;
    friend result<tcp_stream> reunite(tcp_read_half&& reader,
                                      class tcp_write_half&& writer) noexcept;

    explicit tcp_read_half(detail::io_handle handle) noexcept : handle_(std::move(handle)) {}

    detail::registration* record() const noexcept { return handle_.record(); }

    detail::io_handle handle_;
};

/// The writing half of a connection. Dropping it ends our side: the peer reads the end of the
/// stream.
/// Thread-safe: as tcp_read_half.
class tcp_write_half : public tcp_output<tcp_write_half> {
public:
    tcp_write_half() noexcept = default;
    tcp_write_half(tcp_write_half&& other) noexcept = default;
    tcp_write_half& operator=(tcp_write_half&& other) noexcept;

    ~tcp_write_half() { finish(); }

    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

    /// Drops the half without ending our side; the connection lives as long as the reading half.
    void forget() && noexcept { handle_ = {}; }

    /// Where the connection ends here, and there.
    result<socket_addr> local_addr() const noexcept;
    result<socket_addr> peer_addr() const noexcept;

private:
    friend class tcp_stream;
    friend class tcp_read_half;
    friend class tcp_output<tcp_write_half>;
    friend result<tcp_stream> reunite(tcp_read_half&& reader, tcp_write_half&& writer) noexcept;

    explicit tcp_write_half(detail::io_handle handle) noexcept : handle_(std::move(handle)) {}

    detail::registration* record() const noexcept { return handle_.record(); }

    void finish() noexcept;

    detail::io_handle handle_;
};

/// Both halves of a connection.
///
///     auto halves = std::move(stream).into_split();
///     auto pump = edo::spawn(send_pings, std::move(halves.writer));
class tcp_split {
public:
    tcp_split(tcp_read_half r, tcp_write_half w) noexcept
        : reader(std::move(r)), writer(std::move(w)) {}

    tcp_read_half reader;
    tcp_write_half writer;
};

/// Makes one stream of two halves again.
/// Errors: EINVAL if they are not of one connection; then both are left as they were.
result<tcp_stream> reunite(tcp_read_half&& reader, tcp_write_half&& writer) noexcept;

}  // namespace edo::net
