// A process that ends while a runtime is in the middle of everything: the destructors of statics
// and what is called at exit run beside its threads.

#include "support/child_process.h"
#include "support/echo_traffic.h"
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <latch>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/task/or_return.h>
#include <edo/task/spawn.h>
#include <edo/task/task_group.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using net::socket_addr;
using net::tcp_listener;

std::atomic<bool> is_over = false;  // never
std::atomic<int> bursts = 0;
std::latch called(1);
std::latch never(1);

task<> end_at_once() {
    co_return;
}

// More tasks than a thread keeps frames for.
task<> spawn_for_ever() {
    for (;; ++bursts) {
        std::vector<join_handle<void>> burst;
        for (int i = 0; i < 200; ++i)
            burst.push_back(spawn(end_at_once));
        for (auto& each : burst)
            co_await std::move(each).join();
    }
}

/// Called at exit, after what the library has to do there: workers go on all the same.
void wait_for_workers() {
    const int enough = bursts + 100;
    while (bursts < enough)
        std::this_thread::yield();
}

task<result<void>> be_busy() {
    auto listener = std::make_shared<tcp_listener>(
        co_await or_return(tcp_listener::bind(socket_addr::loopback_v4(0))));
    const auto here = co_await or_return(listener->local_addr());
    const auto server = spawn(serve_echo, listener);
    task_group load;
    for (int i = 0; i < 4; ++i) {
        load.spawn(talk, here, duration(i * 10us), std::cref(is_over));
        load.spawn(spawn_for_ever);
    }
    co_await or_return(load.join());
    co_return {};
}

/// Ends the calling process with `end(3)` while its runtime is at work.
void end_in_the_middle(void (*end)(int)) {
    std::atexit(&wait_for_workers);
    std::at_quick_exit(&wait_for_workers);
    auto rt = runtime::builder().worker_threads(2).build().value();
    rt.spawn(be_busy).detach();
    rt.spawn([]() -> task<> {
          co_await spawn_blocking([] {
              called.count_down();
              never.wait();
          });
      }).detach();
    called.wait();
    rt.block_on(edo::sleep(1ms));
    end(3);
}

void exit_now(int code) {
    std::exit(code);
}

void quick_exit_now(int code) {
    std::quick_exit(code);
}

TEST(process_fault, exit_in_the_middle_of_everything_ends_the_process_with_its_code) {
    for (int round = 0; round < 5; ++round)
        for (const auto end : {&exit_now, &quick_exit_now})
            EXPECT_EQ(child_process([&] { end_in_the_middle(end); }).end(), "exit 3");
}

}  // namespace
}  // namespace edo::testing
