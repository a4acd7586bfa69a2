#pragma once

#include <cstddef>

namespace edo::detail {

/// Memory for coroutine frames and task cells: every frame of the library comes from here.
///
/// Blocks come in 32-byte size classes up to 1 KiB, carved out of slabs of 32 KiB; larger ones are
/// allocated one by one. Each thread keeps free blocks of each class; a thread that has none takes
/// a batch from a shared depot, and one that collects more than it needs returns a batch. So a
/// stream of tasks that is made on one thread and ends on another neither grows without bound nor
/// locks for every task, and a slab whose blocks have all come back is freed, but for a few.
/// Blocks are aligned to 64 bytes if their size is a multiple of 64, else to 32.
///
/// Under a sanitizer every block is its own allocation, so that a use after the end is seen.
/// Errors:      throws std::bad_alloc; nothing is lost.
/// Thread-safe: yes; a block may be freed on any thread.
/// Source:      the slab allocator (Bonwick, 1994) with a magazine per thread and size (Bonwick and
///              Adams, 2001).
void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace edo::detail
