#pragma once

#include <cstdint>

#include <edo/base/seam/atomic.h>

namespace edo::detail {

/// A build that counts and samples nothing, to measure what metrics cost.
#if defined(EDO_WITHOUT_METRICS)
inline constexpr bool without_metrics = true;
#else
inline constexpr bool without_metrics = false;
#endif

/// A figure for people: counted by one thread, or by whoever holds one lock, and read by any. No
/// decision may follow from it.
///
/// Costs an ordinary addition: where only one writes, nothing is lost between the load and the
/// store. Under the model checker it counts nothing, because each access would be one more step to
/// interleave; nor in a build with EDO_WITHOUT_METRICS.
class counter {
public:
#if defined(EDO_MODEL) || defined(EDO_WITHOUT_METRICS)
    void add(std::uint64_t = 1) noexcept {}

    std::uint64_t get() const noexcept { return 0; }
#else
    void add(std::uint64_t more = 1) noexcept {
        value_.store(value_.load(relaxed) + more, relaxed);  // nothing is published by it
    }

    std::uint64_t get() const noexcept { return value_.load(relaxed); }  // only a picture of it

private:
    atomic<std::uint64_t> value_{0};
#endif
};

}  // namespace edo::detail
