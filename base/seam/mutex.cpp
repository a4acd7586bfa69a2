#include <edo/base/seam/mutex.h>

#include <edo/base/seam/futex.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

void mutex::lock_slow() noexcept {
    // Critical sections are tens of nanoseconds long: a short spin mostly saves the sleep.
    for (int i = 0; i < tuning::mutex_spins; ++i) {
        std::uint32_t expected = 0;
        if (word_.load(relaxed) == 0 &&  // only a hint; the exchange decides
            word_.compare_exchange_weak(expected, 1, acquire, relaxed))  // L; failure retries
            return;
        spin_hint();
    }
    while (word_.exchange(2, acquire) != 0)
        futex_wait(word_, 2, duration::max());  // C
}

void mutex::wake_one() noexcept {
    futex_wake(word_, 1);
}

}  // namespace edo::detail
