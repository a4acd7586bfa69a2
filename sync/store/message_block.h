#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace edo::detail {

/// A piece of a ring of messages: slots side by side, which begin behind this head.
template <class T>
struct alignas(std::max_align_t) message_block {
    message_block* next = nullptr;
    message_block* previous = nullptr;
    T* end = nullptr;

    T* begin() noexcept { return static_cast<T*>(static_cast<void*>(this + 1)); }

    std::size_t slots() noexcept { return static_cast<std::size_t>(end - begin()); }
};

/// Blocks without messages on their way from the system into a ring, or back to the system. Only
/// this asks it for memory and gives memory back; so the lock of a ring is free meanwhile, if it is
/// taken later and given back earlier than this:
///
///     spare_blocks<T> spare;
///     do {
///         spin_guard held(lock_);
///         if (ring_.make_room(count, spare)) return ...;
///     } while (spare.allocate());
///
/// Thread-safe: no; one thread's.
template <class T>
class spare_blocks {
public:
    spare_blocks() noexcept {}

    spare_blocks(const spare_blocks&) = delete;
    spare_blocks& operator=(const spare_blocks&) = delete;

    ~spare_blocks() {
        if (first_ != nullptr) [[unlikely]]
            free_all();
    }

    /// Has a block of as many slots as were asked for.
    /// Returns: false when there is no memory.
    [[gnu::noinline]] bool allocate() noexcept {
        free_all();
        void* const memory =
            ::operator new(sizeof(message_block<T>) + wanted_slots_ * sizeof(T), std::nothrow);
        if (memory == nullptr) return false;
        first_ = ::new (memory) message_block<T>;
        first_->end = first_->begin() + wanted_slots_;
        return true;
    }

    // For the ring.

    /// Returns: a block of at least so many slots, or null, and then notes what is asked for.
    message_block<T>* take(std::size_t slots) noexcept {
        wanted_slots_ = slots;
        if (first_ == nullptr || first_->slots() < slots) return nullptr;
        return std::exchange(first_, first_->next);
    }

    /// Takes a list of blocks that a ring does without. Requires: it has none.
    void put(message_block<T>* list) noexcept { first_ = list; }

private:
    [[gnu::noinline]] void free_all() noexcept {
        while (first_ != nullptr)
            ::operator delete(std::exchange(first_, first_->next));
    }

    message_block<T>* first_ = nullptr;
    std::size_t wanted_slots_ = 0;
};

}  // namespace edo::detail
