#pragma once
// Waiting for a lock whose holder tells nobody when it is done.

#include <edo/base/seam/atomic.h>

#if defined(EDO_MODEL) && !defined(EDO_MODEL_LOCKS)
#include <edo_check/lock.h>
#endif

namespace edo::detail {

/// Waits for a word whose lowest bit says that somebody has locked it: spins for a moment, and then
/// sleeps in short steps, because the holder may have lost its processor, or be visiting a long
/// list.
///
///     for (spin_wait wait; !try_lock();)
///         wait.once(word);
class spin_wait {
public:
    template <class T>
    void once([[maybe_unused]] const atomic<T>& locked) noexcept {
#if defined(EDO_MODEL) && !defined(EDO_MODEL_LOCKS)
        // The loop as one step; that of spin_lock is explored as it is.
        edo_check::spin_until(
            [](const void* word, unsigned) noexcept {
                return (static_cast<const atomic<T>*>(word)->glimpse_newest() & 1) == 0;
            },
            &locked);
#else
        once();
#endif
    }

private:
    void once() noexcept;

    int spun_ = 0;
};

}  // namespace edo::detail
