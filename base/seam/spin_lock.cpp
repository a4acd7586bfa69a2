#include <edo/base/seam/spin_lock.h>

#include <edo/base/seam/spin_wait.h>

namespace edo::detail {

void spin_lock::lock_slow() noexcept {
    for (spin_wait wait;; wait.once(word_)) {
        if (word_.load(relaxed) == 0 &&       // only a hint; the exchange decides
            word_.exchange(1, acquire) == 0)  // L
            return;
    }
}

}  // namespace edo::detail
