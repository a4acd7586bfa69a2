#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

#include <edo/base/check.h>
#include <edo/base/error.h>
#include <edo/base/seam/mutex.h>
#include <edo/sync/store/shared_value.h>
#include <edo/sync/wait/wait_list.h>
#include <edo/task/context.h>

namespace edo::detail {

/// What a receiver found at its place: a message, or a number of lost ones, or neither at the end.
template <class T>
struct broadcast_answer {
    std::uint64_t at;  ///< the place before it moved on
    shared_value<T> message;
    std::uint64_t missed = 0;
};

/// The user's view of an answer: moves the message out if nobody else has it, else copies it. A
/// copy that throws leaves the answer as it was.
template <class Result, class T>
Result output_of(broadcast_answer<T>& got) {
    if (got.missed != 0) return Result(errc::lagged, got.missed);
    if (!got.message) return Result(errc::closed);
    if (got.message.is_unique()) return Result(std::move(got.message.exclusive()));
    return Result(T(*got.message));
}

/// What the ends of a broadcast channel share. Freed by the end that goes last.
///
/// Messages are numbered; number n lies in slot n modulo the capacity until n + capacity is sent or
/// the last of those that received when it was sent has read it. A receiver is the number that it
/// reads next. The numbers have 64 bits and are only compared by their distance.
/// The mutex protects everything but the messages, which are shared, copied and destroyed outside.
template <class T>
class broadcast_core {
public:
    static constexpr const char* closed_name = "broadcast closed";

    explicit broadcast_core(std::size_t capacity,
                            std::uint64_t first = 0,
                            std::source_location site = std::source_location::current())
        : capacity_(checked(capacity, site)), slots_(capacity_), tail_(first) {}

    /// Returns: false when nobody receives; then the message is the caller's alone.
    bool send(const shared_value<T>& message) {
        shared_value<T> overwritten;  // destroyed when the mutex is free
        wake_batch woken;
        mutex_lock held(mutex_);
        if (receivers_ == 0) return false;
        slot& s = slot_of(tail_);
        overwritten.swap(s.message);
        s.message = message;
        s.number = tail_;
        s.unread = receivers_;
        ++tail_;
        receiving_.fire_all(woken);
        return true;
    }

    void add_sender() noexcept {
        mutex_lock held(mutex_);
        ++senders_;
        ++ends_;
    }

    void drop_sender() noexcept {
        wake_batch woken;
        mutex_lock held(mutex_);
        if (--senders_ == 0) receiving_.fire_all(woken);
        let_go(held);
    }

    /// Returns: the number at which the new receiver starts.
    std::uint64_t add_receiver() noexcept {
        mutex_lock held(mutex_);
        ++receivers_;
        ++ends_;
        return tail_;
    }

    void drop_receiver(std::uint64_t next) noexcept {
        std::uint64_t end = 0;
        {
            wake_batch woken;
            mutex_lock held(mutex_);
            if (--receivers_ == 0)
                closing_.fire_all(woken);  // later messages do not count this receiver
            end = tail_;
            if (end - next > capacity_) next = end - capacity_;
        }
        // One by one, so that no message is destroyed under the mutex.
        for (; next != end; ++next) {
            shared_value<T> unread;
            mutex_lock held(mutex_);
            slot& s = slot_of(next);
            if (s.number == next) read_locked(s, unread);
        }
        mutex_lock held(mutex_);
        let_go(held);
    }

    std::size_t receiver_count() const noexcept {
        mutex_lock held(mutex_);
        return receivers_;
    }

    std::optional<broadcast_answer<T>> try_recv(std::uint64_t& next) noexcept {
        mutex_lock held(mutex_);
        return read_next_locked(next);
    }

    std::optional<broadcast_answer<T>> poll_recv(wait_node& node,
                                                 std::uint64_t& next,
                                                 const context& cx) noexcept {
        mutex_lock held(mutex_);
        auto got = read_next_locked(next);
        receiving_.poll(node, cx, got.has_value());
        return got;
    }

    void abandon_recv(wait_node& node) noexcept {
        mutex_lock held(mutex_);
        receiving_.forget(node);
    }

    /// Undoes a read whose answer was not used. If the message was overwritten meanwhile the
    /// receiver has lagged.
    void put_back(broadcast_answer<T>& got, std::uint64_t& next) noexcept {
        mutex_lock held(mutex_);
        next = got.at;
        if (!got.message) return;
        slot& s = slot_of(got.at);
        if (s.number != got.at) return;
        ++s.unread;
        if (!s.message) s.message.swap(got.message);
    }

    std::uint64_t behind(std::uint64_t next) const noexcept {
        mutex_lock held(mutex_);
        return tail_ - next;
    }

    bool poll_closed(wait_node& node, const context& cx) noexcept {
        mutex_lock held(mutex_);
        return closing_.poll(node, cx, receivers_ == 0);
    }

    void abandon_closed(wait_node& node) noexcept {
        mutex_lock held(mutex_);
        closing_.forget(node);
    }

private:
    struct slot {
        std::uint64_t number = ~std::uint64_t{0};
        std::size_t unread = 0;
        shared_value<T> message;
    };

    static std::size_t checked(std::size_t capacity, std::source_location site) noexcept {
        if (capacity < 1 || capacity > (std::uint64_t{1} << 32))
            fail("a broadcast channel needs a capacity of at least 1 and at most 2^32", site);
        return std::bit_ceil(capacity);
    }

    slot& slot_of(std::uint64_t number) noexcept { return slots_[number & (capacity_ - 1)]; }

    /// Ends the critical section for an end that lets go of the core, which may be gone afterwards.
    void let_go(mutex_lock& held) noexcept {
        const bool is_last = --ends_ == 0;
        held.unlock();
        if (is_last) delete this;
    }

    /// One receiver has read the slot; the last one takes the message.
    void read_locked(slot& s, shared_value<T>& into) noexcept {
        if (--s.unread == 0) {
            into.swap(s.message);
        } else {
            into = s.message;
        }
    }

    std::optional<broadcast_answer<T>> read_next_locked(std::uint64_t& next) noexcept {
        const std::uint64_t behind = tail_ - next;
        if (behind == 0 && senders_ != 0) return std::nullopt;
        broadcast_answer<T> got{next, {}, 0};
        if (behind > capacity_) {
            got.missed = behind - capacity_;
            next += got.missed;
        } else if (behind != 0) {
            read_locked(slot_of(next), got.message);
            ++next;
        }
        return got;
    }

    mutable mutex mutex_;
    const std::size_t capacity_;
    std::vector<slot> slots_;
    std::uint64_t tail_;  // the number of the next message
    std::size_t senders_ = 1;
    std::size_t receivers_ = 1;
    std::size_t ends_ = 2;  // senders and receivers, those included that are about to let go
    wait_list receiving_;
    wait_list closing_;
};

}  // namespace edo::detail
