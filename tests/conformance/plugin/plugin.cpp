// A library that is loaded and unloaded while its process goes on, and that uses Edo meanwhile:
// sockets, timers, blocking calls and several runtimes' worth of threads.

#include "plugin.h"
#include "support/echo_traffic.h"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string_view>

#include <edo/base/seam/census.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/task/or_return.h>
#include <edo/task/spawn.h>
#include <edo/timer/sleep.h>
#include <edo/timer/timeout.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::serve_echo;
using edo::testing::talk;

edo::task<> sleep_for_ever() {
    for (;;)
        co_await edo::sleep(1h);
}

void throw_on_its_thread() {
    throw std::runtime_error("expected");
}

edo::task<edo::result<int>> use_everything() {
    auto listener = std::make_shared<edo::net::tcp_listener>(co_await edo::or_return(
        edo::net::tcp_listener::bind(edo::net::socket_addr::loopback_v4(0))));
    const auto here = co_await edo::or_return(listener->local_addr());
    const auto server = edo::spawn(serve_echo, listener);
    edo::spawn(sleep_for_ever).detach();  // left to the end of the runtime
    std::atomic<bool> is_over = false;
    auto first = edo::spawn(talk, here, edo::duration(20us), std::cref(is_over));
    auto second = edo::spawn(talk, here, edo::duration(30us), std::cref(is_over));
    const auto late = co_await edo::timeout(1ms, edo::sleep(1h));
    is_over = co_await edo::spawn_blocking([] { return true; });
    try {
        co_await edo::spawn_blocking(throw_on_its_thread);
    } catch (const std::runtime_error&) {
        is_over = late == edo::errc::timed_out;
    }
    const auto some = co_await edo::or_return(std::move(first).join());
    const auto more = co_await edo::or_return(std::move(second).join());
    co_return static_cast<int>(some + more);
}

int answer_of(const edo::result<int>& ended) {
    if (!ended) std::fprintf(stderr, "plugin: %s\n", ended.error().message().c_str());
    return ended ? *ended : -1;
}

int use(unsigned workers, edo::reactor_kind kind) {
    auto wanted = edo::runtime::builder().worker_threads(workers != 0 ? workers : 1).reactor(kind);
    if (workers != 0) return answer_of(wanted.build().value().block_on(use_everything()));
    return answer_of(wanted.build_current_thread().value().block_on(use_everything()));
}

/// Returns: true when the library has nothing left that could come back to it.
bool is_all_gone() {
    for (int i = 0; i < edo::detail::census_kinds; ++i) {
        const auto kind = static_cast<edo::detail::census_kind>(i);
        if (edo::detail::census_of(kind) == 0) continue;
        std::fprintf(stderr, "plugin: %s left alive\n", edo::detail::census_name(kind));
        return false;
    }
    return true;
}

}  // namespace

extern "C" int use_edo(unsigned workers, const char* reactor) {
    try {
        const bool is_ring = std::string_view(reactor) == edo::name_of(edo::reactor_kind::io_uring);
        const int count =
            use(workers, is_ring ? edo::reactor_kind::io_uring : edo::reactor_kind::epoll);
        return is_all_gone() ? count : -2;
    } catch (const std::exception& thrown) {
        std::fprintf(stderr, "plugin: %s\n", thrown.what());
        return -3;
    }
}
