#pragma once

#include <cstddef>

namespace edo::detail {

/// Memory for coroutine frames and task cells: every frame of the library comes from here.
///
/// Each thread keeps free blocks in 32-byte size classes up to 1 KiB; larger blocks go to operator
/// new.
/// A block may be freed on any thread. A thread that collects more free blocks than it needs hands
/// half
/// of them to a shared depot, from which a thread that has none takes; so a stream of tasks that is
/// made
/// on one thread and ends on another neither grows without bound nor locks for every task.
/// Blocks are aligned to 64 bytes if their size is a multiple of 64, else to 32.
///
/// Under a sanitizer every block is its own allocation, so that a use after the end is seen.
/// Errors:      throws std::bad_alloc; nothing is lost.
/// Thread-safe: yes.
void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace edo::detail
