#include <edo/timer/wheel/levels.h>

#include <algorithm>

namespace edo::detail {

void wheel_levels::file(timer_entry& entry) noexcept {
    const std::uint64_t at = std::max(number(entry.deadline_), position_);
    const unsigned level = level_of(at ^ position_);
    const unsigned index = digit(at, level);
    entry.level_ = static_cast<std::uint8_t>(level);
    entry.slot_ = static_cast<std::uint8_t>(index);

    wheel_level::slot& slot = levels_[level].slots[index];
    if (slot.entries.is_empty() || entry.deadline_ < slot.earliest) slot.earliest = entry.deadline_;
    slot.entries.push_back(entry);
    levels_[level].occupied |= std::uint64_t{1} << index;
    in_use_ |= std::uint64_t{1} << level;
}

void wheel_levels::remove(timer_entry& entry) noexcept {
    static_cast<list_node&>(entry).unlink();
    // An entry that has been passed is on another list. Then its old slot is empty and this changes
    // nothing, or has been filled anew and this does nothing.
    wheel_level& level = levels_[entry.level_];
    if (!level.slots[entry.slot_].entries.is_empty()) return;
    level.occupied &= ~(std::uint64_t{1} << entry.slot_);
    if (level.occupied == 0) in_use_ &= ~(std::uint64_t{1} << entry.level_);
}

void wheel_levels::note(instant now) noexcept {
    const std::uint64_t at = number(now);
    if (at <= position_) return;
    const unsigned level = level_of(at ^ position_);
    const std::uint64_t below = (std::uint64_t{1} << level) - 1;
    if ((in_use_ & below) != 0 || (levels_[level].occupied & reached_slots(at, level)) != 0) return;
    position_ = at;
}

void wheel_levels::pass(instant now, intrusive_list<timer_entry>& passed) noexcept {
    const std::uint64_t before = position_;
    position_ = std::max(number(now), before);
    const unsigned highest = level_of(before ^ position_);
    // Below the highest digit that has changed every slot lies behind the position.
    for (unsigned level = 0; level < highest; ++level)
        take(level, ~std::uint64_t{0}, passed);
    take(highest, reached_slots(position_, highest), passed);
}

void wheel_levels::take_all(intrusive_list<timer_entry>& all) noexcept {
    for (unsigned level = 0; level < level_count; ++level)
        take(level, ~std::uint64_t{0}, all);
}

void wheel_levels::take(unsigned level,
                        std::uint64_t slots,
                        intrusive_list<timer_entry>& to) noexcept {
    std::uint64_t left = levels_[level].occupied & slots;
    if (left == 0) return;
    levels_[level].occupied &= ~slots;
    if (levels_[level].occupied == 0) in_use_ &= ~(std::uint64_t{1} << level);
    for (; left != 0; left &= left - 1)
        to.append(levels_[level].slots[std::countr_zero(left)].entries);
}

wheel_level::slot& wheel_levels::first_slot() noexcept {
    wheel_level& level = levels_[std::countr_zero(in_use_)];
    return level.slots[std::countr_zero(level.occupied)];
}

instant wheel_levels::earliest() const noexcept {
    if (is_empty()) return instant::max();
    return const_cast<wheel_levels*>(this)->first_slot().earliest;
}

instant wheel_levels::exact_earliest() noexcept {
    if (is_empty()) return instant::max();
    wheel_level::slot& slot = first_slot();
    slot.earliest = instant::max();
    for (timer_entry* entry = slot.entries.front(); entry; entry = slot.entries.after(*entry))
        slot.earliest = std::min(slot.earliest, entry->deadline_);
    return slot.earliest;
}

}  // namespace edo::detail
