#include <edo/task/frame/frame_pool.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <edo/base/intrusive_list.h>
#include <edo/base/seam/census.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/seam/sanitizer.h>
#include <edo/base/seam/sys.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {
namespace {

constexpr std::size_t granularity = 32;
constexpr std::size_t largest = 1024;
constexpr std::size_t classes = largest / granularity;
constexpr std::size_t slab_bytes = std::size_t{32} * 1024;
constexpr std::size_t alignment = 64;
constexpr unsigned batch = tuning::frames_per_cache / 2;

struct block {
    block* next;
};

/// Blocks of one size, carved out of one piece of memory, which lies at a multiple of its size: so
/// a block finds its slab. Everything in it is protected by the lock of the size class's depot.
struct slab : list_node {
    block* free = nullptr;
    unsigned free_count = 0;
    unsigned capacity = 0;
};

constexpr std::size_t slab_head_bytes = (sizeof(slab) + alignment - 1) / alignment * alignment;

slab& slab_of(block& b) noexcept {
    return *reinterpret_cast<slab*>(reinterpret_cast<std::uintptr_t>(&b) & ~(slab_bytes - 1));
}

std::uintptr_t above_multiple(const void* address) noexcept {
    return reinterpret_cast<std::uintptr_t>(address) & (slab_bytes - 1);
}

/// Pages at a multiple of a slab's size. Straight from the kernel: malloc leaves gaps between
/// aligned pieces, a quarter of the whole, and returns few of them.
void* map_slab() {
    int error = 0;
    // The kernel mostly puts one mapping next to the other, so one is aligned if the last one was.
    void* const pages = sys::map_pages(slab_bytes, error);
    if (pages == nullptr) throw std::bad_alloc();
    if (above_multiple(pages) == 0) return pages;
    sys::unmap_pages(pages, slab_bytes);
    auto* const more = static_cast<std::byte*>(sys::map_pages(2 * slab_bytes, error));
    if (more == nullptr) throw std::bad_alloc();
    const std::size_t before = (slab_bytes - above_multiple(more)) & (slab_bytes - 1);
    if (before != 0) sys::unmap_pages(more, before);
    sys::unmap_pages(more + before + slab_bytes, slab_bytes - before);
    return more + before;
}

slab* make_slab(std::size_t block_bytes) {
    void* const memory = map_slab();
    auto* const made = ::new (memory) slab;
    made->capacity = static_cast<unsigned>((slab_bytes - slab_head_bytes) / block_bytes);
    made->free_count = made->capacity;
    std::byte* const first = static_cast<std::byte*>(memory) + slab_head_bytes;
    for (unsigned i = made->capacity; i > 0; --i)  // the first block is the first to be taken
        made->free = ::new (first + (i - 1) * block_bytes) block{made->free};
    return made;
}

/// The slabs of one size class that have free blocks. Threads take and return blocks in batches.
class depot {
public:
    /// Takes up to `batch` blocks, at least one. Returns: their list; `count` says how many.
    block* take(std::size_t block_bytes, unsigned& count) {
        {
            mutex_lock guard(lock_);
            if (block* const taken = take_locked(count); taken != nullptr) return taken;
        }
        slab* const fresh = make_slab(block_bytes);
        mutex_lock guard(lock_);
        with_room_.push_front(*fresh);
        ++unused_;
        return take_locked(count);
    }

    /// Returns the first `count` blocks of a list.
    void give(block* blocks, unsigned count) noexcept {
        intrusive_list<slab> to_free;
        {
            mutex_lock guard(lock_);
            while (count-- > 0) {
                block* const next = blocks->next;
                give_locked(*blocks, to_free);
                blocks = next;
            }
        }
        while (slab* const s = to_free.pop_front()) {
            // Refused when the process has too many mappings: then it stays for later.
            if (sys::unmap_pages(s, slab_bytes) == 0) continue;
            mutex_lock guard(lock_);
            with_room_.push_back(*s);
            ++unused_;
        }
    }

private:
    block* take_locked(unsigned& count) noexcept {
        count = 0;
        block* taken = nullptr;
        while (count < batch) {
            slab* const s = with_room_.front();
            if (s == nullptr) break;
            if (s->free_count == s->capacity) --unused_;
            while (count < batch && s->free != nullptr) {
                block* const b = s->free;
                s->free = b->next;
                b->next = taken;
                taken = b;
                --s->free_count;
                ++count;
            }
            if (s->free == nullptr) s->unlink();
        }
        return taken;
    }

    void give_locked(block& b, intrusive_list<slab>& to_free) noexcept {
        slab& s = slab_of(b);
        b.next = s.free;
        s.free = &b;
        if (++s.free_count == 1) with_room_.push_front(s);
        if (s.free_count != s.capacity) return;
        // Behind those that are in use already; a few are kept for the next burst.
        s.unlink();
        if (unused_ == tuning::unused_slabs_kept) {
            to_free.push_back(s);
        } else {
            ++unused_;
            with_room_.push_back(s);
        }
    }

    mutex lock_;
    intrusive_list<slab> with_room_;
    unsigned unused_ = 0;  // of these, how many have all their blocks
};

// Never destroyed: threads may end, and tasks be freed, as late as the destructors of statics.
depot& depot_of(std::size_t index) noexcept {
    static depot* const depots = new depot[classes];
    return depots[index];
}

constexpr std::size_t class_of(std::size_t size) noexcept {
    return (size - 1) / granularity;
}

constexpr std::size_t bytes_of(std::size_t index) noexcept {
    return (index + 1) * granularity;
}

struct size_class_cache {
    block* free = nullptr;
    unsigned count = 0;
    unsigned limit = 0;  // what more than that is to do is done by give_slowly()
};

// Without a destructor, so that the way to it is short. What the destructor would do is done by
// `cleanup`, which exists once the thread has a cache; before and after, no class may keep a block.
constinit thread_local size_class_cache caches[classes];
constinit thread_local bool is_ending = false;

struct cleanup {
    cleanup() noexcept {
        for (size_class_cache& c : caches)
            c.limit = tuning::frames_per_cache;
    }

    ~cleanup() {
        // Later destructors of the thread may still make and free frames.
        is_ending = true;
        for (std::size_t i = 0; i < classes; ++i) {
            const size_class_cache c = std::exchange(caches[i], size_class_cache{});
            if (c.count != 0) depot_of(i).give(c.free, c.count);
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
    depot& from = depot_of(index);
    unsigned count = 0;
    block* const taken = from.take(bytes_of(index), count);
    if (may_keep_blocks()) {
        caches[index].free = taken->next;
        caches[index].count = count - 1;
    } else if (count > 1) {
        from.give(taken->next, count - 1);
    }
    return taken;
}

[[gnu::noinline]] void give_slowly(std::size_t index, void* memory) noexcept {
    size_class_cache& c = caches[index];
    if (!may_keep_blocks()) return depot_of(index).give(::new (memory) block{nullptr}, 1);
    c.free = ::new (memory) block{c.free};
    if (++c.count <= c.limit) return;
    // The newest stay: their memory is in the processor's cache.
    block* last = c.free;
    for (unsigned i = 1; i < c.count - batch; ++i)
        last = last->next;
    block* const old = std::exchange(last->next, nullptr);
    c.count -= batch;
    depot_of(index).give(old, batch);
}

inline void* take_memory(std::size_t size) {
    if (EDO_SANITIZED || size > largest) [[unlikely]]
        return ::operator new(size, std::align_val_t{alignment});
    const std::size_t index = class_of(size);
    size_class_cache& c = caches[index];
    block* const b = c.free;
    if (b == nullptr) [[unlikely]]
        return take_slowly(index);
    c.free = b->next;
    --c.count;
    return b;
}

}  // namespace

void* allocate_frame(std::size_t size) {
    void* const memory = take_memory(size);
    EDO_CENSUS(frame, 1);
    return memory;
}

void free_frame(void* frame, std::size_t size) noexcept {
    EDO_CENSUS(frame, -1);
    if (EDO_SANITIZED || size > largest) [[unlikely]]
        return ::operator delete(frame, std::align_val_t{alignment});
    const std::size_t index = class_of(size);
    size_class_cache& c = caches[index];
    if (c.count >= c.limit) [[unlikely]]
        return give_slowly(index, frame);
    c.free = ::new (frame) block{c.free};
    ++c.count;
}

}  // namespace edo::detail
