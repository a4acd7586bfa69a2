#pragma once
// The state of a run in 64 bits.

#include "clock.h"
#include <cstdint>

namespace edo_check {

/// What a thread does next depends only on what it has seen so far; what it can see, on the stores
/// of each location in their order. So a state is the history of each thread, as a hash of what its
/// operations saw, and the log of each location. Whose steps came first is no part of it unless
/// somebody could tell, so runs that differ only in that meet in the same state.
///
/// What is seen is named by who stored it and in which of its steps, never by its value: addresses
/// differ from run to run.
class fingerprint {
public:
    void start_run() noexcept { *this = {}; }

    /// An operation of `thread` is over, and has seen `what`. Returns: its history with that.
    std::uint64_t saw(unsigned thread, std::uint64_t what) noexcept {
        std::uint64_t& history = histories_[thread];
        sum_ -= mixed(history, thread);
        history = mixed(history, what);
        sum_ += mixed(history, thread);
        return history;
    }

    /// The log of a location grows by `what`.
    void changed(std::uint64_t& log, std::uint64_t what) noexcept {
        sum_ -= log;
        logs_ -= log;
        log = mixed(log, what);
        sum_ += log;
        logs_ += log;
    }

    /// All locations together.
    std::uint64_t of_memory() const noexcept { return logs_; }

    std::uint64_t of_all() const noexcept { return sum_; }

    static std::uint64_t mixed(std::uint64_t a, std::uint64_t b) noexcept {
        std::uint64_t x = a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2));
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;  // the finalizer of splitmix64
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
        return x ^ (x >> 31);
    }

private:
    std::uint64_t histories_[max_threads] = {};
    std::uint64_t logs_ = 0;
    std::uint64_t sum_ = 0;
};

}  // namespace edo_check
