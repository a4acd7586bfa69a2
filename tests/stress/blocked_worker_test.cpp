// Polls that block around the threshold, so that workers are replaced and come back all the time:
// nothing is lost, and nothing happens twice.

#include "../net/pairs.h"
#include "../support/event.h"
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/io/reactor/reactor.h>
#include <edo/net/tcp_listener.h>
#include <edo/net/tcp_stream.h>
#include <edo/runtime/runtime.h>
#include <edo/task/or_return.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>
#include <edo/timer/timeout.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using net::tcp_listener;
using net::tcp_stream;

std::uint64_t seed() {
    const char* given = std::getenv("EDO_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : 13;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int scale = 3;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
constexpr int scale = 3;
#else
constexpr int scale = 1;
#endif
#else
constexpr int scale = 1;
#endif

void block_for(duration span) {
    const instant until = detail::monotonic_clock::read() + span;
    while (detail::monotonic_clock::read() < until)
        std::this_thread::yield();
}

std::vector<reactor_kind> reactors_here() {
    std::vector<reactor_kind> kinds{reactor_kind::epoll};
    if (detail::make_reactor(reactor_kind::io_uring)) kinds.push_back(reactor_kind::io_uring);
    return kinds;
}

task<> count(std::reference_wrapper<std::atomic<int>> runs) {
    ++runs.get();
    co_return;
}

TEST(blocked_workers, each_task_runs_once_when_the_only_worker_ceases_to_be_alone) {
    const int rounds = 60 / scale;
    std::uint64_t replaced = 0;
    for (int round = 0; round < rounds; ++round) {
        auto rt = runtime::builder()
                      .worker_threads(1)
                      .reactor(reactor_kind::epoll)
                      .blocked_after(50us)
                      .report_blocked_after(0s)
                      .seed(seed())
                      .build()
                      .value();
        std::atomic<int> runs = 0;
        const int spawned = rt.block_on([&]() -> task<int> {
            // In one poll, so that the monitor comes in the middle of the worker's own operations.
            task_group children(independent);
            const instant until = detail::monotonic_clock::read() + 3ms;
            int n = 0;
            for (; n < 20'000 && detail::monotonic_clock::read() < until; ++n)
                children.spawn(count, std::ref(runs));
            static_cast<void>(co_await children.join());
            co_return n;
        });
        ASSERT_EQ(runs, spawned) << "round " << round << ", EDO_SEED=" << seed();
        replaced += rt.info().blocked_polls;
    }
    EXPECT_GT(replaced, 0U);
}

struct work {
    std::atomic<int> blocked = 0, slept = 0, woken = 0, spawned = 0, echoed = 0;
};

task<> block_sometimes(std::reference_wrapper<work> done, std::uint64_t choice, int rounds) {
    detail::random choices(choice);
    for (int i = 0; i < rounds; ++i) {
        block_for(std::chrono::microseconds(choices.below(4'000)));
        ++done.get().blocked;
        if (choices.below(2) == 0) {
            co_await yield_now();
        } else {
            co_await sleep(std::chrono::microseconds(choices.below(500)));
        }
    }
}

task<> sleep_often(std::reference_wrapper<work> done, std::uint64_t choice, int rounds) {
    detail::random choices(choice);
    for (int i = 0; i < rounds; ++i) {
        co_await sleep(std::chrono::microseconds(choices.below(3'000)));
        ++done.get().slept;
    }
}

/// Wakes a task, which so comes into the slot, and blocks at once.
task<> wake_and_block(std::reference_wrapper<work> done, std::uint64_t choice, int rounds) {
    detail::random choices(choice);
    for (int i = 0; i < rounds; ++i) {
        event e;
        task_group waits(independent);
        waits.spawn([&]() -> task<> {
            co_await e.wait();
            ++done.get().woken;
        });
        co_await yield_now();
        e.raise();
        block_for(std::chrono::microseconds(choices.below(3'000)));
        static_cast<void>(co_await waits.join());
    }
}

task<> spawn_often(std::reference_wrapper<work> done, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        co_await spawn(count, std::ref(done.get().spawned)).join();
        co_await yield_now();
    }
}

task<result<void>> echo(tcp_stream stream) {
    std::array<std::byte, 64> buffer;
    for (;;) {
        const std::size_t n = co_await or_return(stream.read(buffer));
        if (n == 0) co_return {};
        co_await or_return(stream.write_all(std::span(buffer).first(n)));
    }
}

task<result<void>> serve(tcp_listener listener) {
    task_group clients(independent);
    for (;;) {
        auto accepted = co_await or_return(listener.accept());
        clients.spawn(echo, std::move(accepted.stream));
    }
}

/// Exchanges messages over one connection after the other, some of which end with a reset.
task<result<void>> exchange(std::reference_wrapper<work> done,
                            net::socket_addr server,
                            std::uint64_t choice,
                            int connections) {
    detail::random choices(choice);
    for (int c = 0; c < connections; ++c) {
        tcp_stream stream = co_await or_return(tcp_stream::connect(server));
        if (choices.below(4) == 0) co_await or_return(stream.set_linger(0s));
        for (int i = 0; i < 20; ++i) {
            std::array<std::byte, 16> sent, got{};
            sent.fill(static_cast<std::byte>(choices.below(256)));
            co_await or_return(stream.write_all(sent));
            co_await or_return(stream.read_exact(got));
            if (got != sent) co_return errc::unexpected_eof;
            ++done.get().echoed;
        }
    }
    co_return {};
}

task<> drop_reads(net::socket_addr server, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        auto connected = co_await tcp_stream::connect(server);
        if (!connected) co_return;
        std::array<std::byte, 16> buffer;
        auto reading = connected->read(buffer);
        static_cast<void>(co_await timeout(1ms, std::move(reading)));
    }
}

class blocked_stress : public ::testing::TestWithParam<std::tuple<reactor_kind, unsigned>> {};

INSTANTIATE_TEST_SUITE_P(reactors,
                         blocked_stress,
                         ::testing::Combine(::testing::ValuesIn(reactors_here()),
                                            ::testing::Values(1u, 2u)),
                         [](const auto& made) {
                             return std::string(name_of(std::get<0>(made.param))) + "_workers_" +
                                    std::to_string(std::get<1>(made.param));
                         });

TEST_P(blocked_stress, everything_is_done_once_while_workers_are_blocked_and_come_back) {
    const auto [reactor, workers] = GetParam();
    const int rounds = 160 / scale;
    constexpr int of_each = 3, sleepers = 40, clients = 8;
    work done;
    auto rt = runtime::builder()
                  .worker_threads(workers)
                  .reactor(reactor)
                  .blocked_after(1ms)
                  .report_blocked_after(0s)
                  .seed(seed())
                  .build()
                  .value();
    auto listener = tcp_listener::bind(net::socket_addr::loopback_v4(0)).value();
    const net::socket_addr server = listener.local_addr().value();
    auto serving = rt.spawn(serve, std::move(listener));
    rt.block_on([&]() -> task<> {
        task_group all(independent);
        for (int i = 0; i < clients; ++i)
            all.spawn(exchange, std::ref(done), server, seed() + static_cast<std::uint64_t>(i),
                      rounds / 4);
        all.spawn(drop_reads, server, rounds);
        for (int i = 0; i < of_each; ++i) {
            const auto choice = seed() + static_cast<std::uint64_t>(i);
            all.spawn(block_sometimes, std::ref(done), choice, rounds);
            all.spawn(wake_and_block, std::ref(done), choice, rounds);
            all.spawn(spawn_often, std::ref(done), rounds * 10);
        }
        for (int i = 0; i < sleepers; ++i)
            all.spawn(sleep_often, std::ref(done), seed() + static_cast<std::uint64_t>(i), rounds);
        static_cast<void>(co_await all.join());
        co_await serving.cancel();
    });

    EXPECT_EQ(done.echoed, clients * (rounds / 4) * 20) << "EDO_SEED=" << seed();
    EXPECT_EQ(done.blocked, of_each * rounds) << "EDO_SEED=" << seed();
    EXPECT_EQ(done.woken, of_each * rounds) << "EDO_SEED=" << seed();
    EXPECT_EQ(done.spawned, of_each * rounds * 10) << "EDO_SEED=" << seed();
    EXPECT_EQ(done.slept, sleepers * rounds) << "EDO_SEED=" << seed();
    EXPECT_GT(rt.info().blocked_polls, 0U);
    while (rt.info().active_workers != workers)
        std::this_thread::yield();
}

}  // namespace
}  // namespace edo::testing
