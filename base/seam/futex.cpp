#include <edo/base/seam/futex.h>

#include <climits>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace edo::detail {

static_assert(sizeof(atomic<std::uint32_t>) == sizeof(std::uint32_t));

bool futex_wait(const atomic<std::uint32_t>& word,
                std::uint32_t expected,
                duration limit) noexcept {
    timespec timeout{};
    const timespec* at_most = nullptr;
    if (limit != duration::max()) {
        if (limit <= duration::zero()) return false;
        timeout.tv_sec = static_cast<std::time_t>(limit.count() / 1'000'000'000);
        timeout.tv_nsec = static_cast<long>(limit.count() % 1'000'000'000);
        at_most = &timeout;
    }
    const long answer =
        ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, at_most, nullptr, 0);
    return !(answer < 0 && errno == ETIMEDOUT);
}

void futex_wake(const atomic<std::uint32_t>& word, int count) noexcept {
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

}  // namespace edo::detail
