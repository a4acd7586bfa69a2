// What may go wrong around a runtime: signals, forks and exits, two runtimes that need each other,
// threads that come at the wrong moment.

#include "conformance/at_end.h"
#include "net/io_loop.h"
#include "net/pairs.h"
#include "runtime/flavors.h"
#include "support/event.h"
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <pthread.h>
#include <set>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/census.h>
#include <edo/runtime/block_in_place.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/sync/oneshot.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using net::socket_addr;
using net::tcp_listener;
using net::tcp_stream;

EDO_SUITE_FOR_ALL_RUNTIMES(fault);

task<> nothing() {
    co_return;
}

// ---- the end of a runtime

TEST_P(fault, spawns_of_64_threads_while_the_runtime_ends_all_resolve) {
    auto made = make();
    auto& rt = *made;
    std::latch together(65);
    std::atomic<int> finished = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 64; ++t) {
        threads.emplace_back([&] {
            together.arrive_and_wait();
            std::vector<join_handle<void>> mine;
            for (int i = 0; i < 10; ++i)
                mine.push_back(rt.spawn(nothing));
            for (auto& each : mine) {
                while (!each.is_finished())
                    std::this_thread::yield();
                ++finished;
            }
        });
    }

    together.arrive_and_wait();
    EXPECT_TRUE(rt.shutdown().is_clean());

    for (auto& each : threads)
        each.join();
    EXPECT_EQ(finished, 640);
}

TEST_P(fault, limit_far_below_zero_makes_the_end_wait_for_nothing) {
    std::latch begun(1), go_on(1);
    auto made = make();
    made->spawn([&]() -> task<> {
            co_await spawn_blocking([&] {
                begun.count_down();
                go_on.wait();
            });
        })
        .detach();
    made->block_on(yield_now());
    begun.wait();

    const shutdown_report report = made->shutdown(duration::min());

    EXPECT_EQ(report.blocking_calls.size(), 1U) << report.to_string();
    go_on.count_down();
    made.reset();
    // Threads that nobody waits for let go of the rest.
    while (edo::detail::census_of(edo::detail::census_kind::thread) != 0 ||
           edo::detail::census_of(edo::detail::census_kind::operation) != 0 ||
           edo::detail::census_of(edo::detail::census_kind::frame) != 0)
        std::this_thread::yield();
}

TEST(blocking_fault, thread_that_is_to_stay_for_less_than_nothing_goes_at_once) {
    auto rt = runtime::builder().worker_threads(1).blocking_keep_alive(duration::min()).build();

    rt->block_on(spawn_blocking([] {}));

    while (rt->metrics().pools.front().threads != 0)
        std::this_thread::yield();
}

task<result<void>> accept_for_ever(std::shared_ptr<tcp_listener> at) {
    for (;;)
        co_await or_return(at->accept());
}

task<result<void>> connect_for_ever(socket_addr to, std::reference_wrapper<std::atomic<int>> made) {
    for (;;) {
        const auto stream = co_await or_return(tcp_stream::connect(to));
        ++made.get();
        co_await or_return(stream.write_all("x"));
    }
}

task<> sleep_for_ever() {
    for (;;)
        co_await edo::sleep(1us);
}

TEST_P(fault, runtime_may_end_while_sockets_are_opened_and_timers_are_set) {
    for (int round = 0; round < 10; ++round) {
        auto listener =
            std::make_shared<tcp_listener>(tcp_listener::bind(socket_addr::loopback_v4(0)).value());
        std::atomic<int> connections = 0;
        const auto made = make();
        for (int i = 0; i < 4; ++i) {
            made->spawn(accept_for_ever, listener).detach();
            made->spawn(connect_for_ever, listener->local_addr().value(), std::ref(connections))
                .detach();
            made->spawn(sleep_for_ever).detach();
        }
        made->block_on([&]() -> task<> {
            while (connections < 10)
                co_await yield_now();
        });

        EXPECT_TRUE(made->shutdown().is_clean());
    }
}

/// What a task of one runtime learns of another one that is gone.
struct seen_from_outside {
    bool was_cancelled = false;
    std::error_code of_channel;
    std::error_code of_socket;
};

task<> hold_until_the_end(sync::oneshot::sender<int>) {
    event never;
    co_await never.wait();
}

task<std::error_code> error_of_read(std::reference_wrapper<tcp_stream> from) {
    std::array<std::byte, 16> buffer;
    const auto got = co_await from.get().read(buffer);
    co_return got.error();
}

task<> look_from_outside(join_handle<void> there,
                         sync::oneshot::receiver<int> from,
                         std::reference_wrapper<tcp_stream> stream,
                         std::reference_wrapper<seen_from_outside> seen) {
    const auto outcome = co_await std::move(there).try_join();
    seen.get().was_cancelled = outcome.is_cancelled();
    const auto message = co_await from.recv();
    seen.get().of_channel = message.error();
    seen.get().of_socket = co_await error_of_read(stream);
}

TEST_P(fault, task_learns_that_the_runtime_of_what_it_waits_for_is_gone) {
    half_plain_pair pair = make_pair();
    seen_from_outside seen;
    const auto here = make();
    auto there = make();
    auto [tx, rx] = sync::oneshot::channel<int>();
    auto held = there->spawn(hold_until_the_end, std::move(tx));
    auto reads_there = there->spawn(error_of_read, std::ref(pair.stream));
    there->block_on(edo::sleep(1ms));  // the stream is one of that runtime's now
    auto looking = here->spawn(look_from_outside, std::move(held), std::move(rx),
                               std::ref(pair.stream), std::ref(seen));
    here->block_on(yield_now());

    there.reset();
    here->block_on(std::move(looking).join());

    EXPECT_TRUE(seen.was_cancelled);
    EXPECT_EQ(seen.of_channel, errc::closed);
    EXPECT_EQ(seen.of_socket, errc::runtime_shutdown);
}

TEST_P(fault, runtime_whose_tasks_wait_for_another_one_may_end_first) {
    half_plain_pair pair = make_pair();
    seen_from_outside seen;
    const auto there = make();
    auto [tx, rx] = sync::oneshot::channel<int>();
    auto held = there->spawn(hold_until_the_end, std::move(tx));
    {
        const auto here = make();
        here->spawn(look_from_outside, std::move(held), std::move(rx), std::ref(pair.stream),
                    std::ref(seen))
            .detach();
        here->block_on(yield_now());
    }

    there->block_on(nothing());  // goes on, and has dropped the task whose handle has gone
    EXPECT_TRUE(there->shutdown().is_clean());
    EXPECT_FALSE(seen.was_cancelled);
}

// ---- processes

TEST(process_fault, every_descriptor_of_a_runtime_closes_on_exec) {
    for (const reactor_kind kind : reactors_here()) {
        const auto numbers = [] {
            std::set<std::string> all;
            for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
                all.insert(each.path().filename());
            return all;
        };
        const auto before = numbers();
        auto rt = runtime::builder().worker_threads(2).reactor(kind).build().value();
        auto listener = tcp_listener::bind(socket_addr::loopback_v4(0)).value();
        const plain_socket client = connect_plainly(listener.local_addr().value());
        auto taken = rt.block_on(listener.accept());
        EXPECT_TRUE(taken);
        rt.block_on([]() -> task<> {
            block_in_place([] {});
            co_await edo::sleep(1ms);
        });

        int looked_at = 0;
        for (const std::string& each : numbers()) {
            const int flags = ::fcntl(std::stoi(each), F_GETFD);
            if (before.contains(each) || flags == -1) continue;  // that of the listing
            EXPECT_TRUE((flags & FD_CLOEXEC) != 0) << each;
            ++looked_at;
        }
        EXPECT_GE(looked_at, 3);
    }
}

std::atomic<int> signals_handled = 0;

void handle_signal(int) {
    signals_handled.fetch_add(1, std::memory_order_relaxed);
}

/// Interrupts the system calls of all other threads while it lives.
class signal_storm {
public:
    signal_storm() {
        struct sigaction action{};

        action.sa_handler = &handle_signal;  // without SA_RESTART: calls end with EINTR
        ::sigaction(SIGUSR1, &action, &before_);
        signals_handled = 0;
        sender_ = std::thread([this] { send(); });
    }

    signal_storm(const signal_storm&) = delete;

    ~signal_storm() {
        is_over_ = true;
        sender_.join();
        ::sigaction(SIGUSR1, &before_, nullptr);
    }

private:
    void send() {
        const auto own = std::to_string(::syscall(SYS_gettid));
        while (!is_over_) {
            for (const auto& each : std::filesystem::directory_iterator("/proc/self/task")) {
                const std::string number = each.path().filename();
                if (number != own) ::syscall(SYS_tgkill, ::getpid(), std::stoi(number), SIGUSR1);
            }
            std::this_thread::yield();
        }
    }

    struct sigaction before_{};

    std::atomic<bool> is_over_ = false;
    std::thread sender_;
};

task<result<int>> talk_to_oneself(int rounds) {
    auto listener = co_await or_return(tcp_listener::bind(socket_addr::loopback_v4(0)));
    int received = 0;
    for (int i = 0; i < rounds; ++i) {
        auto near = co_await or_return(tcp_stream::connect(listener.local_addr().value()));
        auto far = co_await or_return(listener.accept());
        auto reading = spawn(error_of_read, std::ref(far.stream));
        co_await edo::sleep(20us);
        co_await or_return(near.write_all("hello"));
        const std::error_code failed = co_await std::move(reading).join();
        if (!failed) ++received;
        co_await spawn_blocking([] { std::this_thread::sleep_for(20us); });
        block_in_place([] { std::this_thread::sleep_for(20us); });
    }
    co_return received;
}

TEST_P(fault, signals_that_interrupt_every_call_do_no_harm) {
    const signal_storm storm;
    const auto made = make();

    int rounds = 0;
    do {
        EXPECT_EQ(made->block_on(talk_to_oneself(20)), 20);
        ++rounds;
    } while (signals_handled < 200 && rounds < 1'000);

    EXPECT_GE(signals_handled, 200);
    EXPECT_TRUE(made->shutdown().is_clean());
}

/// A task in each kind of wait, the frames of which are still there when the runtime ends.
template <class Held>
task<> wait_in_every_way(Held) {
    auto listener = tcp_listener::bind(socket_addr::loopback_v4(0)).value();
    event never;
    co_await select(listener.accept(), never.wait(), edo::sleep(1h));
}

std::optional<current_thread_runtime>& runtime_of_this_thread() {
    thread_local std::optional<current_thread_runtime> rt;
    return rt;
}

// The variable is older than what the library keeps for the thread, so it goes later.
TEST(thread_fault, current_thread_runtime_in_a_thread_local_ends_with_its_thread) {
    std::atomic<int> destroyed = 0;
    auto count = [&] { ++destroyed; };

    std::thread([&] {
        auto& rt = runtime_of_this_thread();
        rt.emplace();
        for (int i = 0; i < 10; ++i)
            rt->spawn(wait_in_every_way<at_end<decltype(count)>>, at_end(count)).detach();
        rt->poll_for(0s);
    }).join();

    EXPECT_EQ(destroyed, 10);
}

std::optional<join_handle<void>>& handle_of_this_thread() {
    thread_local std::optional<join_handle<void>> handle;
    return handle;
}

TEST_P(fault, handle_in_a_thread_local_cancels_its_task_when_the_thread_ends) {
    const auto made = make();
    event never;
    std::thread([&] {
        auto& handle = handle_of_this_thread();
        handle.emplace(made->spawn([&]() -> task<> { co_await never.wait(); }));
    }).join();

    made->block_on([&]() -> task<> {
        while (made->metrics().tasks_cancelled != 1)
            co_await yield_now();
    });
}

std::optional<runtime>& runtime_of_the_process() {
    static std::optional<runtime> rt;
    return rt;
}

std::optional<current_thread_runtime>& current_thread_runtime_of_the_process() {
    static std::optional<current_thread_runtime> rt;
    return rt;
}

// By then the thread-locals of the main thread are gone.
TEST(process_fault, current_thread_runtime_of_static_duration_ends_with_the_process) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            auto& rt = current_thread_runtime_of_the_process();
            rt.emplace();
            auto tell = [] { std::fputs("dropped", stderr); };
            rt->spawn(wait_in_every_way<at_end<decltype(tell)>>, at_end(tell)).detach();
            rt->poll_for(0s);
            std::exit(3);
        },
        ::testing::ExitedWithCode(3), "dropped");
}

TEST(process_fault, exit_by_a_task_of_a_runtime_of_static_duration_is_loud) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto& rt = runtime_of_the_process();
            rt.emplace(runtime::builder().worker_threads(1).build().value());
            rt->block_on([]() -> task<> {
                std::exit(3);
                co_return;
            });
        },
        "the destructor of runtime 'edo'.*was called inside the task");
}

TEST(process_fault, runtime_of_static_duration_ends_with_the_process) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            auto& rt = runtime_of_the_process();
            rt.emplace(runtime::builder().worker_threads(2).build().value());
            auto tell = [] { std::fputs("dropped", stderr); };
            rt->spawn([](at_end<decltype(tell)>) -> task<> { co_await edo::sleep(1h); },
                      at_end(tell))
                .detach();
            std::exit(3);
        },
        ::testing::ExitedWithCode(3), "dropped");
}

TEST(process_fault, task_may_exit_the_process) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    for (const bool is_quick : {false, true}) {
        EXPECT_EXIT(
            {
                auto rt = runtime::builder().worker_threads(2).build().value();
                rt.block_on([is_quick]() -> task<> {
                    co_await yield_now();
                    if (is_quick) std::quick_exit(4);
                    std::exit(4);
                });
            },
            ::testing::ExitedWithCode(4), "");
    }
}

TEST(process_fault, blocking_call_that_ends_its_thread_ends_the_process_loudly) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = runtime::builder().worker_threads(1).build().value();
            rt.block_on(spawn_blocking([] { ::pthread_exit(nullptr); }));
        },
        "");
}

TEST(process_fault, small_stacks_are_enough_or_are_refused) {
    auto made = runtime::builder().worker_threads(2).thread_stack_size(64 * 1024).build();

    if (made) {
        EXPECT_EQ(made->block_on(talk_to_oneself(3)), 3);
    } else {
        EXPECT_EQ(made.error(), build_errc::bad_stack_size);
    }
}

}  // namespace
}  // namespace edo::testing
