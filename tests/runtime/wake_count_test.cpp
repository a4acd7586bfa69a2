// How often workers wake each other: each wake-up of one that sleeps is a system call, and most
// wakes of tasks need none.

#include "net/io_loop.h"
#include "net/pairs.h"
#include "runtime/blocked_reports.h"
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sys.h>
#include <edo/base/seam/tuning.h>
#include <edo/net/tcp_stream.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/worker_hooks.h>
#include <edo/sync/notify.h>
#include <edo/task/or_return.h>
#include <edo/task/spawn.h>
#include <edo/task/spawn_options.h>
#include <edo/task/yield.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;

/// Counts what ends the sleep of a worker: writes to the eventfd of its reactor.
class counts_wake_ups {
public:
    counts_wake_ups() { detail::sys::current.write = &counted; }

    counts_wake_ups(const counts_wake_ups&) = delete;

    ~counts_wake_ups() { detail::sys::current.write = &detail::sys::kernel::write; }

    static std::uint64_t count() { return count_; }

private:
    static ssize_t counted(int fd, const void* data, std::size_t size) noexcept {
        ++count_;
        return detail::sys::kernel::write(fd, data, size);
    }

    static inline std::atomic<std::uint64_t> count_ = 0;
};

/// Two workers that sleep as soon as they have nothing to do, and that nobody takes for blocked.
class wake_ups : public ::testing::TestWithParam<reactor_kind> {
protected:
    wake_ups() { let_both_sleep(); }

    /// Returns when both sleep, and nobody has a reason to wake them.
    void let_both_sleep() {
        // A turn on each, so that whatever was on its way has come.
        for (unsigned i = 0; i < 2; ++i)
            rt.block_on(rt.spawn(with(spawn_options().worker(i), yield_once)).join());
        await([&] { return is_asleep[0] && is_asleep[1]; });
    }

    /// Keeps a worker in a poll until the latch is open.
    join_handle<void> hold(unsigned worker, std::latch& open) {
        std::latch entered(1);
        auto held = rt.spawn(with(spawn_options().worker(worker), block), std::ref(entered),
                             std::ref(open));
        entered.wait();
        return held;
    }

    counts_wake_ups counter;
    /// Who sleeps, or was about to: one that finds work at that moment is told so at its next wake.
    using sleepers = std::array<std::atomic<bool>, 2>;
    sleepers is_asleep{};
    runtime rt = runtime::builder()
                     .worker_threads(2)
                     .reactor(GetParam())
                     .blocked_after(0s)
                     .busy_poll(0s)
                     .worker_hooks(hooks())
                     .build()
                     .value();

private:
    worker_hooks hooks() {
        worker_hooks counting;
        counting.data = &is_asleep;
        counting.before_park = [](void* all, unsigned worker) noexcept {
            (*static_cast<sleepers*>(all))[worker] = true;
        };
        counting.after_park = [](void* all, unsigned worker) noexcept {
            (*static_cast<sleepers*>(all))[worker] = false;
        };
        return counting;
    }

    static task<> yield_once() { co_await yield_now(); }

    static task<> block(std::reference_wrapper<std::latch> entered,
                        std::reference_wrapper<std::latch> open) {
        entered.get().count_down();
        open.get().wait();
        co_return;
    }
};

INSTANTIATE_TEST_SUITE_P(reactors, wake_ups, ::testing::ValuesIn(reactors_here()), name_of_param);

struct table {
    sync::notify left, right;
};

task<> return_balls(std::reference_wrapper<table> at, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        co_await at.get().left.notified();
        at.get().right.notify_one();
    }
}

// The other worker sleeps, so it can be woken, and by the very first of these wakes.
task<std::uint64_t> count_wake_ups_of_rallies(std::reference_wrapper<table> at, int rounds) {
    const std::uint64_t before = counts_wake_ups::count();
    auto other = spawn(return_balls, at, rounds);
    for (int i = 0; i < rounds; ++i) {
        at.get().left.notify_one();
        co_await at.get().right.notified();
    }
    const std::uint64_t after = counts_wake_ups::count();
    co_await std::move(other).join();
    co_return after - before;
}

TEST_P(wake_ups, lone_woken_task_costs_none) {
    table at;

    EXPECT_EQ(rt.block_on(count_wake_ups_of_rallies(std::ref(at), 1'000)), 0U);
}

task<result<void>> send_back(net::tcp_stream stream) {
    std::byte byte[1];
    for (;;) {
        const std::size_t n = co_await or_return(stream.read(byte));
        if (n == 0) co_return {};
        co_await or_return(stream.write_all(byte));
    }
}

TEST_P(wake_ups, lone_task_woken_by_its_socket_costs_none) {
    half_plain_pair pair = make_pair();
    auto echoing = rt.spawn(send_back, std::move(pair.stream));
    pair.peer.send("x");
    EXPECT_EQ(pair.peer.receive(1), "x");
    let_both_sleep();
    const std::uint64_t before = counter.count();

    for (int i = 0; i < 500; ++i) {
        pair.peer.send("x");
        EXPECT_EQ(pair.peer.receive(1), "x");
    }

    EXPECT_EQ(counter.count() - before, 0U);
    pair.peer.close();
    EXPECT_TRUE(rt.block_on(std::move(echoing).join()));
}

/// What the first of many readers finds.
struct first_reader {
    std::atomic<bool> has_come = false;
    std::uint64_t wake_ups = 0;
    std::size_t queued = 0;
};

task<result<void>> read_and_look(net::tcp_stream stream,
                                 std::reference_wrapper<const runtime> rt,
                                 std::reference_wrapper<std::latch> waiting,
                                 std::reference_wrapper<std::latch> done,
                                 std::reference_wrapper<first_reader> first) {
    std::byte byte[1];
    co_await or_return(stream.read(byte));
    waiting.get().count_down();
    co_await or_return(stream.read(byte));
    if (!first.get().has_come.exchange(true)) {
        first.get().wake_ups = counts_wake_ups::count();
        first.get().queued = rt.get().metrics().total().queued;
    }
    done.get().count_down();
    co_return {};
}

TEST_P(wake_ups, tasks_woken_by_many_sockets_at_once_cost_one_for_all) {
    constexpr unsigned sockets = 48;
    static_assert(sockets <= detail::tuning::events_per_poll);
    std::vector<plain_socket> peers;
    std::vector<join_handle<result<void>>> reading;
    std::latch waiting(sockets), done(sockets);
    first_reader first;
    // While the other one is kept away the first worker has all of them.
    std::latch open_second(1);
    auto second = hold(1, open_second);
    for (unsigned i = 0; i < sockets; ++i) {
        half_plain_pair pair = make_pair();
        reading.push_back(rt.spawn(read_and_look, std::move(pair.stream), std::cref(rt),
                                   std::ref(waiting), std::ref(done), std::ref(first)));
        pair.peer.send("x");
        peers.push_back(std::move(pair.peer));
    }
    waiting.wait();
    open_second.count_down();
    rt.block_on(std::move(second).join());
    let_both_sleep();
    std::latch open_first(1);
    auto held = hold(0, open_first);
    for (plain_socket& each : peers)
        each.send("x");
    const std::uint64_t before = counter.count();

    open_first.count_down();

    done.wait();                           // to join them would wake workers
    EXPECT_GE(first.queued, sockets / 3);  // so many have been woken before any of them ran
    EXPECT_LE(first.wake_ups - before, 1U);
    for (auto& each : reading)
        EXPECT_TRUE(rt.block_on(std::move(each).join()));
    rt.block_on(std::move(held).join());
}

}  // namespace
}  // namespace edo::testing
