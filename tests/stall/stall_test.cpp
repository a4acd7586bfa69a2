// Every worker is stuck in a plain blocking call for seconds: clients and timers hardly notice, and
// afterwards all is as before. Here with the defaults of the builder, and in real time; the single
// promises are in tests/runtime/blocked_worker_test.cpp.

#include "net/io_loop.h"
#include "runtime/blocked_reports.h"
#include "stall/echo_clients.h"
#include "stall/spans.h"
#include "support/echo_traffic.h"
#include "support/stand_in.h"
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sanitizer.h>
#include <edo/net/tcp_listener.h>
#include <edo/runtime/runtime.h>
#include <edo/task/spawn_options.h>
#include <edo/timer/interval.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;

constexpr duration stalled_for = EDO_SANITIZED ? 2s : 10s;
constexpr unsigned clients = 32;
constexpr duration pause_of_client = 25ms;

// A sanitizer makes all of it slower, and so does an emulated processor.
duration p99_limit() {
    const bool is_slow = EDO_SANITIZED || emulator_command()[0] != '\0';
    return is_slow ? 250ms : 50ms;
}

double in_ms(duration span) {
    return std::chrono::duration<double, std::milli>(span).count();
}

task<> block(std::shared_ptr<std::latch> begun, duration span) {
    begun->count_down();
    std::this_thread::sleep_for(span);
    co_return;
}

/// How late the ticks of an interval were, and at what times they were due.
struct ticks_seen {
    std::atomic<bool> is_measured = false;
    spans late;
    std::uint64_t out_of_order = 0;
};

task<> tick(std::reference_wrapper<ticks_seen> seen, duration period) {
    interval ticks(period, missed_tick::skip);
    instant before = instant::min();
    for (;;) {
        const instant due = co_await ticks.tick();
        if (due <= before) ++seen.get().out_of_order;
        before = due;
        if (seen.get().is_measured) seen.get().late.add(detail::monotonic_clock::read() - due);
    }
}

/// A runtime with all its defaults but for the number of workers.
runtime make(reactor_kind reactor, unsigned workers) {
    return runtime::builder().reactor(reactor).worker_threads(workers).build().value();
}

/// Blocks every worker for a while; a task that belongs to a worker can block no other one.
std::vector<join_handle<void>> stall_all(runtime& rt, duration span) {
    const unsigned workers = rt.info().workers;
    const auto begun = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(workers));
    std::vector<join_handle<void>> stalled;
    for (unsigned i = 0; i < workers; ++i)
        stalled.push_back(rt.spawn(with(spawn_options().worker(i), block), begun, span));
    begun->wait();
    return stalled;
}

/// Until all workers that were asked for run tasks again, and the spares have nothing to do.
void await_recovery(const runtime& rt) {
    const unsigned workers = rt.info().workers;
    await([&] { return rt.info().active_workers == workers; });
    const runtime_metrics then = rt.metrics();
    for (unsigned i = 0; i < workers; ++i) {
        EXPECT_FALSE(then.workers[i].is_spare);
        await([&] { return rt.metrics().workers[i].polls > then.workers[i].polls + 10; });
    }
}

class stalled_workers : public ::testing::TestWithParam<std::tuple<reactor_kind, unsigned>> {};

INSTANTIATE_TEST_SUITE_P(reactors,
                         stalled_workers,
                         ::testing::Combine(::testing::ValuesIn(reactors_here()),
                                            ::testing::Values(1u, 2u)),
                         [](const auto& made) {
                             return std::string(name_of(std::get<0>(made.param))) + "_workers_" +
                                    std::to_string(std::get<1>(made.param));
                         });

TEST_P(stalled_workers, clients_and_timers_are_served_in_time_meanwhile) {
    const auto [reactor, workers] = GetParam();
    const reports reported;
    auto rt = make(reactor, workers);
    auto listener = std::make_shared<net::tcp_listener>(
        net::tcp_listener::bind(net::socket_addr::loopback_v4(0)).value());
    auto serving = rt.spawn(serve_echo, listener);
    ticks_seen ticks;
    auto ticking = rt.spawn(tick, std::ref(ticks), 1ms);
    echo_clients load(listener->local_addr().value(), clients, pause_of_client);

    auto stalled = stall_all(rt, stalled_for);
    await([&] { return rt.metrics().substitutions >= workers; });
    load.begin_measuring();
    ticks.is_measured = true;
    const instant began = detail::monotonic_clock::read();
    for (auto& each : stalled)
        rt.block_on(std::move(each).join());
    const duration measured_for = detail::monotonic_clock::read() - began;
    load.end_measuring();
    ticks.is_measured = false;
    const std::uint64_t blocked = rt.info().blocked_polls;
    await_recovery(rt);
    load.end();
    rt.block_on([&]() -> task<> {
        co_await ticking.cancel();
        co_await serving.cancel();
    });

    spans echoes = load.measured(), echoes_of_others = load.others();
    std::printf(
        "[ stall    ] %s, %u of %u workers asleep for %.0f s, 1 ms ticks and %u clients:\n"
        "[ stall    ] %zu echoes, p50 %.2f ms, p99 %.2f ms, worst %.2f ms; until the hand-over and "
        "afterwards worst %.2f ms\n"
        "[ stall    ] %zu ticks, late p50 %.2f ms, p99 %.2f ms, worst %.2f ms\n",
        name_of(reactor), workers, workers, in_ms(stalled_for) / 1000, clients, echoes.count(),
        in_ms(echoes.quantile(0.5)), in_ms(echoes.quantile(0.99)), in_ms(echoes.worst()),
        in_ms(echoes_of_others.worst()), ticks.late.count(), in_ms(ticks.late.quantile(0.5)),
        in_ms(ticks.late.quantile(0.99)), in_ms(ticks.late.worst()));
    EXPECT_GE(blocked, workers);
    EXPECT_GE(reported.count(), 1U);
    EXPECT_LT(echoes.quantile(0.99), p99_limit());
    EXPECT_LT(ticks.late.quantile(0.99), p99_limit());
    // A client that waits sends nothing, and a tick that is missed is left out: one gap would be
    // lost among the thousands. So no gap may be long, and there are enough of both.
    EXPECT_LT(echoes.worst(), stalled_for / 4);
    EXPECT_LT(ticks.late.worst(), stalled_for / 4);
    EXPECT_GT(echoes.count(), clients * (measured_for / (pause_of_client + p99_limit())));
    EXPECT_GT(ticks.late.count(), static_cast<std::size_t>(measured_for / (1ms + p99_limit())));
    EXPECT_EQ(ticks.out_of_order, 0U);
}

task<> sleep_once(std::reference_wrapper<std::vector<spans>> late, std::size_t me, duration span) {
    const instant due = detail::monotonic_clock::read() + span;
    co_await sleep(span);
    late.get()[me].add(detail::monotonic_clock::read() - due);
}

class two_stalled_workers : public ::testing::TestWithParam<reactor_kind> {};

INSTANTIATE_TEST_SUITE_P(reactors,
                         two_stalled_workers,
                         ::testing::ValuesIn(reactors_here()),
                         name_of_param);

TEST_P(two_stalled_workers, are_both_reported_and_no_timer_is_late_twice_or_fires_twice) {
    constexpr duration span = 3s, late = 500ms;
    constexpr std::size_t sleeps = 300, intervals = 100;
    const reports reported;
    auto rt = make(GetParam(), 2);
    std::vector<spans> slept(sleeps);
    std::vector<join_handle<void>> sleeping, ticking;
    // Due while the workers are stuck, and for a while after it.
    for (std::size_t i = 0; i < sleeps; ++i)
        sleeping.push_back(rt.spawn(sleep_once, std::ref(slept), i,
                                    100ms + (span + 300ms) / sleeps * static_cast<int>(i)));
    std::vector<ticks_seen> ticks(intervals);
    for (std::size_t i = 0; i < intervals; ++i) {
        ticks[i].is_measured = true;
        ticking.push_back(rt.spawn(tick, std::ref(ticks[i]), 20ms + 100us * static_cast<int>(i)));
    }
    await([&] { return rt.metrics().total().timers_armed >= sleeps + intervals; });

    auto stalled = stall_all(rt, span);
    for (auto& each : stalled)
        rt.block_on(std::move(each).join());
    await_recovery(rt);
    for (auto& each : sleeping)
        rt.block_on(std::move(each).join());
    rt.block_on([&]() -> task<> {
        for (auto& each : ticking)
            co_await each.cancel();
    });

    spans all;
    for (spans& each : slept) {
        EXPECT_EQ(each.count(), 1U);
        all.add(each);
    }
    for (ticks_seen& each : ticks) {
        EXPECT_LE(each.late.count_above(late), 1U) << in_ms(each.late.worst());
        EXPECT_EQ(each.out_of_order, 0U);
        all.add(each.late);
    }
    std::set<unsigned> who;
    for (std::size_t i = 0; i < reported.count(); ++i)
        who.insert(reported.at(i).worker);
    EXPECT_TRUE(who.contains(0) && who.contains(1));
    std::printf(
        "[ stall    ] %s, 2 of 2 workers asleep for 3 s: %zu timers, late p99 %.2f ms, "
        "worst %.2f ms\n",
        name_of(GetParam()), all.count(), in_ms(all.quantile(0.99)), in_ms(all.worst()));
}

}  // namespace
}  // namespace edo::testing
