#pragma once

#include <algorithm>

#include <edo/base/clock.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

/// Decides whether a worker that has nothing to do spins for a moment before it parks.
///
/// Waking a parked thread costs tens of microseconds on the way; a spinning one answers at once.
/// That pays only where the next thing comes soon, so the worker spins while its recent waits were
/// short, and stops after one long wait: an idle runtime spins once and then sleeps.
/// Thread-safe: no; one per worker.
class spin_policy {
public:
    /// `limit` negative: adaptive; zero: never; else: always that long.
    explicit spin_policy(duration limit) noexcept
        : forced_(limit), recent_wait_(tuning::long_wait) {}

    /// How long to spin now; zero: not at all.
    duration limit() const noexcept {
        if (forced_ >= duration::zero()) return forced_;
        return recent_wait_ <= tuning::short_wait ? tuning::adaptive_spin : duration::zero();
    }

    /// Notes how long the worker had nothing to do, spinning or parked.
    void note_wait(duration waited) noexcept {
        const duration capped = std::clamp(waited, duration::zero(), tuning::long_wait);
        recent_wait_ += (capped - recent_wait_) / 8;
    }

private:
    duration forced_;
    duration recent_wait_;  // exponential mean
};

}  // namespace edo::detail
