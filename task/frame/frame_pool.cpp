#include <edo/task/frame/frame_pool.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

#include <edo/base/seam/census.h>
#include <edo/base/seam/sanitizer.h>
#include <edo/base/seam/tuning.h>
#include <edo/task/frame/frame_depot.h>

namespace edo::detail {
namespace {

// Of blocks that are no part of a slab; those of a slab lie as slab.h says.
constexpr std::size_t block_alignment = 64;

/// Free blocks of one size that a thread keeps, the newest on top.
struct size_class_cache {
    unsigned count = 0;
    unsigned limit = 0;  // what more than that is to do is done by give_slowly()
    void* blocks[tuning::frames_per_cache] = {};
};

// Without a destructor, so that the way to it is short. What the destructor would do is done by
// `cleanup`, which exists once the thread has a cache; before and after, no class may keep a block.
constinit thread_local size_class_cache caches[frame_classes::count];
constinit thread_local bool is_ending = false;

struct cleanup {
    cleanup() noexcept {
        for (size_class_cache& c : caches)
            c.limit = tuning::frames_per_cache;
    }

    ~cleanup() {
        // Later destructors of the thread may still make and free frames.
        is_ending = true;
        for (std::size_t i = 0; i < frame_classes::count; ++i) {
            size_class_cache& c = caches[i];
            c.limit = 0;
            if (c.count != 0) give_to_depot(i, c.blocks, std::exchange(c.count, 0));
        }
    }
};

/// Returns: false if the thread is ending and keeps nothing any more.
bool may_keep_blocks() noexcept {
    if (is_ending) return false;
    static thread_local cleanup at_end;
    return true;
}

[[gnu::noinline]] void* take_slowly(std::size_t index) {
    if (may_keep_blocks()) {
        size_class_cache& c = caches[index];
        c.count = take_from_depot(index, c.blocks) - 1;
        return c.blocks[c.count];
    }
    void* taken[frame_batch];
    const unsigned count = take_from_depot(index, taken) - 1;
    if (count != 0) give_to_depot(index, taken, count);
    return taken[count];
}

[[gnu::noinline]] void give_slowly(std::size_t index, void* memory) noexcept {
    if (!may_keep_blocks()) return give_to_depot(index, &memory, 1);
    size_class_cache& c = caches[index];
    if (c.count == c.limit) {
        give_to_depot(index, c.blocks, frame_batch);
        // The newest stay: their memory is in the processor's cache.
        c.count -= frame_batch;
        std::copy_n(c.blocks + frame_batch, c.count, c.blocks);
    }
    c.blocks[c.count++] = memory;
}

inline void* take_memory(std::size_t size) {
    if (EDO_SANITIZED || size > frame_classes::largest) [[unlikely]]
        return ::operator new(size, std::align_val_t{block_alignment});
    const std::size_t index = frame_classes::of(size);
    size_class_cache& c = caches[index];
    if (c.count == 0) [[unlikely]]
        return take_slowly(index);
    void* const block = c.blocks[--c.count];
    // The next one is often asked for soon, in a burst of new tasks. A line brings its neighbour.
    // (At the bottom it is the one just taken; that costs nothing.)
    const auto* const next =
        static_cast<const std::byte*>(c.blocks[c.count != 0 ? c.count - 1 : 0]);
    __builtin_prefetch(next, 1);
    __builtin_prefetch(next + 128, 1);
    return block;
}

}  // namespace

void* allocate_frame(std::size_t size) {
    void* const memory = take_memory(size);
    EDO_CENSUS(frame, 1);
    return memory;
}

void free_frame(void* frame, std::size_t size) noexcept {
    EDO_CENSUS(frame, -1);
    if (EDO_SANITIZED || size > frame_classes::largest) [[unlikely]]
        return ::operator delete(frame, std::align_val_t{block_alignment});
    const std::size_t index = frame_classes::of(size);
    size_class_cache& c = caches[index];
    if (c.count >= c.limit) [[unlikely]]
        return give_slowly(index, frame);
    c.blocks[c.count++] = frame;
}

}  // namespace edo::detail
