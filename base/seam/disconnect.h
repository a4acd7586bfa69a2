#pragma once

namespace edo::detail::sys {

/// Ends a connection at once, by a reset if it lingers for no time. The number stays open. Apart
/// from the table of system calls, because thread sanitizers take every connect() for the making of
/// a descriptor, and then for a race with whoever uses it.
/// Returns: 0 or -errno.
int disconnect(int fd) noexcept;

}  // namespace edo::detail::sys
