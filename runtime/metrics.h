#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <edo/base/clock.h>
#include <edo/base/histogram.h>
#include <edo/runtime/blocking_pool_metrics.h>

namespace edo {

/// What one worker has done since the start of the runtime.
class worker_metrics {
public:
    worker_metrics() noexcept {}

    bool is_spare = false;  ///< takes the place of blocked workers only
    std::uint64_t polls = 0;
    /// Polls that ended early because the task's budget was used up; see has_budget().
    std::uint64_t forced_yields = 0;
    /// Tasks that wait for this worker now; in a current-thread runtime at its last look at the
    /// sockets.
    std::size_t queued = 0;
    std::uint64_t spills = 0;          ///< times that half of a full queue went to the inject queue
    std::uint64_t steal_attempts = 0;  ///< looks into another worker's queue
    std::uint64_t steals = 0;          ///< of them: those that found something
    std::uint64_t stolen = 0;          ///< tasks that they brought
    std::uint64_t parks = 0;           ///< times that it slept because there was nothing to do
    /// Time outside of parking and of looking for work, up to the last look at the sockets.
    duration busy{};
    std::uint64_t reactor_polls = 0;   ///< looks at the sockets
    std::uint64_t reactor_events = 0;  ///< what they found
    std::uint64_t timers_armed = 0;
    std::uint64_t timers_fired = 0;
    std::size_t timers_pending = 0;

    /// How long a poll takes. Measured of one poll in 100 us at most.
    duration_histogram poll_time;
    /// How long a task that was woken or spawned on this worker waits until it is polled there.
    /// Measured of one task in 100 us at most.
    duration_histogram schedule_latency;
    /// How much later than asked timers fire. Measured of each.
    duration_histogram timer_lateness;
};

/// What a runtime has done and what it has to do, in figures. They are read one after the other
/// while everything goes on, so sums may be off by what happens meanwhile.
///
///     const edo::runtime_metrics now = rt.metrics();
///     spdlog::info("{} tasks, {} polls", now.tasks_alive, now.total().polls);
class runtime_metrics {
public:
    runtime_metrics() noexcept {}

    std::string runtime_name;
    std::uint64_t tasks_spawned = 0;
    std::uint64_t tasks_alive = 0;      ///< spawned and not ended
    std::uint64_t tasks_ended = 0;      ///< in any way
    std::uint64_t tasks_cancelled = 0;  ///< of them: dropped before their end
    std::uint64_t tasks_thrown = 0;     ///< of them: ended by an exception
    std::size_t inject_queued = 0;      ///< tasks that wait for any worker now
    std::size_t batch_queued = 0;       ///< batch tasks that wait for any worker now
    std::uint64_t injected = 0;         ///< that came there: of other threads, or from full queues
    std::uint64_t blocked_polls = 0;    ///< see runtime_builder::blocked_after()
    std::uint64_t substitutions = 0;    ///< times that a spare took a worker's place
    std::vector<worker_metrics> workers;
    std::vector<blocking_pool_metrics> pools;  ///< first that of spawn_blocking(), "default"

    /// All workers together. `is_spare` says nothing then.
    worker_metrics total() const noexcept;

    /// The text format of Prometheus (version 0.0.4), spans in seconds. Histograms are those of all
    /// workers together.
    std::string to_prometheus() const;
};

}  // namespace edo
