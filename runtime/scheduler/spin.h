#pragma once

#include <algorithm>
#include <cstdint>

#include <edo/base/clock.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

/// Decides whether a worker that has nothing to do spins for a moment before it parks.
///
/// Waking a parked thread costs between two and fifty microseconds on the way, which depends on the
/// machine, on what else runs there, and on who wakes it from where; a spinning thread answers at
/// once, but takes a core from whom it waits for if there are not enough. Nobody can tell
/// beforehand which is better, so the worker tries both, in turns, and compares how many polls it
/// gets to do in a time. It spins as long as it gets a quarter more done by it than by parking: a
/// peer that answers each reply with the next request. Where the work comes at its own pace
/// spinning would only burn the core. Trials become rare as long as their verdict is the same.
///
/// Only short waits are worth a trial: an idle worker sleeps.
/// Thread-safe: no; one per worker.
class spin_policy {
public:
    /// `limit` negative: adaptive; zero: never; else: always that long.
    explicit spin_policy(duration limit) noexcept : forced_(limit) {}

    /// How long to spin now; zero: not at all.
    duration limit() const noexcept {
        if (forced_ >= duration::zero()) return forced_;
        return spins_now_ ? tuning::adaptive_spin : duration::zero();
    }

    /// Notes the end of a wait.
    /// Takes: for how long the worker had nothing to do, spinning or parked; the present time; a
    ///        count that grows with each poll, modulo 2^32.
    void note_wait(duration waited, instant now, std::uint32_t polls) noexcept {
        const duration capped = std::clamp(waited, duration::zero(), tuning::long_wait);
        recent_wait_ += (capped - recent_wait_) / 8;
        if (recent_wait_ > tuning::short_wait) return start_again();
        if (--waits_left_ == 0) next_step(now, polls);
    }

    static constexpr unsigned first_rest = 64, longest_rest = 32'768;  // in waits, between trials
    static constexpr unsigned settling = 16, measured = 32;            // in waits, of each part

private:
    // A trial has two parts: the present way of waiting, and the other. If the other looks better
    // both are tried once more, because a disturbance hits one of two. A part begins by settling:
    // the system moves threads between cores when they begin to sleep, or cease to.
    enum class step : std::uint8_t { resting, settles, measures };

    static constexpr unsigned parts = 4;

    void start_again() noexcept {
        chosen_ = spins_now_ = false;
        now_ = step::resting;
        rest_ = waits_left_ = first_rest;
    }

    void next_step(instant now, std::uint32_t polls) noexcept {
        switch (now_) {
            case step::resting:
                part_ = 0;
                best_[false] = best_[true] = 0;
                return settle(chosen_);
            case step::settles:
                since_ = now;
                polls_before_ = polls;
                waits_left_ = measured;
                now_ = step::measures;
                return;
            case step::measures:
                const double rate =
                    static_cast<double>(polls - polls_before_) /
                    static_cast<double>(std::max<duration::rep>((now - since_).count(), 1));
                best_[spins_now_] = std::max(best_[spins_now_], rate);
                ++part_;
                if (part_ == parts || (part_ == parts / 2 && spinning_pays() == chosen_))
                    return decide();
                return settle(!spins_now_);
        }
    }

    void settle(bool spinning) noexcept {
        spins_now_ = spinning;
        waits_left_ = settling;
        now_ = step::settles;
    }

    bool spinning_pays() const noexcept { return best_[true] > best_[false] * 1.25; }

    void decide() noexcept {
        const bool before = chosen_;
        chosen_ = spins_now_ = spinning_pays();
        rest_ = chosen_ == before ? std::min(rest_ * 2, longest_rest) : first_rest;
        waits_left_ = rest_;
        now_ = step::resting;
    }

    duration forced_;
    duration recent_wait_ = tuning::long_wait;  // exponential mean
    bool chosen_ = false;                       // what was better at the last trial: to spin
    bool spins_now_ = false;
    step now_ = step::resting;
    unsigned part_ = 0;
    unsigned rest_ = first_rest;
    unsigned waits_left_ = first_rest;  // of the present step
    instant since_{};
    std::uint32_t polls_before_ = 0;
    double best_[2] = {};  // growth of the count in a nanosecond: parking, spinning
};

}  // namespace edo::detail
