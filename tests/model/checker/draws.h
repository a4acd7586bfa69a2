#pragma once

#include <cstdint>

namespace edo_check {

/// Random numbers that are the same everywhere for the same seed (xorshift64*).
class draws {
public:
    explicit draws(std::uint64_t seed) noexcept : state_(seed * 0x9e3779b97f4a7c15ULL | 1) {}

    /// 48 random bits.
    std::uint64_t next() noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return (state_ * 0x2545f4914f6cdd1dULL) >> 16;
    }

    unsigned below(unsigned count) noexcept { return static_cast<unsigned>(next() % count); }

private:
    std::uint64_t state_;
};

}  // namespace edo_check
