#pragma once

#include <cstddef>
#include <span>

#include <edo/base/result.h>
#include <edo/net/tcp/transfer.h>

namespace edo::net {

/// What can be read from; part of tcp_stream and tcp_read_half.
///
/// Any number of tasks may wait for the same stream; what has come goes to whoever is polled first,
/// and nobody gets a byte twice. A socket that was moved from answers errc::not_connected. If the
/// last owner of the connection lets go of it while an operation waits, that operation ends with
/// errc::closed. An operation that would have to wait after the end of its runtime ends with
/// errc::runtime_shutdown.
///
/// Urgent data (MSG_OOB) is passed over. On io_uring what follows it in the same moment may stay
/// unread until more comes, because a ring does not tell urgent data from other data.
///
/// Each operation requires that the socket lives until its first poll; from then on the operation
/// is not moved.
template <class Self>
class tcp_input {
public:
    /// Reads what is there, up to the size of `buffer`.
    ///
    ///     std::size_t n = co_await edo::or_return(stream.read(buffer));
    ///     if (n == 0) ...   // the peer has ended its side
    ///
    /// Requires:    the buffer lives until the operation is done or dropped.
    /// Completes:   when at least one byte, the end or an error is there; at once for an empty
    ///              buffer.
    /// Returns:     n bytes at the front of the buffer; 0 at the end of the stream, every time, and
    ///              for an empty buffer.
    /// Errors:      of the system, ECONNRESET above all; and see tcp_input.
    /// Cancellation: loses nothing: what was not delivered stays in the stream.
    /// Thread-safe: yes.
    /// Cost:        one system call if data is there; 80 bytes in the frame.
    read_operation read(std::span<std::byte> buffer) const noexcept {
        return {record(), buffer, read_operation::mode::take};
    }

    /// As read(), but the bytes stay in the stream and the next read gets them again.
    read_operation peek(std::span<std::byte> buffer) const noexcept {
        return {record(), buffer, read_operation::mode::look};
    }

    /// As read(), into several buffers, each filled before the next. Empty ones are skipped; more
    /// than 1024 are not used.
    /// Requires: the list and the buffers live until the operation is done or dropped.
    read_vectored_operation read_vectored(
        std::span<const std::span<std::byte>> buffers) const noexcept {
        return {record(), buffers};
    }

    /// Fills `buffer`.
    ///
    /// Completes:   when the buffer is full, or at the end or an error.
    /// Errors:      errc::unexpected_eof   the stream ended before; what had come is in the buffer,
    ///                                     and transferred() of the operation says how much
    ///              and as read()
    /// Cancellation: loses the bytes that had come: they stand in the buffer. Keep the operation in
    ///              a variable to ask it for transferred(), or to go on awaiting it.
    /// Thread-safe: no: two at once on one stream would share the bytes between them.
    read_exact_operation read_exact(std::span<std::byte> buffer) const noexcept {
        return {record(), buffer};
    }

    /// Waits until reading will probably not have to wait: data, the end or an error is there. May
    /// be wrong, so that try_read() still says errc::would_block; the next readable() then waits.
    /// Cancellation: loses nothing.
    ready_operation readable() const noexcept { return {record(), detail::interest::read}; }

    /// Reads what is there, without waiting.
    /// Errors: errc::would_block if nothing is there; else as read().
    result<std::size_t> try_read(std::span<std::byte> buffer) const noexcept {
        return detail::count_of(detail::try_read(record(), buffer));
    }

private:
    detail::registration* record() const noexcept {
        return static_cast<const Self&>(*this).record();
    }
};

}  // namespace edo::net
