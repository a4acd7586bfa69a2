#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace edo {

/// How a pool of threads for blocking calls does: all figures of one instant.
///
/// Each call that was submitted is in one place: `submitted` is the sum of `queued`, `running`,
/// `completed`, `refused` and `cancelled`. A `queued` that stays above zero means that the pool is
/// too small for what it is asked, or that what it asks is too slow.
struct blocking_pool_metrics {
    blocking_pool_metrics() noexcept {}

    std::string name;
    unsigned max_threads = 0;     ///< most threads it may have
    unsigned threads = 0;         ///< that exist; they are started on demand
    unsigned idle_threads = 0;    ///< of them: without a call, and not on their way to one
    std::size_t running = 0;      ///< calls that threads make now
    std::size_t queued = 0;       ///< calls that wait for a thread
    std::uint64_t submitted = 0;  ///< calls since the start, those below included
    std::uint64_t completed = 0;  ///< returned or thrown, whether or not somebody still waited
    std::uint64_t refused = 0;    ///< never made: too many waited, no thread, or shutdown
    std::uint64_t cancelled = 0;  ///< never made: dropped before they began
};

}  // namespace edo
