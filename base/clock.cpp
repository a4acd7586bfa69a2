#include <edo/base/clock.h>

#include <ctime>

namespace edo::detail {

instant monotonic_clock::read() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return instant{duration{static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec}};
}

}  // namespace edo::detail
