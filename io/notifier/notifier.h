#pragma once

#include <edo/base/unique_fd.h>

namespace edo::detail {

/// An eventfd that ends a worker's wait. It is registered as an edge and never read: each write is
/// a new edge, so a notification costs one system call and its receipt none.
class notifier {
public:
    /// Returns: 0, or -errno when no descriptor is left.
    int open() noexcept;

    int fd() const noexcept { return fd_.get(); }

    /// Thread-safe: yes.
    void notify() noexcept;

private:
    unique_fd fd_;
};

}  // namespace edo::detail
