#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <edo/base/result.h>
#include <edo/net/tcp/transfer.h>

namespace edo::net {

/// What can be written to; part of tcp_stream and tcp_write_half. What is said of tcp_input holds
/// here too. A peer that is gone is an error value (EPIPE, ECONNRESET), never a signal.
template <class Self>
class tcp_output {
public:
    /// Writes what the kernel takes at once, at least one byte.
    ///
    /// Requires:    the data lives until the operation is done or dropped.
    /// Completes:   when the kernel has taken something, or at an error; at once for no data.
    /// Returns:     how many bytes, from the front of `data`; 0 for no data.
    /// Cancellation: loses nothing: a write that has not completed has sent nothing.
    /// Thread-safe: yes; each write is in one piece, in some order.
    write_operation write(std::span<const std::byte> data) const noexcept {
        return {record(), data};
    }

    write_operation write(std::string_view text) const noexcept { return write(bytes_of(text)); }

    /// As write(), from several buffers, one after the other. Empty ones are skipped; more than
    /// 1024 are not looked at.
    /// Requires: the list and the data live until the operation is done or dropped.
    write_vectored_operation write_vectored(
        std::span<const std::span<const std::byte>> data) const noexcept {
        return {record(), data};
    }

    /// Writes everything.
    ///
    /// Completes:   when the kernel has taken all of it, or at an error.
    /// Errors:      of the system; transferred() of the operation says how much the kernel had
    ///              taken.
    /// Cancellation: what the kernel has taken is on its way, the rest is not sent; transferred()
    ///              says how much that is. Awaiting the same operation again goes on where it was.
    /// Thread-safe: no: two at once on one stream would mix their pieces.
    write_all_operation write_all(std::span<const std::byte> data) const noexcept {
        return {record(), data};
    }

    write_all_operation write_all(std::string_view text) const noexcept {
        return write_all(bytes_of(text));
    }

    /// As write_all(), from any number of buffers, without copying them together.
    /// Requires: the list and the data live until the operation is done or dropped.
    write_all_vectored_operation write_all_vectored(
        std::span<const std::span<const std::byte>> data) const noexcept {
        return {record(), data};
    }

    /// Waits until writing will probably not have to wait; may be wrong, like readable().
    /// Cancellation: loses nothing.
    ready_operation writable() const noexcept { return {record(), detail::interest::write}; }

    /// Writes what the kernel takes, without waiting.
    /// Errors: errc::would_block if that is nothing; else as write().
    result<std::size_t> try_write(std::span<const std::byte> data) const noexcept {
        return detail::count_of(detail::try_write(record(), data));
    }

    result<std::size_t> try_write(std::string_view text) const noexcept {
        return try_write(bytes_of(text));
    }

    /// Ends our side: the peer reads the end of the stream once it has read everything before.
    /// Later writes fail with EPIPE; reading goes on.
    /// Errors: errc::not_connected for no connection; ENOTCONN if the peer is gone already
    result<void> shutdown_write() const noexcept { return detail::end_output(record()); }

private:
    static std::span<const std::byte> bytes_of(std::string_view text) noexcept {
        return std::as_bytes(std::span(text.data(), text.size()));
    }

    detail::registration* record() const noexcept {
        return static_cast<const Self&>(*this).record();
    }
};

}  // namespace edo::net
