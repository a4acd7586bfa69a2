#pragma once
// The seam's locks as single steps. The real ones are models of their own (locks_model.cpp); in all
// others their dozen of atomic operations would only multiply what there is to explore.

#include "clock.h"
#include <chrono>
#include <cstdint>
#include <source_location>

namespace edo_check {

/// Taking it is a step. Giving it back is none: whatever others could do just before, they can do
/// just after, unless they try_lock().
class mutex {
public:
    using place = std::source_location;
    constexpr mutex() noexcept = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;

    constexpr ~mutex() {
        if (!std::is_constant_evaluated()) destroy();
    }

    void lock(place at = place::current()) noexcept;
    bool try_lock(place at = place::current()) noexcept;
    void unlock(place at = place::current()) noexcept;

private:
    void start_run() noexcept;
    void step() noexcept;
    void destroy() noexcept;

    static constexpr std::uint8_t nobody = 0xff;
    std::uint8_t holder_ = nobody;
    std::uint8_t run_skips_ = 0;  // holders that a mutant has let in beside the lock
    std::uint32_t run_ = 0;
    std::uint32_t id_ = 0;   // of the location that stands for it where it counts who uses what
    std::uint64_t log_ = 0;  // for the fingerprint: who gave it back last
    view released_;
};

class [[nodiscard]] mutex_lock {
public:
    explicit mutex_lock(mutex& m, mutex::place at = mutex::place::current()) noexcept : mutex_(&m) {
        m.lock(at);
    }

    mutex_lock(const mutex_lock&) = delete;
    mutex_lock& operator=(const mutex_lock&) = delete;

    ~mutex_lock() {
        if (mutex_ != nullptr) mutex_->unlock();
    }

    void unlock() noexcept {
        mutex_->unlock();
        mutex_ = nullptr;
    }

private:
    mutex* mutex_;
};

class spin_lock : public mutex {};

class [[nodiscard]] spin_guard : public mutex_lock {
public:
    explicit spin_guard(spin_lock& m, mutex::place at = mutex::place::current()) noexcept
        : mutex_lock(m, at) {}
};

/// A binary permit that one thread waits for; as base/seam/parker.h.
class parker {
public:
    using place = std::source_location;
    constexpr parker() noexcept = default;
    parker(const parker&) = delete;
    parker& operator=(const parker&) = delete;

    bool park(std::chrono::nanoseconds limit = std::chrono::nanoseconds::max(),
              place at = place::current()) noexcept;
    void unpark(place at = place::current()) noexcept;

private:
    void start_run() noexcept;

    bool has_permit_ = false;
    std::uint32_t run_ = 0;
    std::uint64_t log_ = 0;  // for the fingerprint: all who gave the permit
    view released_;
};

class atomic_word;

/// What the kernel's futex does: `load_newest` looks at the word as the kernel would.
bool futex_wait(const void* word,
                bool (*is_expected)(const void* word, std::uint32_t expected) noexcept,
                std::uint32_t expected,
                std::chrono::nanoseconds limit) noexcept;
void futex_wake(const void* word, int count) noexcept;

/// A loop that looks at `word` until it is free: others go on meanwhile, at no price, and what they
/// have stored is visible then.
void spin_until(bool (*is_free)(const void* word, unsigned thread) noexcept,
                const void* word) noexcept;

/// The run's clock: moves only when a bounded wait ends by its limit.
std::uint64_t read_clock() noexcept;

}  // namespace edo_check
