#pragma once

#include <cstdint>

#include <edo/base/clock.h>
#include <edo/base/histogram.h>
#include <edo/base/seam/counter.h>
#include <edo/base/seam/tuning.h>
#include <edo/task/state/header.h>

namespace edo::detail {

/// Measures how long polls take and how long tasks wait for theirs: not of each, because reading
/// the clock takes as long as a short poll, but of one now and then, after a look at the driver.
///
/// A task that is measured and then stolen, or ended elsewhere, is never seen again; the next one
/// is taken after some patience, and not at once, because those that wait long would be missed.
///
/// Belongs to the thread that runs tasks; the histograms may be read from anywhere.
class samples {
public:
    /// The driver had its turn, at `now`: if the last measurement is long enough ago, the next poll
    /// is measured, and the next task that is queued.
    void renew(instant now) noexcept {
        if (without_metrics || now < next_) return;
        next_ = now + tuning::sample_gap;
        mask_ = 0;
        if (watched_ == 0) {
            queued_is_due_ = true;
        } else if (--patience_ == 0) {
            watched_ = 0;
        }
    }

    void note_queued(const task_header& task) noexcept {
        if (queued_is_due_) [[unlikely]]
            watch(task);
    }

    /// Whether the turn of `task` is to be put between begin_turn() and end_turn().
    bool concern(const task_header& task) const noexcept {
        return ((task.id ^ watched_) & mask_) == 0;
    }

    void begin_turn(const task_header& task) noexcept {
        turn_began_ = monotonic_clock::read();
        if (task.id == watched_) end_wait(turn_began_);
    }

    /// The turn may have had other polls within.
    void end_turn() noexcept {
        if (mask_ != 0) return;
        mask_ = ~std::uint64_t{0};
        poll_time_.add(monotonic_clock::read() - turn_began_);
    }

    /// `task` is polled within another one's turn.
    void note_nested(const task_header& task) noexcept {
        if (task.id == watched_) [[unlikely]]
            end_wait(monotonic_clock::read());
    }

    const duration_counts& poll_time() const noexcept { return poll_time_; }

    const duration_counts& latency() const noexcept { return latency_; }

private:
    [[gnu::cold]] void watch(const task_header& task) noexcept {
        constexpr unsigned gaps = 64;
        queued_is_due_ = false;
        watched_ = task.id;
        patience_ = gaps;
        queued_at_ = monotonic_clock::read();
    }

    void end_wait(instant now) noexcept {
        latency_.add(now - queued_at_);
        watched_ = 0;
    }

    // ~0; or 0 when the next poll is to be measured, whose ever it is: then no bit of an id counts.
    std::uint64_t mask_ = ~std::uint64_t{0};
    bool queued_is_due_ = false;
    unsigned patience_ = 0;
    std::uint64_t watched_ = 0;  // the id of the task whose wait is measured; 0: none
    instant next_ = instant::min();
    instant queued_at_{};
    instant turn_began_{};
    duration_counts poll_time_;
    duration_counts latency_;
};

}  // namespace edo::detail
