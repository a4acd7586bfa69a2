#include <edo/task/frame/frame_pool.h>

#include <new>

#include <edo/base/check.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/census.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/seam/tuning.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EDO_PLAIN_FRAMES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EDO_PLAIN_FRAMES 1
#endif
#endif
#if !defined(EDO_PLAIN_FRAMES)
#define EDO_PLAIN_FRAMES 0
#endif

namespace edo::detail {
namespace {

constexpr std::size_t granularity = 32;
constexpr std::size_t largest = 1024;
constexpr std::size_t classes = largest / granularity;
constexpr std::align_val_t alignment{64};

struct block {
    block* next;
};

struct size_class_depot {
    mutex lock;
    block* bundles = nullptr;  // the first block of each bundle
    unsigned stored = 0;
};

// A bundle is a list of frames_per_cache / 2 blocks. The depot chains bundles through the second
// word
// of their first block: the smallest block has 32 bytes.
struct bundle_head : block {
    block* next_bundle;
};

size_class_depot depots[classes];
constexpr unsigned bundle_size = tuning::frames_per_cache / 2;
constexpr unsigned bundles_per_depot = 1024;

void* system_allocate(std::size_t size) {
    return ::operator new(size, alignment);
}

void system_free(void* memory) noexcept {
    ::operator delete(memory, alignment);
}

struct size_class_cache {
    block* free = nullptr;
    unsigned count = 0;
};

// Set by the cache's destructor. Other destructors of the thread may still make and free frames;
// those go
// past the cache. Apart from it, because an object may not be asked after its end.
constinit thread_local bool thread_is_ending = false;

class thread_cache {
public:
    constexpr thread_cache() noexcept = default;

    ~thread_cache() {
        thread_is_ending = true;
        for (auto& c : classes_) {
            while (c.free != nullptr) {
                block* b = c.free;
                c.free = b->next;
                system_free(b);
            }
        }
    }

    void* take(std::size_t index) {
        size_class_cache& c = classes_[index];
        if (c.free == nullptr) [[unlikely]]
            return refill(index);
        block* b = c.free;
        c.free = b->next;
        --c.count;
        return b;
    }

    void give(std::size_t index, void* memory) noexcept {
        if (thread_is_ending) [[unlikely]]
            return system_free(memory);
        size_class_cache& c = classes_[index];
        block* b = static_cast<block*>(memory);
        b->next = c.free;
        c.free = b;
        if (++c.count >= tuning::frames_per_cache) [[unlikely]]
            hand_over(index);
    }

private:
    [[gnu::noinline]] void* refill(std::size_t index) {
        size_class_depot& depot = depots[index];
        if (!thread_is_ending) {
            mutex_lock guard(depot.lock);
            if (depot.bundles != nullptr) {
                auto* head = static_cast<bundle_head*>(depot.bundles);
                depot.bundles = head->next_bundle;
                --depot.stored;
                classes_[index].free = head->next;
                classes_[index].count = bundle_size - 1;
                return head;
            }
        }
        return system_allocate((index + 1) * granularity);
    }

    [[gnu::noinline]] void hand_over(std::size_t index) noexcept {
        size_class_cache& c = classes_[index];
        auto* head = static_cast<bundle_head*>(c.free);
        block* last = head;
        for (unsigned i = 1; i < bundle_size; ++i)
            last = last->next;
        c.free = last->next;
        c.count -= bundle_size;
        last->next = nullptr;
        size_class_depot& depot = depots[index];
        {
            mutex_lock guard(depot.lock);
            if (depot.stored < bundles_per_depot) {
                head->next_bundle = depot.bundles;
                depot.bundles = head;
                ++depot.stored;
                return;
            }
        }
        for (block* b = head; b != nullptr;) {
            block* next = b->next;
            system_free(b);
            b = next;
        }
    }

    size_class_cache classes_[classes];
};

thread_local thread_cache cache;

}  // namespace

void* allocate_frame(std::size_t size) {
    EDO_CENSUS(frame, 1);
    if (EDO_PLAIN_FRAMES || size > largest) return system_allocate(size);
    return cache.take((size - 1) / granularity);
}

void free_frame(void* frame, std::size_t size) noexcept {
    EDO_CENSUS(frame, -1);
    if (EDO_PLAIN_FRAMES || size > largest) return system_free(frame);
    cache.give((size - 1) / granularity, frame);
}

}  // namespace edo::detail
