#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <thread>
#include <utility>

#include <edo/base/random.h>

namespace edo::testing {

/// The seed of a race test: EDO_SEED, or a fixed one.
inline std::uint64_t seed_of_races() {
    const char* const given = std::getenv("EDO_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : 20'240'229;
}

/// Passes some time without giving up the processor.
inline void spin(std::uint32_t steps) {
    // Volatile, because a compiler may take a loop away that only counts.
    volatile std::uint32_t passed = 0;
    while (passed < steps) {
        const std::uint32_t more = passed + 1;
        passed = more;
    }
}

/// A second thread that acts at about the same moment as the caller, once in each round.
class rival {
public:
    rival() : thread_([this] { serve(); }) {}

    rival(const rival&) = delete;
    rival& operator=(const rival&) = delete;

    ~rival() {
        action_ = nullptr;
        called_.fetch_add(1, std::memory_order_release);
        thread_.join();
    }

    /// Returns when the other thread stands ready, which then passes `delay` and calls `action`.
    void meet(std::function<void()> action, std::uint32_t delay) {
        action_ = std::move(action);
        delay_ = delay;
        const unsigned round = called_.fetch_add(1, std::memory_order_release) + 1;
        while (ready_.load(std::memory_order_acquire) != round)
            std::this_thread::yield();
        go_.store(round, std::memory_order_release);
    }

    /// Waits until it has.
    void finish() {
        const unsigned round = called_.load(std::memory_order_relaxed);
        while (ended_.load(std::memory_order_acquire) != round)
            std::this_thread::yield();
    }

private:
    void serve() {
        for (unsigned round = 1;; ++round) {
            while (called_.load(std::memory_order_acquire) != round)
                std::this_thread::yield();
            if (!action_) return;
            ready_.store(round, std::memory_order_release);
            for (int idle = 0; go_.load(std::memory_order_acquire) != round; ++idle)
                if (idle > 10'000) std::this_thread::yield();
            spin(delay_);
            action_();
            ended_.store(round, std::memory_order_release);
        }
    }

    std::function<void()> action_;
    std::uint32_t delay_ = 0;
    std::atomic<unsigned> called_{0};
    std::atomic<unsigned> ready_{0};
    std::atomic<unsigned> go_{0};
    std::atomic<unsigned> ended_{0};
    std::thread thread_;
};

}  // namespace edo::testing
