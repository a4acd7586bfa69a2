#pragma once

#include <utility>

#include <edo/io/reactor/registration.h>

namespace edo::detail {

/// One owner of a registered descriptor; moves like a pointer.
class io_handle {
public:
    io_handle() noexcept = default;

    /// Takes over one owner of `r`.
    explicit io_handle(registration* r) noexcept : record_(r) {}

    io_handle(io_handle&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}

    io_handle& operator=(io_handle other) noexcept {
        std::swap(record_, other.record_);
        return *this;
    }

    ~io_handle() {
        if (record_ != nullptr) record_->drop_owner();
    }

    explicit operator bool() const noexcept { return record_ != nullptr; }

    registration* record() const noexcept { return record_; }

    /// The descriptor's number, or -1.
    int fd() const noexcept { return record_ != nullptr ? record_->fd() : -1; }

    /// One more owner of the same descriptor.
    io_handle share() const noexcept {
        if (record_ != nullptr) record_->add_owner();
        return io_handle(record_);
    }

    /// Gives the open descriptor up. Requires: the only owner, and nobody waits.
    int surrender() noexcept {
        return record_ != nullptr ? std::exchange(record_, nullptr)->surrender() : -1;
    }

private:
    registration* record_ = nullptr;
};

}  // namespace edo::detail
