#pragma once
// Puts one thread to sleep until another wakes it.

#if defined(EDO_MODEL) && !defined(EDO_MODEL_LOCKS)
// One step instead of a dozen; the real one is what tests/model/locks_model.cpp checks.
#include <edo_check/lock.h>

namespace edo::detail {
using edo_check::parker;
}  // namespace edo::detail
#else
#include <cstdint>

#include <edo/base/clock.h>
#include <edo/base/seam/atomic.h>

namespace edo::detail {

// parker: a binary permit that one thread waits for.
//
//   empty (0) ──park (P)──► parked (1) ──unpark (N)──► notified (2) ──park takes it (T)──► empty
//   empty ──unpark (N)──► notified
//
//  mark  where   transition            ordering  pairs with
//  P     park    empty  -> parked      relaxed   nothing: publishes no data, T orders what follows
//  T     park    notified -> empty     acquire   N: what was written before unpark() is seen
//  N     unpark  any    -> notified    release   T
//
// A permit given before park() makes the next park() return at once, so no wake can be lost. Model:
// tests/model/locks_model.cpp.
class parker {
public:
    /// Waits for a permit, at most for `limit`, and takes it.
    /// Returns: false when the limit passed without a permit.
    bool park(duration limit = duration::max()) noexcept;
    /// Gives the permit. Thread-safe: yes; the parker must outlive the call.
    void unpark() noexcept;

private:
    atomic<std::uint32_t> word_{0};
};

}  // namespace edo::detail
#endif
