#pragma once

#include <bit>
#include <cstddef>
#include <new>
#include <optional>
#include <utility>

#include <edo/base/check.h>

namespace edo::detail {

/// Messages in order, in a ring that grows on demand. Making room may fail and is apart from
/// putting something in, which cannot.
///
/// Thread-safe: no; the channel's lock protects it.
template <class T>
class message_ring {
public:
    message_ring() noexcept {}

    message_ring(message_ring&& other) noexcept
        : slots_(std::exchange(other.slots_, nullptr)),
          slot_count_(std::exchange(other.slot_count_, 0)),
          head_(std::exchange(other.head_, 0)),
          size_(std::exchange(other.size_, 0)) {}

    message_ring& operator=(message_ring&&) = delete;

    ~message_ring() {
        while (size_ != 0)
            drop_front();
        free_slots();
    }

    bool is_empty() const noexcept { return size_ == 0; }

    std::size_t size() const noexcept { return size_; }

    /// Makes sure that `count` messages in all have room.
    /// Returns: false when there is no memory; nothing has changed then.
    bool make_room(std::size_t count) noexcept {
        if (count <= slot_count_) [[likely]]
            return true;
        if (count > max_slots) return false;
        // The first allocation holds some small messages, but only two that are large.
        constexpr std::size_t first = sizeof(T) <= 32 ? 16 : sizeof(T) <= 256 ? 8 : 2;
        return grow_to(std::bit_ceil(count < first ? first : count));
    }

    /// Requires: room for one more.
    void push_back(T&& message) noexcept {
        EDO_ASSERT(size_ < slot_count_);
        ::new (static_cast<void*>(slot(size_))) T(std::move(message));
        ++size_;
    }

    /// Requires: room for one more.
    void push_front(T&& message) noexcept {
        EDO_ASSERT(size_ < slot_count_);
        head_ = (head_ - 1) & (slot_count_ - 1);
        ::new (static_cast<void*>(slot(0))) T(std::move(message));
        ++size_;
    }

    /// Requires: not empty.
    void pop_front_to(std::optional<T>& into) noexcept {
        EDO_ASSERT(size_ != 0);
        into.emplace(std::move(*slot(0)));
        drop_front();
    }

    /// Gives memory back after a burst. Requires: empty.
    void shrink() noexcept {
        if (slot_count_ > 64) free_slots();
    }

private:
    static constexpr std::size_t max_slots = (~std::size_t{0} / 4) / sizeof(T);

    T* slot(std::size_t index) noexcept { return slots_ + ((head_ + index) & (slot_count_ - 1)); }

    void drop_front() noexcept {
        slot(0)->~T();
        head_ = (head_ + 1) & (slot_count_ - 1);
        --size_;
    }

    bool grow_to(std::size_t slot_count) noexcept {
        void* const memory = ::operator new(slot_count * sizeof(T), std::nothrow);
        if (memory == nullptr) return false;
        T* const slots = static_cast<T*>(memory);
        const std::size_t size = size_;
        for (std::size_t i = 0; i < size; ++i) {
            ::new (static_cast<void*>(slots + i)) T(std::move(*slot(0)));
            drop_front();
        }
        free_slots();
        slots_ = slots;
        slot_count_ = slot_count;
        size_ = size;
        return true;
    }

    void free_slots() noexcept {
        ::operator delete(slots_);
        slots_ = nullptr;
        slot_count_ = head_ = 0;
    }

    T* slots_ = nullptr;
    std::size_t slot_count_ = 0;  // a power of two, or none
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

}  // namespace edo::detail
