// What stands behind the seams of the production sources in the model build, besides the types.

#include <edo_check/engine.h>
#include <edo_check/lock.h>

#include <edo/base/check.h>
#include <edo/base/clock.h>
#include <edo/base/seam/futex.h>

namespace edo::detail {

// A broken invariant ends the run, not the process.
void fail(const char* what, std::source_location) noexcept {
    edo_check::engine::get().fail(what);
}

instant monotonic_clock::read() noexcept {
    return instant{duration{static_cast<std::int64_t>(edo_check::read_clock())}};
}

bool futex_wait(const atomic<std::uint32_t>& word,
                std::uint32_t expected,
                duration limit) noexcept {
    return edo_check::futex_wait(
        &word,
        [](const void* at, std::uint32_t e) noexcept {
            return static_cast<const atomic<std::uint32_t>*>(at)->load_newest() == e;
        },
        expected, limit);
}

void futex_wake(const atomic<std::uint32_t>& word, int count) noexcept {
    edo_check::futex_wake(&word, count);
}

}  // namespace edo::detail
