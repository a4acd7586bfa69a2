#include <edo/task/frame/frame_depot.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <new>
#include <utility>

#include <edo/base/intrusive_list.h>
#include <edo/base/seam/fork.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/seam/sys.h>
#include <edo/base/seam/tuning.h>
#include <edo/task/frame/slab.h>

namespace edo::detail {
namespace {

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
            while (end < count_ && address(end) == address(end - 1) + slab::bytes)
                ++end;
            if (sys::unmap_pages(slabs_[first], (end - first) * slab::bytes) != 0)
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
            next_ = map_aligned(count * slab::bytes);
            left_ = count;
        }
        --left_;
        return std::exchange(next_, next_ + slab::bytes);
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
        // a process that was made by _Fork() meanwhile, which calls no handlers, who has the lock
        // never gives it back.
        if (!lock_.try_lock()) return;
        returned_slabs leaving;
        kept_ = most_unused_ = 0;
        if (left_ != 0) sys::unmap_pages(next_, std::exchange(left_, 0) * slab::bytes);
        take_out_locked(0, leaving);
        lock_.unlock();
        unmap(leaving);
    }

    void lock() noexcept { lock_.lock(); }

    void unlock() noexcept { lock_.unlock(); }

private:
    // Address space; nobody has touched it yet. An aligned place costs three calls.
    static constexpr unsigned slabs_at_once = 32;

    static std::byte* map_aligned(std::size_t bytes) {
        int error = 0;
        // The kernel mostly puts one mapping next to the other, so one is aligned if the last was.
        void* const pages = sys::map_pages(bytes, error);
        if (pages == nullptr) throw std::bad_alloc();
        if (slab::above_multiple(pages) == 0) return static_cast<std::byte*>(pages);
        sys::unmap_pages(pages, bytes);
        auto* const more = static_cast<std::byte*>(sys::map_pages(bytes + slab::bytes, error));
        if (more == nullptr) throw std::bad_alloc();
        const std::size_t before = (slab::bytes - slab::above_multiple(more)) & (slab::bytes - 1);
        if (before != 0) sys::unmap_pages(more, before);
        sys::unmap_pages(more + before + bytes, slab::bytes - before);
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
    /// Takes up to `frame_batch` blocks, at least one. Returns: how many.
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

    void lock() noexcept { lock_.lock(); }

    void unlock() noexcept { lock_.unlock(); }

private:
    unsigned take_locked(void** to) noexcept {
        unsigned taken = 0;
        while (taken < frame_batch) {
            slab* const s = with_room_.front();
            if (s == nullptr) break;
            taken += s->take(to + taken, frame_batch - taken);
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
    depot of_class[frame_classes::count];
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

// No thread ever has two of the locks, but here.
void lock_depots() noexcept {
    depots& all = all_depots();
    for (depot& each : all.of_class)
        each.lock();
    all.source.lock();
}

void unlock_depots() noexcept {
    depots& all = all_depots();
    all.source.unlock();
    for (depot& each : all.of_class)
        each.unlock();
}

// The thread of a forked process returns its blocks at the exit of it, if not before. Registered
// when the library is loaded, before others do the same: so what they have called before a fork may
// still wait for threads that make frames, and what they have called after it may make some. Should
// there be no memory for it even then, forks go on unprotected; there is nobody who could do more.
[[maybe_unused]] const bool is_safe_to_fork = call_around_fork(&lock_depots, &unlock_depots);

}  // namespace

unsigned take_from_depot(std::size_t index, void** to) {
    depots& all = all_depots();
    return all.of_class[index].take(frame_classes::bytes(index), all.source, to);
}

void give_to_depot(std::size_t index, void* const* blocks, unsigned count) noexcept {
    depots& all = all_depots();
    all.of_class[index].give(blocks, count, all.source);
}

}  // namespace edo::detail
