#pragma once

#include "clock.h"
#include <cstdint>

namespace edo_check {

/// A queue that blocks, as single steps: what hands tasks to the workers of a model when the queue
/// itself is not what is modelled. Who takes sees what was done before anything was put.
class channel {
public:
    channel() noexcept = default;
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;

    /// Returns: false when the channel is closed.
    bool put(void* item) noexcept;
    /// Waits. Returns: null when the channel is closed and empty.
    void* take() noexcept;
    void close() noexcept;

private:
    static constexpr unsigned capacity = 16;
    void* items_[capacity] = {};
    unsigned first_ = 0;
    unsigned count_ = 0;
    bool is_closed_ = false;
    std::uint64_t log_ = 0;  // for the fingerprint: all that was done with it, in order
    view released_;
};

}  // namespace edo_check
