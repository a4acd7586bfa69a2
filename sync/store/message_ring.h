#pragma once

#include <bit>
#include <cstddef>
#include <new>
#include <optional>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/seam/tuning.h>
#include <edo/sync/store/message_block.h>

namespace edo::detail {

/// Messages in order, in a ring of blocks that grows on demand. Making room may fail and is apart
/// from putting something in, which cannot. A message moves in and out, and hardly ever within: so
/// what is done under the channel's lock takes no longer where many messages wait.
///
///          head_                     tail_
///            ▼                         ▼
///     [ . . . m m m m ] ─► [ m m m m . . . ] ─► [ . . . . . . . ]
///            ▲                                         │
///            └─────────────────────────────────────────┘
///
/// Thread-safe: no; the channel's lock protects it. The first messages that lie side by side are
/// touched by nothing but pops and drop_read(), so somebody else may have them (read_window.h).
template <class T>
class message_ring {
public:
    message_ring() noexcept {}

    message_ring(message_ring&& other) noexcept
        : head_(std::exchange(other.head_, {})),
          tail_(std::exchange(other.tail_, {})),
          size_(std::exchange(other.size_, 0)),
          slot_count_(std::exchange(other.slot_count_, 0)) {}

    message_ring& operator=(message_ring&&) = delete;

    ~message_ring() {
        while (size_ != 0)
            drop_front();
        spare_blocks<T> unused;
        give_blocks(unused);
    }

    bool is_empty() const noexcept { return size_ == 0; }

    std::size_t size() const noexcept { return size_; }

    bool has_room_for(std::size_t count) const noexcept { return count <= slot_count_; }

    /// Makes sure that `count` messages in all have room; of that there is at most two too little.
    /// Returns: false when `spare` has no block for it; nothing has changed then.
    bool make_room(std::size_t count, spare_blocks<T>& spare) noexcept {
        if (has_room_for(count)) [[likely]]
            return true;
        return grow(spare);
    }

    /// Requires: room for one more.
    void push_back(T&& message) noexcept {
        EDO_ASSERT(size_ < slot_count_);
        ::new (static_cast<void*>(tail_.slot)) T(std::move(message));
        tail_.advance();
        ++size_;
    }

    /// Requires: room for one more.
    void push_front(T&& message) noexcept {
        EDO_ASSERT(size_ < slot_count_);
        head_.retreat();
        ::new (static_cast<void*>(head_.slot)) T(std::move(message));
        ++size_;
    }

    /// Requires: not empty.
    void pop_front_to(std::optional<T>& into) noexcept {
        EDO_ASSERT(size_ != 0);
        into.emplace(std::move(*head_.slot));
        drop_front();
    }

    /// The first message. Requires: not empty.
    T* front() noexcept {
        EDO_ASSERT(size_ != 0);
        return head_.slot;
    }

    /// How many messages from the first one on lie side by side. Requires: not empty.
    std::size_t side_by_side() const noexcept {
        const auto until_end = static_cast<std::size_t>(head_.in->end - head_.slot);
        return size_ < until_end ? size_ : until_end;
    }

    /// Gets back the slots of the first messages, which lie side by side and were destroyed.
    /// Requires: there are some.
    void drop_read(std::size_t count) noexcept {
        EDO_ASSERT(count != 0 && count <= side_by_side());
        head_.slot += count - 1;
        head_.advance();
        size_ -= count;
    }

    /// Gives up its memory after a burst. Requires: empty.
    void shrink(spare_blocks<T>& unused) noexcept {
        if (slot_count_ > 64) give_blocks(unused);
    }

private:
    using block = message_block<T>;

    // The first block holds some small messages, but only two that are large.
    static constexpr std::size_t first_slots = sizeof(T) <= 32    ? tuning::small_messages
                                               : sizeof(T) <= 256 ? 8
                                                                  : 2;
    static constexpr std::size_t largest_bytes = std::size_t{16} * 1024;
    static constexpr std::size_t largest_slots = std::bit_floor(largest_bytes / sizeof(T));

    /// A place in the ring; never the end of a block.
    class position {
    public:
        void advance() noexcept {
            if (++slot != in->end) [[likely]]
                return;
            in = in->next;
            slot = in->begin();
        }

        void retreat() noexcept {
            if (slot == in->begin()) {
                in = in->previous;
                slot = in->end;
            }
            --slot;
        }

        T* slot = nullptr;
        block* in = nullptr;
    };

    void drop_front() noexcept {
        head_.slot->~T();
        head_.advance();
        --size_;
    }

    // No block is smaller than one that was added before.
    std::size_t next_slots() const noexcept {
        if (slot_count_ < first_slots || largest_slots < first_slots) return first_slots;
        return slot_count_ < largest_slots ? slot_count_ : largest_slots;
    }

    [[gnu::noinline]] bool grow(spare_blocks<T>& spare) noexcept {
        block* const added = spare.take(next_slots());
        if (added == nullptr) return false;
        if (slot_count_ == 0) {
            added->next = added->previous = added;
            head_ = tail_ = {added->begin(), added};
        } else if (size_ != 0 && tail_.in == head_.in && tail_.slot <= head_.slot) {
            insert_behind(*head_.in->previous, *added);
            move_last_into(*added);
        } else {
            insert_behind(*tail_.in, *added);
        }
        slot_count_ += added->slots();
        return true;
    }

    static void insert_behind(block& before, block& added) noexcept {
        added.previous = &before;
        added.next = before.next;
        before.next->previous = &added;
        before.next = &added;
    }

    // The last messages lie in front of the first ones, in the same block: between them there is no
    // place for another block.
    void move_last_into(block& added) noexcept {
        T* to = added.begin();
        for (T* from = tail_.in->begin(); from != tail_.slot; ++from, ++to) {
            ::new (static_cast<void*>(to)) T(std::move(*from));
            from->~T();
        }
        tail_ = {to, &added};
    }

    void give_blocks(spare_blocks<T>& unused) noexcept {
        if (slot_count_ == 0) return;
        head_.in->previous->next = nullptr;
        unused.put(head_.in);
        head_ = tail_ = {};
        slot_count_ = 0;
    }

    position head_;
    position tail_;  // behind the last message: at the first one if there is no room
    std::size_t size_ = 0;
    std::size_t slot_count_ = 0;
};

}  // namespace edo::detail
