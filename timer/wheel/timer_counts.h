#pragma once

#include <edo/base/histogram.h>
#include <edo/base/seam/counter.h>

namespace edo::detail {

/// What a wheel counts for metrics, under its lock.
struct timer_counts {
    counter armed;
    counter fired;
    counter ended;  ///< cancelled, or given up by the shutdown
    duration_counts lateness;
};

}  // namespace edo::detail
