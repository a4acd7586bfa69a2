#pragma once

#include <cstddef>

#include <edo/base/seam/tuning.h>

namespace edo::detail {

/// The sizes of block in which frames come.
struct frame_classes {
    static constexpr std::size_t granularity = 32;
    static constexpr std::size_t largest = 1024;
    static constexpr std::size_t count = largest / granularity;

    static constexpr std::size_t of(std::size_t size) noexcept { return (size - 1) / granularity; }

    static constexpr std::size_t bytes(std::size_t index) noexcept {
        return (index + 1) * granularity;
    }
};

/// Most blocks that a thread takes from a depot at once.
inline constexpr unsigned frame_batch = tuning::frames_per_cache / 2;

/// Takes up to `frame_batch` free blocks of a size class, at least one, from the depot that all
/// threads share.
/// Returns:     how many.
/// Errors:      throws std::bad_alloc.
/// Thread-safe: yes.
unsigned take_from_depot(std::size_t index, void** to);

/// Returns blocks to the depot of their size class, and to the kernel slabs of which nobody has a
/// block any more, but for a few.
/// Thread-safe: yes.
void give_to_depot(std::size_t index, void* const* blocks, unsigned count) noexcept;

}  // namespace edo::detail
