#pragma once
// Sleeping on a 32-bit word: the one primitive under the mutex and the parker.

#include <cstdint>

#include <edo/base/clock.h>
#include <edo/base/seam/atomic.h>

namespace edo::detail {

/// Sleeps while `word` holds `expected`, at most for `limit`; `duration::max()` means no limit. May
/// return early for no reason: the caller looks at the word again.
/// Returns: false when the limit has passed.
bool futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected, duration limit) noexcept;

/// Wakes up to `count` threads that sleep on `word`. Only the address is used, so the word may be
/// gone by the time of the call: at worst a stranger that sleeps at the same address wakes once too
/// often.
void futex_wake(const atomic<std::uint32_t>& word, int count) noexcept;

}  // namespace edo::detail
