#pragma once
// A lock for critical sections that are short and seldom meet.

#if defined(EDO_MODEL) && !defined(EDO_MODEL_LOCKS)
// One step instead of a dozen; the real one is what tests/model/locks_model.cpp checks.
#include <edo_check/lock.h>

namespace edo::detail {
using edo_check::spin_guard;
using edo_check::spin_lock;
}  // namespace edo::detail
#else
#include <cstdint>

#include <edo/base/seam/atomic.h>

namespace edo::detail {

// spin_lock: mutual exclusion at the price of one read-modify-write; a mutex costs two.
//
//   free (0) ──lock (L)──► held (1) ──unlock (U)──► free
//
//  mark  where   transition    ordering  pairs with
//  L     lock    free -> held  acquire   U: sees what the last holder wrote
//  U     unlock  held -> free  release   L
//
// Who finds it held waits as spin_wait.h says. Model: tests/model/locks_model.cpp.
class spin_lock {
public:
    spin_lock() = default;
    spin_lock(const spin_lock&) = delete;
    spin_lock& operator=(const spin_lock&) = delete;

    void lock() noexcept {
        if (word_.exchange(1, acquire) != 0) [[unlikely]]  // L
            lock_slow();
    }

    void unlock() noexcept { word_.store(0, release); }  // U

private:
    void lock_slow() noexcept;

    atomic<std::uint32_t> word_{0};
};

/// Holds a spin lock for a scope.
class [[nodiscard]] spin_guard {
public:
    explicit spin_guard(spin_lock& lock) noexcept : lock_(lock) { lock.lock(); }

    spin_guard(const spin_guard&) = delete;
    spin_guard& operator=(const spin_guard&) = delete;

    ~spin_guard() { lock_.unlock(); }

private:
    spin_lock& lock_;
};

}  // namespace edo::detail
#endif
