#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/seam/atomic.h>

namespace edo::detail {

// read_window: messages of a ring that the receiver takes out without the channel's lock.
//
// The receiver opens a window over the first messages, with the lock; from then on those slots are
// its own, and it says after each message how many it has read. Whoever holds the lock settles
// that: the slots of messages that were read belong to the ring again, and their room to the
// senders. Nobody settles before it needs to: so where sender and receiver run at the same time,
// neither touches what the other writes for each message.
//
// A sender that finds no room says so (W), and looks once more what was read (S). A receiver says
// what it has read (R), and then looks whether a sender waits (V), to which it hands the room over.
// All four are seq_cst: one of the two sees the other.
//
//  mark  where           transition     ordering  pairs with
//  R     take_to         one more read  seq_cst   S: the message is out of its slot; precedes V
//  S     unsettled       reads that     seq_cst   R
//  W     set_waiting     somebody waits seq_cst   V; precedes S
//  V     is_waited_for   reads that     seq_cst   W
//  N     set_waiting     nobody waits   relaxed   nothing: who still sees W only takes the lock
//
// The messages themselves are published by the lock, with which the window is opened.
// Model: tests/model/mpsc_model.cpp.
template <class T>
class read_window {
public:
    // The receiver's, without the lock too.

    bool is_empty() const noexcept { return next_ == end_; }

    /// Takes the next message out. Requires: not empty.
    void take_to(std::optional<T>& into) noexcept {
        EDO_ASSERT(!is_empty());
        into.emplace(std::move(*next_));
        next_->~T();
        ++next_;
        read_.store(read_.load(relaxed) + 1, seq_cst);  // R; only this thread changes it
    }

    /// Whether the room of what was read is to be handed over at once.
    bool is_waited_for() const noexcept { return waited_for_.load(seq_cst); }  // V

    // With the lock, by the receiver.

    /// Requires: nothing is left to settle.
    void open(T* first, std::size_t count) noexcept {
        EDO_ASSERT(read_.load(relaxed) == settled_);  // only the receiver changes it
        next_ = first;
        end_ = first + count;
    }

    // With the lock.

    /// Messages that were read and not settled.
    std::size_t unsettled() const noexcept { return read_.load(seq_cst) - settled_; }  // S

    /// Returns: unsettled(), which are settled by that.
    std::size_t settle() noexcept {
        const std::size_t count = unsettled();
        if (count != 0) settled_ += count;
        return count;
    }

    /// Notes whether a sender waits for room. One that begins to has to settle after it.
    void set_waiting(bool is_waiting) noexcept {
        if (is_waiting) {
            waited_for_.store(true, seq_cst);    // W
        } else if (waited_for_.load(relaxed)) {  // changed with the lock only
            waited_for_.store(false, relaxed);   // N
        }
    }

private:
    T* next_ = nullptr;
    T* end_ = nullptr;
    atomic<std::size_t> read_{0};
    std::size_t settled_ = 0;  // with the lock
    atomic<bool> waited_for_{false};
};

}  // namespace edo::detail
