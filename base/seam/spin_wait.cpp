#include <edo/base/seam/spin_wait.h>

#include <edo/base/clock.h>
#include <edo/base/seam/futex.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

void spin_wait::once() noexcept {
    if (spun_ < tuning::spin_lock_spins) {
        ++spun_;
        spin_hint();
        return;
    }
    constexpr duration step = std::chrono::microseconds(20);
    const atomic<std::uint32_t> nobodys{0};
    futex_wait(nobodys, 0, step);  // nobody wakes: it ends by its limit
}

}  // namespace edo::detail
