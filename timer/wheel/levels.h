#pragma once

#include <bit>
#include <cstdint>

#include <edo/base/clock.h>
#include <edo/base/intrusive_list.h>
#include <edo/base/seam/tuning.h>
#include <edo/timer/wheel/entry.h>

namespace edo::detail {

/// One level of the wheel: a ring of slots, of which a bit mask says which are in use.
struct wheel_level {
    static constexpr unsigned slot_count = 1u << tuning::wheel_slot_bits;

    struct slot {
        intrusive_list<timer_entry> entries;
        /// No entry of the slot is due before this. Exact until the earliest entry is removed; then
        /// it stays, so that removing is O(1), and the wheel looks at the slot once too early.
        instant earliest;
    };

    std::uint64_t occupied = 0;
    slot slots[slot_count];
};

/// Files entries by deadline: the sequential half of a timer wheel.
///
/// Time is a number of 64 bits, one nanosecond each, and the wheel reads it as digits to the base
/// 64. An entry is filed at the level of the highest digit in which its deadline differs from the
/// wheel's position, in the slot that the digit names. So all entries of a level lie behind those
/// of the levels below, and the slots of a level in order of time; eleven levels span all of time,
/// and nothing wraps.
///
/// The lowest level is a single nanosecond, so that deadlines that are close together are told
/// apart by filing and never by looking through a slot again and again: an entry moves down at most
/// once per level, however many share a slot. Those levels cost nothing when they are not needed,
/// because entries move down only when one of their slot is due, not when time enters the slot.
///
/// Thread-safe: no; timer_wheel's lock protects it.
/// Source: G. Varghese and A. Lauck, "Hashed and hierarchical timing wheels", scheme 7; the choice
///         of the level by the highest differing digit as in Tokio.
class wheel_levels {
public:
    wheel_levels() noexcept = default;
    wheel_levels(const wheel_levels&) = delete;
    wheel_levels& operator=(const wheel_levels&) = delete;

    /// Files the entry under its deadline. Cost: O(1).
    void file(timer_entry& entry) noexcept;
    /// Takes the entry out, or off the list that pass() or take_all() has put it on. Cost: O(1).
    void remove(timer_entry& entry) noexcept;

    /// Tells the wheel the time, which it takes note of when this moves no entry: deadlines are
    /// filed finer the closer they are to the position.
    void note(instant now) noexcept;
    /// Moves the position to `now`, unless it is there or beyond, and appends to `passed` the
    /// entries of all slots that begin at or before the position: those that are due, and some that
    /// are not.
    /// Cost: O(slots), whatever they contain.
    void pass(instant now, intrusive_list<timer_entry>& passed) noexcept;
    /// Appends every entry to `all`.
    void take_all(intrusive_list<timer_entry>& all) noexcept;

    bool is_empty() const noexcept { return in_use_ == 0; }

    /// No entry is due before this; `instant::max()` when none ever is. Cost: O(1).
    instant earliest() const noexcept;
    /// The deadline of the entry that is due first, or `instant::max()`. Cost: O(entries of one
    /// slot).
    instant exact_earliest() noexcept;

private:
    static constexpr unsigned bits = tuning::wheel_slot_bits;
    static constexpr unsigned level_count = (64 + bits - 1) / bits;
    static_assert(bits <= 6 && level_count <= 64, "the masks have 64 bits");

    /// Instants as unsigned numbers of the same order.
    static std::uint64_t number(instant at) noexcept {
        return static_cast<std::uint64_t>(at.time_since_epoch().count()) ^ (std::uint64_t{1} << 63);
    }

    static unsigned level_of(std::uint64_t difference) noexcept {
        return static_cast<unsigned>(std::bit_width(difference | 1) - 1) / bits;
    }

    static unsigned digit(std::uint64_t number, unsigned level) noexcept {
        return static_cast<unsigned>(number >> (level * bits)) & (wheel_level::slot_count - 1);
    }

    /// The slots of the level that begin at or before `position`, if it is in the level's present
    /// round.
    static std::uint64_t reached_slots(std::uint64_t position, unsigned level) noexcept {
        return ~std::uint64_t{0} >> (63 - digit(position, level));
    }

    void take(unsigned level, std::uint64_t slots, intrusive_list<timer_entry>& to) noexcept;
    wheel_level::slot& first_slot() noexcept;

    std::uint64_t position_ = 0;
    std::uint64_t in_use_ = 0;  // levels that have an occupied slot
    wheel_level levels_[level_count];
};

}  // namespace edo::detail
