#pragma once
// A four-byte mutex for short critical sections. std::mutex would do the same job in 40 bytes and
// with <mutex> in every public header that embeds one.

#if defined(EDO_MODEL) && !defined(EDO_MODEL_LOCKS)
// One step instead of a dozen; the real one is what tests/model/locks_model.cpp checks.
#include <edo_check/lock.h>

namespace edo::detail {
using edo_check::mutex;
using edo_check::mutex_lock;
}  // namespace edo::detail
#else
#include <cstdint>

#include <edo/base/seam/atomic.h>

namespace edo::detail {

// mutex: mutual exclusion between threads; sleepers wait in the kernel.
//
//   free (0) ──lock (L)──► held (1) ──lock finds it held (C)──► contended (2)
//     ▲                       │                                     │
//     └────── unlock (U) ─────┴──────────── unlock (U), wakes ──────┘
//
//  mark  where   transition             ordering  pairs with
//  L     lock    free -> held           acquire   U: sees what the last holder wrote
//  C     lock    any  -> contended      acquire   U, when it finds the mutex free
//  U     unlock  any  -> free           release   L, C
//
// The unlocking thread touches only the address after U, never the memory: an object may be freed
// by whoever locks its mutex next, also while the unlocking thread is still about to wake a
// sleeper.
// Model: tests/model/locks_model.cpp.
// Source: U. Drepper, "Futexes are tricky", mutex 2.
class mutex {
public:
    mutex() = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;

    void lock() noexcept {
        std::uint32_t expected = 0;
        // L; failure retries in C
        if (!word_.compare_exchange_strong(expected, 1, acquire, relaxed)) lock_slow();
    }

    bool try_lock() noexcept {
        std::uint32_t expected = 0;
        // L; failure: nothing seen
        return word_.compare_exchange_strong(expected, 1, acquire, relaxed);
    }

    void unlock() noexcept {
        if (word_.exchange(0, release) == 2) wake_one();  // U
    }

private:
    void lock_slow() noexcept;
    void wake_one() noexcept;

    atomic<std::uint32_t> word_{0};
};

/// Holds a mutex for a scope.
class [[nodiscard]] mutex_lock {
public:
    explicit mutex_lock(mutex& m) noexcept : mutex_(&m) { m.lock(); }

    mutex_lock(const mutex_lock&) = delete;
    mutex_lock& operator=(const mutex_lock&) = delete;

    ~mutex_lock() {
        if (mutex_ != nullptr) mutex_->unlock();
    }

    /// Ends the critical section before the scope does.
    void unlock() noexcept {
        mutex_->unlock();
        mutex_ = nullptr;
    }

private:
    mutex* mutex_;
};

}  // namespace edo::detail
#endif
