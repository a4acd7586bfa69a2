#pragma once

#include <cstdint>

#include <edo/base/clock.h>
#include <edo/base/seam/counter.h>
#include <edo/runtime/driver/driver.h>
#include <edo/runtime/metrics.h>
#include <edo/runtime/scheduler/samples.h>
#include <edo/task/context.h>

namespace edo::detail {

/// What a thread that runs tasks counts of itself, for metrics. It writes; any thread reads.
struct worker_counts {
    counter parks;
    counter steal_attempts;
    counter steals;
    samples sampled;

    /// The thread has work from `now` on.
    void begin_work(instant now) noexcept { busy_until_ = now; }

    /// It had work until `now`.
    void note_work(instant now) noexcept {
        busy_.add(duration_histogram::nanoseconds_in(now - busy_until_));
        busy_until_ = now;
    }

    /// A picture of all that is counted where this thread is at work.
    worker_metrics read(const execution& exec, const driver& of) const noexcept {
        worker_metrics picture;
        picture.forced_yields = exec.counts.forced_yields.get();
        picture.steal_attempts = steal_attempts.get();
        picture.steals = steals.get();
        picture.parks = parks.get();
        picture.busy = duration(static_cast<std::int64_t>(busy_.get()));
        picture.reactor_polls = of.reactor_polls();
        picture.reactor_events = of.reactor_events();
        const timer_counts& timers = of.timers();
        picture.timers_fired = timers.fired.get();
        const std::uint64_t gone = picture.timers_fired + timers.ended.get();
        // The figures are read in no certain order; but what is gone was armed.
        const std::uint64_t armed = timers.armed.get();
        picture.timers_armed = armed > gone ? armed : gone;
        picture.timers_pending = static_cast<std::size_t>(picture.timers_armed - gone);
        picture.poll_time = sampled.poll_time().read();
        picture.schedule_latency = sampled.latency().read();
        picture.timer_lateness = timers.lateness.read();
        return picture;
    }

private:
    counter busy_;  // nanoseconds
    instant busy_until_{};
};

}  // namespace edo::detail
