#include <edo/base/seam/parker.h>

#include <algorithm>

#include <edo/base/seam/futex.h>

namespace edo::detail {
namespace {
constexpr std::uint32_t empty = 0, parked = 1, notified = 2;
}

bool parker::park(duration limit) noexcept {
    const bool bounded = limit != duration::max();
    // Not before now: what is left of an instant at the beginning of time cannot be counted.
    const duration span = std::max(limit, duration::zero());
    const instant until = bounded ? saturating_add(monotonic_clock::read(), span) : instant::max();
    for (;;) {
        std::uint32_t seen = notified;
        if (word_.compare_exchange_strong(seen, empty, acquire, relaxed)) return true;  // T; else P
        seen = empty;
        // P; a permit came: T next turn
        word_.compare_exchange_strong(seen, parked, relaxed, relaxed);
        if (seen == notified) continue;
        const duration left = bounded ? until - monotonic_clock::read() : duration::max();
        if (!futex_wait(word_, parked, left)) {
            // Withdraw, but never throw away a permit that arrived meanwhile.
            return word_.exchange(empty, acquire) == notified;  // T
        }
    }
}

void parker::unpark() noexcept {
    if (word_.exchange(notified, release) == parked) futex_wake(word_, 1);  // N
}

}  // namespace edo::detail
