#pragma once

#include <cstdint>

#include <edo/base/seam/atomic.h>

namespace edo::detail {

/// What an operation waits for.
enum class interest : std::uint8_t { read, write };

/// What was known of a descriptor at one moment.
class readiness_view {
public:
    static constexpr std::uint32_t readable = 1, writable = 2, read_closed = 4, write_closed = 8,
                                   error = 16, dropped = 32, orphaned = 64, urgent = 128,
                                   tick_one = 256;
    static constexpr std::uint32_t everything =
        readable | writable | read_closed | write_closed | error;

    explicit readiness_view(std::uint32_t word) noexcept : word_(word) {}

    /// True when a call is worth trying: it may move something, or say what is wrong.
    bool allows(interest what) const noexcept { return (word_ & mask_of(what)) != 0; }

    /// The owner has let go of the descriptor.
    bool is_dropped() const noexcept { return (word_ & dropped) != 0; }

    /// The reactor has shut down: no event will come any more.
    bool is_orphaned() const noexcept { return (word_ & orphaned) != 0; }

    /// The peer has sent urgent data: reads stop at its place, so a short one is no sign that
    /// nothing is left.
    bool has_urgent_data() const noexcept { return (word_ & urgent) != 0; }

    /// True when nothing has happened between the two views; what has been cleared does not count.
    bool is_as_old_as(readiness_view other) const noexcept {
        return word_ / tick_one == other.word_ / tick_one;
    }

private:
    friend class readiness;

    static constexpr std::uint32_t mask_of(interest what) noexcept {
        return what == interest::read ? readable | read_closed | error
                                      : writable | write_closed | error;
    }

    static constexpr std::uint32_t clearable(interest what) noexcept {
        return what == interest::read ? readable : writable;
    }

    std::uint32_t word_;
};

// readiness: what the kernel has said of a descriptor, in one word: bits and a tick.
//
// `readable` and `writable` say that a call may succeed; they are set at the start, when nothing is
// known, and by events; an operation clears its bit when its call would have blocked or took less
// than it asked for. The other bits are never cleared: data and the end of a stream may come in one
// event. The tick counts events. An operation clears only what it saw before its call: if an event
// came in between, the tick differs and the bit stays, because the event may be younger than the
// call.
//
//  mark  where   transition                        ordering  pairs with
//  E     set     bits on, tick + 1                 release   R: what the setter did before is seen
//  R     look    reads                             acquire   E
//  K     clear   one bit off, if the tick is old   relaxed   nothing: the operation's own picture;
//                                                            who loses a bit learns it by a call
//
// A wait looks again under the registration's lock, and whoever sets takes that lock afterwards to
// wake, so an event is either seen by the look or finds the waiter; see registration.h. Model:
// tests/model/readiness_model.cpp.
class readiness {
public:
    readiness_view look() const noexcept { return readiness_view(word_.load(acquire)); }  // R

    void set(std::uint32_t bits) noexcept {
        std::uint32_t seen = word_.load(relaxed);  // the CAS below decides
        for (;;) {
            const std::uint32_t next = (seen | bits) + readiness_view::tick_one;
            if (word_.compare_exchange_weak(seen, next, release, relaxed)) return;  // E
        }
    }

    void clear(interest what, readiness_view before) noexcept {
        std::uint32_t seen = before.word_;
        while (readiness_view(seen).is_as_old_as(before) &&
               !word_.compare_exchange_weak(seen, seen & ~readiness_view::clearable(what), relaxed,
                                            relaxed)) {  // K
        }
    }

private:
    atomic<std::uint32_t> word_{readiness_view::readable | readiness_view::writable};
};

}  // namespace edo::detail
