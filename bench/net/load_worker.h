#pragma once

#include "connection.h"
#include "histogram.h"
#include "socket.h"
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <vector>

namespace bench {

/// One thread of the load generator: an epoll loop over its share of the connections.
///
///     closed loop   each connection sends its next batch when the last one is answered
///     fixed rate    requests are due at equal distances, whatever the server does; latency counts
///                   from the due time, so a server that stalls is charged for every request that
///                   should have been sent meanwhile
///     churn         closed loop over a new connection for every request
///
/// Latencies count for requests that started inside the measured window. After stop() no request is
/// sent any more, and those on their way must be answered within the patience.
///
/// Thread-safe: run() on one thread; completed() and stop() from any.
class load_worker {
public:
    enum class pace { closed_loop, fixed_rate, churn };

    struct options {
        sockaddr_in server{};
        pace how = pace::closed_loop;
        std::chrono::nanoseconds interval{};  ///< between two due times, fixed rate only
        bool spin = false;                    ///< asks the kernel again and again, never sleeps
        instant begin;                        ///< first due time
        instant window_begin;
        instant window_end;
        std::chrono::nanoseconds patience{};  ///< for answers that are missing after stop()
    };

    explicit load_worker(std::vector<connection> connections);

    /// Returns after stop(). Errors are kept for failure().
    void run(const options& opts) noexcept;

    void stop() noexcept;

    /// Requests answered so far.
    std::uint64_t completed() const noexcept {
        // Relaxed: a statistic, nothing is read because of it.
        return completed_.load(std::memory_order_relaxed);
    }

    /// What ended run() early; empty when nothing did. Like the rest below: after run() only.
    std::exception_ptr failure() const noexcept { return failure_; }

    const histogram& latencies() const noexcept { return latencies_; }

    /// Requests that were due in the window and could not even be sent, because their connection
    /// still waited for an earlier answer. They are among the latencies with the time they had
    /// waited in the end.
    std::uint64_t unsent() const noexcept { return unsent_; }

private:
    struct slot {
        explicit slot(connection c) noexcept : link(std::move(c)) {}

        connection link;
        std::uint64_t due = 0;   // fixed rate: requests due so far
        std::uint64_t sent = 0;  // fixed rate: how many of them were sent
    };

    void loop();
    void watch(slot& s);
    void start_all();
    void handle(slot& s, std::uint32_t events);
    void send_due(instant now);
    void send_next(slot& s, instant now);
    void reconnect(slot& s, instant now);
    int wait(instant now);
    bool is_over(instant now) const;
    void count_unsent(instant now);
    instant due_time(const slot& s, std::uint64_t number) const;

    void record(instant started, instant now) {
        if (started >= opts_.window_begin && started < opts_.window_end)
            latencies_.record(now - started);
    }

    std::vector<slot> slots_;
    options opts_;
    descriptor epoll_;
    descriptor stop_event_;
    std::vector<char> scratch_;
    bool is_stopping_ = false;
    instant stopped_at_;
    std::size_t waiting_ = 0;     // connections with a batch on its way
    std::uint64_t next_due_ = 0;  // fixed rate: number of the next request to become due
    std::uint64_t connects_ = 0;
    std::atomic<std::uint64_t> completed_{0};
    histogram latencies_;
    std::uint64_t unsent_ = 0;
    std::exception_ptr failure_;

    std::array<epoll_event, 256> events_{};
};

}  // namespace bench
