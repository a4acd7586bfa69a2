#pragma once

#include <system_error>

namespace edo {

/// What can go wrong in the runtime itself. Errors of the operating system keep
/// `std::system_category()` and the kernel's number.
enum class errc {
    timed_out = 1,     ///< the deadline passed before the operation was ready
    cancelled,         ///< the task ended because somebody asked for it
    closed,            ///< the other side of a channel, pool or group is gone
    unexpected_eof,    ///< the stream ended before everything that was promised had come
    write_zero,        ///< the kernel took no byte of a non-empty buffer
    runtime_shutdown,  ///< the runtime that should do this is shutting down or gone
    would_block,       ///< a `try_` form would have had to wait
    queue_full,        ///< a bounded queue or pool refused
    lagged,            ///< a receiver was too slow and lost messages
    invalid_address,   ///< text that is no socket address
    not_connected,     ///< the descriptor is closed, moved away, or not a socket
    foreign_runtime,   ///< the object belongs to another runtime
};

/// The category of `errc`, named "edo". Thread-safe: yes.
const std::error_category& edo_category() noexcept;

inline std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), edo_category()};
}

namespace detail {

/// The error that a system call reported as -errno (or any negative answer `answer`).
inline std::error_code system_error_of(long answer) noexcept {
    return {static_cast<int>(-answer), std::system_category()};
}

}  // namespace detail
}  // namespace edo

template <>
struct std::is_error_code_enum<edo::errc> : std::true_type {};
