#include <edo/task/frame/frame_pool.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
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

constexpr std::size_t class_of(std::size_t size) noexcept {
    return (size - 1) / granularity;
}

constexpr std::size_t bytes_of(std::size_t index) noexcept {
    return (index + 1) * granularity;
}

std::uintptr_t above_multiple(const void* address) noexcept {
    return reinterpret_cast<std::uintptr_t>(address) & (slab_bytes - 1);
}

/// Blocks of one size, carved out of one piece of memory, which lies at a multiple of its size: so
/// a block finds its slab. Which blocks are free stands in the head, one bit each, and not in the
/// blocks: memory that nobody uses yet, or any more, is not touched, so a burst of tasks does not
/// wait for one block's cache line after the other. Everything in the head is protected by the lock
/// of the size class's depot.
class slab : public list_node {
public:
    explicit slab(std::size_t block_bytes) noexcept
        : block_bytes_(static_cast<std::uint32_t>(block_bytes)),
          head_bytes_(static_cast<std::uint32_t>(head_bytes(block_bytes))),
          capacity_(static_cast<std::uint32_t>((slab_bytes - head_bytes_) / block_bytes)),
          free_(capacity_) {
        for (std::uint32_t i = 0; i < words(capacity_); ++i) {
            const std::uint32_t left = capacity_ - i * word_bits;
            map()[i] = left >= word_bits ? ~word{0} : (word{1} << left) - 1;
        }
    }

    static slab& of(void* block) noexcept {
        return *reinterpret_cast<slab*>(reinterpret_cast<std::uintptr_t>(block) &
                                        ~(slab_bytes - 1));
    }

    bool is_full() const noexcept { return free_ == 0; }

    bool is_unused() const noexcept { return free_ == capacity_; }

    /// Takes up to `most` blocks. Returns: how many; those at the lowest addresses come last.
    unsigned take(void** to, unsigned most) noexcept {
        const unsigned taken = most < free_ ? most : free_;
        unsigned left = taken;
        for (std::uint32_t i = 0; left > 0; ++i) {
            word& bits = map()[i];
            for (; bits != 0 && left > 0; bits &= bits - 1) {
                const std::uint32_t index =
                    i * word_bits + static_cast<std::uint32_t>(std::countr_zero(bits));
                to[--left] = address(head_bytes_ + index * block_bytes_);
            }
        }
        free_ -= taken;
        return taken;
    }

    void give(void* block) noexcept {
        const auto offset = static_cast<std::uint32_t>(above_multiple(block)) - head_bytes_;
        const std::uint32_t index = offset / block_bytes_;
        map()[index / word_bits] |= word{1} << index % word_bits;
        ++free_;
    }

private:
    using word = std::uint64_t;
    static constexpr std::uint32_t word_bits = 64;

    static constexpr std::uint32_t words(std::size_t blocks) noexcept {
        return static_cast<std::uint32_t>((blocks + word_bits - 1) / word_bits);
    }

    // The map takes room from the blocks; for at most as many as there would be without it.
    static constexpr std::size_t head_bytes(std::size_t block_bytes) noexcept {
        const std::size_t used = sizeof(slab) + words(slab_bytes / block_bytes) * sizeof(word);
        return (used + alignment - 1) / alignment * alignment;
    }

    void* address(std::size_t offset) noexcept {
        return reinterpret_cast<std::byte*>(this) + offset;
    }

    word* map() noexcept { return reinterpret_cast<word*>(this + 1); }

    std::uint32_t block_bytes_;
    std::uint32_t head_bytes_;
    std::uint32_t capacity_;
    std::uint32_t free_;
};

/// Slabs on their way back to the kernel. Neighbours go in one call: each call interrupts the other
/// processors that run this program, which takes longer than all else that is done for a slab.
class returned_slabs {
public:
    bool is_full() const noexcept { return count_ == slabs_.size(); }

    void add(list_node& unused) noexcept { slabs_[count_++] = &unused; }

    /// Calls `refused(slab)` for those that the kernel does not take, because the process has too
    /// many mappings.
    template <class F>
    void unmap(F refused) noexcept {
        std::sort(slabs_.begin(), slabs_.begin() + count_, std::less<list_node*>());
        for (unsigned first = 0; first < count_;) {
            unsigned end = first + 1;
            while (end < count_ && address(end) == address(end - 1) + slab_bytes)
                ++end;
            if (sys::unmap_pages(slabs_[first], (end - first) * slab_bytes) != 0)
                std::for_each(slabs_.begin() + first, slabs_.begin() + end, refused);
            first = end;
        }
    }

private:
    std::byte* address(unsigned i) const noexcept {
        return reinterpret_cast<std::byte*>(slabs_[i]);
    }

    std::array<list_node*, tuning::unused_slabs_kept> slabs_;
    unsigned count_ = 0;
};

/// Room for slabs, each at a multiple of its size, for all size classes. Straight from the kernel:
/// malloc leaves gaps between aligned pieces, a quarter of the whole, and returns few of them.
class slab_source {
public:
    void* take() {
        mutex_lock guard(lock_);
        if (list_node* const unused = unused_.pop_front()) {
            --unused_count_;
            return unused;
        }
        if (left_ == 0) {
            const unsigned count = kept_ != 0 ? slabs_at_once : 1;  // later nobody returns the rest
            next_ = map_aligned(count * slab_bytes);
            left_ = count;
        }
        --left_;
        return std::exchange(next_, next_ + slab_bytes);
    }

    /// Keeps slabs of which no block is taken for the next burst, or returns some to the kernel.
    void give(intrusive_list<slab>& unused) noexcept {
        returned_slabs leaving;
        {
            mutex_lock guard(lock_);
            while (slab* const each = unused.pop_front())
                keep_locked(*each);
            if (unused_count_ <= most_unused_) return;
            // Down to half of what may be kept, so that it is many at once.
            most_unused_ = kept_;
            take_out_locked(kept_ / 2, leaving);
        }
        unmap(leaving);
    }

    /// Returns to the kernel what nobody uses, and from now on each slab when its last block comes
    /// back: as many as there may be here, nobody would find them after an unload of the library.
    void close() noexcept {
        // Only at an exit can others be at work here; then the kernel takes all back anyhow. And in
        // a process that was forked meanwhile, who has the lock may never give it back.
        if (!lock_.try_lock()) return;
        returned_slabs leaving;
        kept_ = most_unused_ = 0;
        if (left_ != 0) sys::unmap_pages(next_, std::exchange(left_, 0) * slab_bytes);
        take_out_locked(0, leaving);
        lock_.unlock();
        unmap(leaving);
    }

private:
    // Address space; nobody has touched it yet. An aligned place costs three calls.
    static constexpr unsigned slabs_at_once = 32;

    static std::byte* map_aligned(std::size_t bytes) {
        int error = 0;
        // The kernel mostly puts one mapping next to the other, so one is aligned if the last was.
        void* const pages = sys::map_pages(bytes, error);
        if (pages == nullptr) throw std::bad_alloc();
        if (above_multiple(pages) == 0) return static_cast<std::byte*>(pages);
        sys::unmap_pages(pages, bytes);
        auto* const more = static_cast<std::byte*>(sys::map_pages(bytes + slab_bytes, error));
        if (more == nullptr) throw std::bad_alloc();
        const std::size_t before = (slab_bytes - above_multiple(more)) & (slab_bytes - 1);
        if (before != 0) sys::unmap_pages(more, before);
        sys::unmap_pages(more + before + bytes, slab_bytes - before);
        return more + before;
    }

    // The oldest, until so many are left.
    void take_out_locked(unsigned left, returned_slabs& leaving) noexcept {
        while (unused_count_ > left && !leaving.is_full()) {
            leaving.add(*unused_.pop_back());
            --unused_count_;
        }
    }

    void unmap(returned_slabs& leaving) noexcept {
        leaving.unmap([this](list_node* stays) {
            mutex_lock guard(lock_);
            keep_locked(*stays);
            most_unused_ = unused_count_ + kept_;  // not asked again at once
        });
    }

    // The newest in front: their memory is in the processor's cache.
    void keep_locked(list_node& unused) noexcept {
        unused_.push_front(unused);
        ++unused_count_;
    }

    mutex lock_;
    std::byte* next_ = nullptr;
    std::size_t left_ = 0;
    intrusive_list<list_node> unused_;
    unsigned unused_count_ = 0;
    unsigned kept_ = tuning::unused_slabs_kept;
    unsigned most_unused_ = kept_;  // more when the kernel has refused some
};

/// The slabs of one size class of which some blocks are free and some are not. Threads take and
/// return blocks in batches.
class depot {
public:
    /// Takes up to `batch` blocks, at least one. Returns: how many.
    unsigned take(std::size_t block_bytes, slab_source& source, void** to) {
        {
            mutex_lock guard(lock_);
            if (const unsigned taken = take_locked(to); taken != 0) return taken;
        }
        slab* const fresh = ::new (source.take()) slab(block_bytes);
        mutex_lock guard(lock_);
        with_room_.push_front(*fresh);
        return take_locked(to);
    }

    void give(void* const* blocks, unsigned count, slab_source& source) noexcept {
        intrusive_list<slab> unused;
        {
            mutex_lock guard(lock_);
            for (unsigned i = 0; i < count; ++i)
                give_locked(blocks[i], unused);
        }
        if (!unused.is_empty()) source.give(unused);
    }

private:
    unsigned take_locked(void** to) noexcept {
        unsigned taken = 0;
        while (taken < batch) {
            slab* const s = with_room_.front();
            if (s == nullptr) break;
            taken += s->take(to + taken, batch - taken);
            if (s->is_full()) s->unlink();
        }
        return taken;
    }

    void give_locked(void* block, intrusive_list<slab>& unused) noexcept {
        slab& s = slab::of(block);
        if (s.is_full()) with_room_.push_front(s);
        s.give(block);
        if (!s.is_unused()) return;
        s.unlink();
        unused.push_back(s);
    }

    mutex lock_;
    intrusive_list<slab> with_room_;
};

// Never destroyed: threads may end, and tasks be freed, as late as the destructors of statics.
struct depots {
    slab_source source;
    depot of_class[classes];
};

depots& all_depots() noexcept;

// What is called at exit is called by dlclose, too, in a library that is unloaded.
depots& open_depots(void* room) noexcept {
    std::atexit([] { all_depots().source.close(); });
    return *::new (room) depots;
}

depots& all_depots() noexcept {
    alignas(depots) static std::byte room[sizeof(depots)];
    static depots& all = open_depots(room);
    return all;
}

void give_to_depot(std::size_t index, void* const* blocks, unsigned count) noexcept {
    depots& all = all_depots();
    all.of_class[index].give(blocks, count, all.source);
}

unsigned take_from_depot(std::size_t index, void** to) {
    depots& all = all_depots();
    return all.of_class[index].take(bytes_of(index), all.source, to);
}

/// Free blocks of one size that a thread keeps, the newest on top.
struct size_class_cache {
    unsigned count = 0;
    unsigned limit = 0;  // what more than that is to do is done by give_slowly()
    void* blocks[tuning::frames_per_cache] = {};
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
    void* taken[batch];
    const unsigned count = take_from_depot(index, taken) - 1;
    if (count != 0) give_to_depot(index, taken, count);
    return taken[count];
}

[[gnu::noinline]] void give_slowly(std::size_t index, void* memory) noexcept {
    if (!may_keep_blocks()) return give_to_depot(index, &memory, 1);
    size_class_cache& c = caches[index];
    if (c.count == c.limit) {
        give_to_depot(index, c.blocks, batch);
        // The newest stay: their memory is in the processor's cache.
        c.count -= batch;
        std::copy_n(c.blocks + batch, c.count, c.blocks);
    }
    c.blocks[c.count++] = memory;
}

inline void* take_memory(std::size_t size) {
    if (EDO_SANITIZED || size > largest) [[unlikely]]
        return ::operator new(size, std::align_val_t{alignment});
    const std::size_t index = class_of(size);
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
    if (EDO_SANITIZED || size > largest) [[unlikely]]
        return ::operator delete(frame, std::align_val_t{alignment});
    const std::size_t index = class_of(size);
    size_class_cache& c = caches[index];
    if (c.count >= c.limit) [[unlikely]]
        return give_slowly(index, frame);
    c.blocks[c.count++] = frame;
}

}  // namespace edo::detail
