#include <edo/task/frame/frame_pool.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
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

// What a thread keeps of free blocks, of each size class the newest on top.
//
// Without a destructor, so that the way to it is short. What the destructor would do is done by
// `cleanup`, which exists once the thread has a cache; before and after, no class may keep a block.
constexpr unsigned most_kept = tuning::frames_per_cache;
constinit thread_local unsigned kept_counts[frame_classes::count] = {};
constinit thread_local unsigned kept_limit = 0;  // of each; the rest is done by give_slowly()
constinit thread_local bool is_ending = false;
// Below the first class lies an entry that is always null: take_memory() looks at what is below.
constinit thread_local void* kept_blocks[1 + frame_classes::count * most_kept] = {};

void** blocks_of(std::size_t index) noexcept {
    return kept_blocks + 1 + index * most_kept;
}

struct cleanup {
    cleanup() noexcept { kept_limit = most_kept; }

    ~cleanup() {
        // Later destructors of the thread may still make and free frames.
        is_ending = true;
        kept_limit = 0;
        for (std::size_t i = 0; i < frame_classes::count; ++i)
            if (kept_counts[i] != 0)
                give_to_depot(i, blocks_of(i), std::exchange(kept_counts[i], 0));
    }
};

/// Returns: whether the C library can note that a thread has a destructor to be called. Where it
/// has no memory for that it ends the process, so this asks for some first.
bool has_memory_for_a_destructor() noexcept {
    // Too large for what malloc keeps for each thread and does not take for calloc, which is what
    // the C library calls then. Volatile, or the compiler leaves both calls out.
    void* const volatile some = std::malloc(4'096);
    std::free(some);
    return some != nullptr;
}

/// Returns: false if the thread keeps nothing: it is ending, or could not give it back at its end.
bool may_keep_blocks() noexcept {
    if (is_ending) return false;
    const bool has_cleanup = kept_limit != 0;
    if (!has_cleanup && !has_memory_for_a_destructor()) return false;
    static thread_local cleanup at_end;
    return true;
}

[[gnu::noinline]] void* take_slowly(std::size_t index) {
    if (may_keep_blocks()) {
        void** const kept = blocks_of(index);
        kept_counts[index] = take_from_depot(index, kept) - 1;
        return kept[kept_counts[index]];
    }
    void* taken[frame_batch];
    const unsigned count = take_from_depot(index, taken) - 1;
    if (count != 0) give_to_depot(index, taken, count);
    return taken[count];
}

[[gnu::noinline]] void give_slowly(std::size_t index, void* memory) noexcept {
    if (!may_keep_blocks()) return give_to_depot(index, &memory, 1);
    void** const kept = blocks_of(index);
    unsigned& count = kept_counts[index];
    if (count == kept_limit) {
        give_to_depot(index, kept, frame_batch);
        // The newest stay: their memory is in the processor's cache.
        count -= frame_batch;
        std::copy_n(kept + frame_batch, count, kept);
    }
    kept[count++] = memory;
}

inline void* take_memory(std::size_t size) {
    if (EDO_SANITIZED || size > frame_classes::largest) [[unlikely]]
        return ::operator new(size, std::align_val_t{block_alignment});
    const std::size_t index = frame_classes::of(size);
    const unsigned count = kept_counts[index];
    if (count == 0) [[unlikely]]
        return take_slowly(index);
    kept_counts[index] = count - 1;
    void* const* const top = kept_blocks + index * most_kept + count;
    // The next one is often asked for soon, in a burst of new tasks. A line brings its neighbour.
    // (At the bottom it is some block of the class below, or none; that costs nothing.)
    const auto* const next = static_cast<const std::byte*>(top[-1]);
    __builtin_prefetch(next, 1);
    __builtin_prefetch(next + 128, 1);
    return *top;
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
    const unsigned count = kept_counts[index];
    if (count >= kept_limit) [[unlikely]]
        return give_slowly(index, frame);
    kept_counts[index] = count + 1;
    blocks_of(index)[count] = frame;
}

}  // namespace edo::detail
