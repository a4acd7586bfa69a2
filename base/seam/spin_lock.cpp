#include <edo/base/seam/spin_lock.h>

#include <edo/base/clock.h>
#include <edo/base/seam/futex.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

void spin_lock::lock_slow() noexcept {
    constexpr duration step = std::chrono::microseconds(20);
    for (int spun = 0;;) {
        if (word_.load(relaxed) == 0 &&       // only a hint; the exchange decides
            word_.exchange(1, acquire) == 0)  // L
            return;
        if (spun < tuning::spin_lock_spins) {
            ++spun;
            spin_hint();
        } else {
            futex_wait(word_, 1, step);  // nobody wakes: it ends by its limit
        }
    }
}

}  // namespace edo::detail
