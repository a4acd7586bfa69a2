// A burst of real-time signals, which the kernel queues and never merges, while sockets are busy.
// The library touches no handler of the user's and blocks no signal, so each is handled.

#include "net/io_loop.h"
#include "runtime/flavors.h"
#include "support/echo_traffic.h"
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sanitizer.h>
#include <edo/runtime/runtime.h>
#include <edo/task/or_return.h>
#include <edo/task/spawn.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/now.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using net::socket_addr;
using net::tcp_listener;

constexpr int burst = 1'000;

std::atomic<int> handled = 0;
std::atomic<long> sum_of_handled = 0;

void handle(int, siginfo_t* info, void*) {
    sum_of_handled.fetch_add(info->si_value.sival_int, std::memory_order_relaxed);
    handled.fetch_add(1, std::memory_order_release);
}

/// The user's handler, without SA_RESTART: calls that it interrupts end with EINTR.
class user_handler {
public:
    user_handler() {
        handled = 0;
        sum_of_handled = 0;
        struct sigaction action{};

        action.sa_sigaction = &handle;
        action.sa_flags = SA_SIGINFO;
        EXPECT_EQ(::sigaction(SIGRTMIN, &action, &before_), 0);
    }

    user_handler(const user_handler&) = delete;

    ~user_handler() { ::sigaction(SIGRTMIN, &before_, nullptr); }

private:
    struct sigaction before_{};
};

/// The threads of workers, as they tell.
class worker_threads {
public:
    worker_hooks hooks() {
        worker_hooks told;
        told.data = this;
        told.started = [](void* self, unsigned) noexcept {
            static_cast<worker_threads*>(self)->add(::pthread_self());
        };
        return told;
    }

    /// Waits until there are so many.
    std::vector<pthread_t> all(std::size_t count) {
        std::unique_lock guard(lock_);
        changed_.wait(guard, [&] { return all_.size() == count; });
        return all_;
    }

private:
    void add(pthread_t one) {
        std::lock_guard guard(lock_);
        all_.push_back(one);
        changed_.notify_one();
    }

    std::mutex lock_;
    std::condition_variable changed_;
    std::vector<pthread_t> all_;
};

/// Numbers 1 to `burst`, by turns to the process and to one of the threads after the other. On a
/// thread of its own that takes none of them itself.
void send_burst(const std::vector<pthread_t>& to) {
    sigset_t own;
    sigemptyset(&own);
    sigaddset(&own, SIGRTMIN);
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &own, nullptr), 0);
    for (int i = 1; i <= burst; ++i) {
        sigval number{};
        number.sival_int = i;
        const pthread_t one = to[static_cast<std::size_t>(i / 2) % to.size()];
        ASSERT_EQ(i % 2 == 0 ? ::sigqueue(::getpid(), SIGRTMIN, number)
                             : ::pthread_sigqueue(one, SIGRTMIN, number),
                  0);
    }
}

/// Echoes until all signals have come. Returns: how many messages came back.
task<result<std::uint64_t>> talk_until_all_have_come() {
    auto listener = std::make_shared<tcp_listener>(
        co_await or_return(tcp_listener::bind(socket_addr::loopback_v4(0))));
    const auto server = spawn(serve_echo, listener);
    std::atomic<bool> is_over = false;
    task_group load;
    std::vector<group_handle<result<std::uint64_t>>> clients;
    for (int i = 0; i < 4; ++i)
        clients.push_back(
            load.spawn(talk, listener->local_addr().value(), duration(20us), std::cref(is_over)));
    // None needs this long; without a limit a lost signal would hang instead of failing.
    const instant limit = edo::now() + 20s;
    while (handled.load(std::memory_order_acquire) < burst && edo::now() < limit)
        co_await yield_now();
    is_over = true;
    co_await or_return(load.join());
    std::uint64_t count = 0;
    for (auto& each : clients)
        count += each.take();
    co_return count;
}

EDO_SUITE_FOR_ALL_RUNTIMES(signal_fault);

TEST_P(signal_fault, burst_of_a_thousand_real_time_signals_is_counted_and_harms_no_call) {
    if (EDO_THREAD_SANITIZED)
        GTEST_SKIP() << "the thread sanitizer merges signals that come before it has handed on the "
                        "first of them";
    for (const reactor_kind kind : reactors_here()) {
        const user_handler installed;
        worker_threads workers;
        const auto made = make(runtime::builder().reactor(kind).worker_hooks(workers.hooks()));
        const auto threads = has_workers() ? workers.all(made->info().workers)
                                           : std::vector<pthread_t>{::pthread_self()};

        std::thread sender(send_burst, threads);
        const auto count = made->block_on(talk_until_all_have_come());
        sender.join();

        EXPECT_TRUE(count) << count.error().message();
        EXPECT_EQ(handled, burst);
        EXPECT_EQ(sum_of_handled, long{burst} * (burst + 1) / 2);
        EXPECT_TRUE(made->shutdown().is_clean());
    }
}

}  // namespace
}  // namespace edo::testing
