#pragma once

#include <utility>

namespace edo {

/// Owns a file descriptor and closes it.
/// Thread-safe: no.
class unique_fd {
public:
    unique_fd() noexcept = default;

    /// Takes ownership of `fd`; a negative number means none.
    explicit unique_fd(int fd) noexcept : fd_(fd) {}

    unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}

    unique_fd& operator=(unique_fd&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }

    ~unique_fd() { reset(); }

    /// The descriptor, still owned; -1 when there is none.
    int get() const noexcept { return fd_; }

    explicit operator bool() const noexcept { return fd_ >= 0; }

    /// Gives the descriptor up without closing it.
    int release() noexcept { return std::exchange(fd_, -1); }

    /// Closes what is owned and owns `fd` from now on.
    void reset(int fd = -1) noexcept;

private:
    int fd_ = -1;
};

}  // namespace edo
