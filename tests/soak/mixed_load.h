#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <edo/base/clock.h>
#include <edo/task/task.h>

namespace edo::soak {

/// What the load and who looks at it share.
/// Thread-safe: yes.
class notes {
public:
    /// The load ends when what it has begun is done.
    void end() noexcept { is_over_.store(true, std::memory_order_relaxed); }

    bool is_over() const noexcept { return is_over_.load(std::memory_order_relaxed); }

    /// From the start of the load, a part of it fails.
    void fail_on_purpose() noexcept { is_to_fail_ = true; }

    bool is_to_fail() const noexcept { return is_to_fail_; }

    void count_request(duration took);

    std::uint64_t requests() const noexcept { return requests_.load(std::memory_order_relaxed); }

    /// Of the requests since the last call, or the newest of them.
    duration take_p99();

private:
    std::atomic<bool> is_over_ = false;
    std::atomic<std::uint64_t> requests_ = 0;
    std::atomic<bool> is_to_fail_ = false;
    std::mutex lock_;
    // Of a fixed size and written at once: the memory of the process must not grow with it.
    std::vector<duration> latencies_ = std::vector<duration>(1 << 14, duration::max());
    std::size_t latency_count_ = 0;
};

/// How a part of the load has failed.
struct failure {
    std::string part;
    std::string reason;
};

/// Everything at once: echo over kept and new connections, timeouts that expire, tasks that are
/// cancelled, blocking calls, channels, groups and timers.
/// Returns: what has failed that was not meant to; that ends the load.
task<std::vector<failure>> run_mixed_load(std::reference_wrapper<notes> shared);

}  // namespace edo::soak
