#pragma once

#include <cstdint>

namespace edo::detail {

/// A small generator for choices of the scheduler: whom to steal from, which branch goes first. One
/// per worker, seeded from the runtime's seed, so that a run can be repeated.
/// Thread-safe: no.
/// Source: S. Vigna, splitmix64 (seeding) and xorshift64* (stream).
class random {
public:
    explicit random(std::uint64_t seed) noexcept : state_(mix(seed) | 1) {}

    std::uint64_t next() noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1dULL;
    }

    /// A number in [0, bound); bound must not be 0.
    std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
    }

    /// Either, each as often. Costs a third of below(2): one number makes 63 of these.
    bool coin() noexcept {
        if (coins_ == 1) coins_ = next() | (std::uint64_t{1} << 63);
        const bool side = (coins_ & 1) != 0;
        coins_ >>= 1;
        return side;
    }

private:
    static std::uint64_t mix(std::uint64_t x) noexcept {
        x += 0x9e3779b97f4a7c15ULL;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
        return x ^ (x >> 31);
    }

    std::uint64_t state_;
    std::uint64_t coins_ = 1;  // not used yet: lowest first, up to the highest bit that is set
};

}  // namespace edo::detail
