#pragma once
// The states in which a search has been.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edo_check {

/// From each state it is enough to go on once: with the most that is left to spend.
class visited {
public:
    void clear() noexcept {
        entries_.assign(entries_.empty() ? std::size_t{1} << 12 : entries_.size(), entry{});
        count_ = 0;
    }

    /// Notes that the search goes on from `state`, having spent so much.
    /// Returns: false if it did so before, with as much or more left.
    bool enter(std::uint64_t state, unsigned preemptions, unsigned oddities) {
        if (state == 0) state = 1;
        if (4 * count_ >= 3 * entries_.size() && entries_.size() < most) grow();
        entry& at = find(state);
        if (at.state == state && at.preemptions <= preemptions && at.oddities <= oddities)
            return false;
        if (at.state == 0 && 4 * count_ >= 3 * entries_.size()) return true;  // forgets it
        count_ += at.state == 0 ? 1 : 0;
        at = {state, preemptions, oddities};
        return true;
    }

private:
    struct entry {
        std::uint64_t state = 0;
        std::uint32_t preemptions = 0;
        std::uint32_t oddities = 0;
    };

    static constexpr std::size_t most = std::size_t{1} << 23;  // 128 MiB

    entry& find(std::uint64_t state) noexcept {
        std::size_t i = state & (entries_.size() - 1);
        while (entries_[i].state != 0 && entries_[i].state != state)
            i = (i + 1) & (entries_.size() - 1);
        return entries_[i];
    }

    void grow() {
        std::vector<entry> before(2 * entries_.size());
        before.swap(entries_);
        for (const entry& e : before)
            if (e.state != 0) find(e.state) = e;
    }

    std::vector<entry> entries_;
    std::size_t count_ = 0;
};

}  // namespace edo_check
