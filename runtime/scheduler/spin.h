#pragma once

#include <algorithm>

#include <edo/base/clock.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

/// Decides whether a worker that has nothing to do spins for a moment before it parks.
///
/// Waking a parked thread costs tens of microseconds on the way; a spinning one answers at once.
/// That pays only where the next thing comes soon, so the worker spins while its recent waits were
/// short, and stops after one long wait: an idle runtime spins once and then sleeps. Waits can be
/// short and yet too long to spin for, or always ended by another thread's wake: two spins in vain
/// in a row make it leave out the next ones, twice as many each time, until one has helped.
/// Thread-safe: no; one per worker.
class spin_policy {
public:
    /// `limit` negative: adaptive; zero: never; else: always that long.
    explicit spin_policy(duration limit) noexcept
        : forced_(limit), recent_wait_(tuning::long_wait) {}

    /// How long to spin now; zero: not at all. Whoever spins notes how it has ended.
    duration limit() noexcept {
        if (forced_ >= duration::zero()) return forced_;
        if (recent_wait_ > tuning::short_wait) return duration::zero();
        if (to_leave_out_ == 0) return tuning::adaptive_spin;
        --to_leave_out_;
        return duration::zero();
    }

    void note_spin(bool has_helped) noexcept {
        if (has_helped) {
            in_vain_ = 0;
            next_rest_ = first_rest;
        } else if (++in_vain_ >= 2) {
            to_leave_out_ = next_rest_;
            next_rest_ = std::min(next_rest_ * 2, longest_rest);
        }
    }

    /// Notes how long the worker had nothing to do, spinning or parked.
    void note_wait(duration waited) noexcept {
        const duration capped = std::clamp(waited, duration::zero(), tuning::long_wait);
        recent_wait_ += (capped - recent_wait_) / 8;
    }

private:
    static constexpr unsigned first_rest = 8, longest_rest = 4096;  // in waits

    duration forced_;
    duration recent_wait_;  // exponential mean
    unsigned in_vain_ = 0;  // spins in a row
    unsigned next_rest_ = first_rest;
    unsigned to_leave_out_ = 0;
};

}  // namespace edo::detail
