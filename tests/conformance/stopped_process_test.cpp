// A process that is stopped (SIGSTOP) and continued again and again, as by a debugger, a shell or a
// container that is frozen: afterwards everything goes on where it was.

#include "net/io_loop.h"
#include "net/pairs.h"
#include "support/child_process.h"
#include "support/echo_traffic.h"
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>
#include <edo/task/or_return.h>
#include <edo/task/spawn.h>
#include <edo/task/task_group.h>
#include <edo/timer/interval.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using net::socket_addr;
using net::tcp_listener;
using until = std::reference_wrapper<const std::atomic<bool>>;

std::error_code too_early() {
    return std::make_error_code(std::errc::invalid_argument);
}

/// Errors: too_early(), by a clock that the library has no part in.
task<result<void>> sleep_and_look(duration span, until is_over) {
    while (!is_over.get()) {
        const auto begun = std::chrono::steady_clock::now();
        co_await edo::sleep(span);
        if (std::chrono::steady_clock::now() - begun < span) co_return too_early();
    }
    co_return {};
}

/// Errors: too_early(), also for a tick that is left out.
task<result<void>> count_ticks(duration period, until is_over) {
    interval ticks(period);
    instant last = co_await ticks.tick();
    while (!is_over.get()) {
        const instant due = co_await ticks.tick();
        if (due - last != period || edo::now() < due) co_return too_early();
        last = due;
    }
    co_return {};
}

/// Has traffic and timers of its own for as long as the parent keeps its connection.
task<result<void>> live(std::shared_ptr<tcp_listener> listener) {
    const socket_addr here = co_await or_return(listener->local_addr());
    auto parent = co_await or_return(listener->accept());  // nobody else connects yet
    const auto server = spawn(serve_echo, listener);
    std::atomic<bool> is_over = false;
    task_group load;
    for (int i = 1; i <= 3; ++i) {
        load.spawn(talk, here, duration(i * 500us), std::cref(is_over));
        load.spawn(sleep_and_look, duration(i * 700us), std::cref(is_over));
        load.spawn(count_ticks, duration(i * 900us), std::cref(is_over));
    }
    const auto served = co_await send_back(std::move(parent.stream));
    is_over = true;
    co_await or_return(load.join());
    co_return served;
}

/// A process under load, and the parent's connection to it.
class busy_process {
public:
    busy_process(reactor_kind kind, unsigned workers)
        : busy_process(tcp_listener::bind(socket_addr::loopback_v4(0)).value(), kind, workers) {}

    child_process process;
    plain_socket connection;

private:
    busy_process(tcp_listener listener, reactor_kind kind, unsigned workers)
        : process([&] {
              auto at = std::make_shared<tcp_listener>(std::move(listener));
              auto rt = runtime::builder().reactor(kind).worker_threads(workers).build().value();
              const auto ended = rt.block_on(live(std::move(at)));
              EXPECT_TRUE(ended) << name_of(kind) << ": " << ended.error().message();
              EXPECT_TRUE(rt.shutdown().is_clean());
          }),
          connection(connect_plainly(listener.local_addr().value())) {}
};

TEST(process_fault, stopped_and_continued_every_100_ms_loses_nothing) {
    std::vector<busy_process> all;
    for (const reactor_kind kind : reactors_here())
        for (const unsigned workers : {1U, 2U})
            all.emplace_back(kind, workers);

    for (int round = 0; round < 12; ++round) {
        for (busy_process& each : all) {
            ASSERT_TRUE(each.process.stop()) << each.process.end();
            each.connection.send("sent to one who sleeps");
        }
        std::this_thread::sleep_for(100ms);  // the pace of the fault; nothing depends on it
        for (busy_process& each : all)
            each.process.go_on();
        for (busy_process& each : all)
            ASSERT_EQ(each.connection.receive(22), "sent to one who sleeps");
        std::this_thread::sleep_for(100ms);
    }

    for (busy_process& each : all) {
        each.connection.end_writing();  // not close(): younger processes have it too
        EXPECT_EQ(each.process.end(), "exit 0");
    }
}

}  // namespace
}  // namespace edo::testing
