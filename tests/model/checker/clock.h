#pragma once
// What a thread knows of the others, as vector clocks.

#include <cstdint>
#include <cstring>

namespace edo_check {

/// The scenario's own thread, which is thread 0, and those it starts.
inline constexpr unsigned max_threads = 8;

/// For each thread, how many of its steps are known. A step is an atomic operation, a lock, or
/// whatever lies between two of them: plain accesses count to the step that follows.
struct vector_clock {
    std::uint16_t at[max_threads] = {};

    void join(const vector_clock& other) noexcept {
        for (unsigned i = 0; i < max_threads; ++i)
            at[i] = at[i] < other.at[i] ? other.at[i] : at[i];
    }

    bool is_within(const vector_clock& other) const noexcept {
        using lanes [[gnu::vector_size(sizeof at)]] =
            std::uint16_t;  // in two instructions or three
        lanes mine, bound;
        std::memcpy(&mine, at, sizeof at);
        std::memcpy(&bound, other.at, sizeof at);
        const auto beyond = mine > bound;
        std::uint64_t halves[2];
        static_assert(sizeof halves == sizeof beyond);
        std::memcpy(halves, &beyond, sizeof halves);
        return (halves[0] | halves[1]) == 0;
    }

    bool covers(unsigned thread, std::uint16_t step) const noexcept { return step <= at[thread]; }
};

/// What happens before a point of a thread: steps, and the last seq_cst fence among them. The fence
/// is apart from the clock because it makes older stores invisible without making anything happen
/// before: a race that only a fence "orders" is a race.
struct view {
    vector_clock clock;
    std::uint16_t fence = 0;

    void join(const view& other) noexcept {
        clock.join(other.clock);
        fence = fence < other.fence ? other.fence : fence;
    }
};

}  // namespace edo_check
