// Tasks that belong to one worker: spawn_local, spawn_options::worker() and per-core runtimes.

#include "runtime/flavors.h"
#include "support/event.h"
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/net/tcp_listener.h>
#include <edo/net/tcp_stream.h>
#include <edo/runtime/block_in_place.h>
#include <edo/runtime/runtime.h>
#include <edo/task/spawn.h>
#include <edo/task/spawn_options.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::event;

EDO_SUITE_FOR_ALL_RUNTIMES(local_task_in_any_runtime);

std::thread::id here() {
    return std::this_thread::get_id();
}

edo::spawn_options on(unsigned worker) {
    return edo::spawn_options().worker(worker);
}

/// Notes each thread it is on, in itself and in its destructor.
class thread_watch {
public:
    explicit thread_watch(std::set<std::thread::id>& seen) : seen_(&seen) {}

    thread_watch(thread_watch&& other) noexcept : seen_(std::exchange(other.seen_, nullptr)) {}

    ~thread_watch() {
        if (seen_ != nullptr) note();
    }

    void note() { seen_->insert(here()); }

private:
    std::set<std::thread::id>* seen_;
};

edo::task<> wander(std::reference_wrapper<std::set<std::thread::id>> seen, int turns) {
    thread_watch watch(seen);
    for (int i = 0; i < turns; ++i) {
        watch.note();
        if (i % 3 == 0) {
            co_await edo::sleep(10us);
        } else {
            co_await edo::yield_now();
        }
    }
    watch.note();
}

TEST_P(local_task_in_any_runtime, stays_on_the_thread_that_spawned_it) {
    const auto made = make();
    auto& rt = *made;
    std::set<std::thread::id> seen[20];  // each is touched by one thread, if all is well
    rt.block_on([&]() -> edo::task<> {
        std::vector<std::pair<std::thread::id, edo::join_handle<void>>> all;
        for (auto& each : seen) {
            auto h = edo::spawn_local(wander, std::ref(each), 30);
            all.emplace_back(here(), std::move(h));
            co_await edo::yield_now();
        }
        for (std::size_t i = 0; i < all.size(); ++i) {
            co_await std::move(all[i].second).join();
            EXPECT_EQ(seen[i], std::set{all[i].first}) << "task " << i;
        }
    });
}

edo::task<> wait_for(std::reference_wrapper<event> e,
                     std::reference_wrapper<std::set<std::thread::id>> seen) {
    thread_watch watch(seen);
    co_await e.get().wait();
    watch.note();
}

TEST_P(local_task_in_any_runtime, stays_there_when_woken_from_another_thread) {
    const auto made = make();
    auto& rt = *made;
    event e;
    std::set<std::thread::id> seen;
    std::thread other([&] {
        while (!e.has_waiter())
            std::this_thread::yield();
        e.raise();
    });
    rt.block_on([&]() -> edo::task<> {
        const std::thread::id home = here();
        auto h = edo::spawn_local(wait_for, std::ref(e), std::ref(seen));
        co_await std::move(h).join();
        EXPECT_EQ(seen, std::set{home});
    });
    other.join();
}

TEST_P(local_task_in_any_runtime, is_destroyed_there_when_its_handle_goes_elsewhere) {
    const auto made = make();
    auto& rt = *made;
    event never;
    std::set<std::thread::id> seen;
    std::thread::id home;
    auto handle = rt.block_on([&]() -> edo::task<edo::join_handle<void>> {
        home = here();
        auto h = edo::spawn_local(wait_for, std::ref(never), std::ref(seen));
        while (!never.has_waiter())
            co_await edo::yield_now();
        co_return h;
    });
    {
        auto dropped = std::move(handle);
    }
    rt.shutdown();
    EXPECT_EQ(seen, std::set{home});
}

TEST_P(local_task_in_any_runtime, is_destroyed_there_at_shutdown) {
    const auto made = make();
    auto& rt = *made;
    event never;
    std::set<std::thread::id> seen;
    std::thread::id home;
    rt.block_on([&]() -> edo::task<> {
        home = here();
        edo::spawn_local(wait_for, std::ref(never), std::ref(seen)).detach();
        while (!never.has_waiter())
            co_await edo::yield_now();
    });
    rt.shutdown();
    EXPECT_EQ(seen, std::set{home});
}

TEST_P(local_task_in_any_runtime, may_share_what_is_not_thread_safe) {
    const auto made = make();
    auto& rt = *made;
    const int sum = rt.block_on([]() -> edo::task<int> {
        struct tally {
            int sum = 0;
        };
        // The root may move on; the tally is touched by the tasks of one worker.
        auto shared = std::make_shared<tally>();
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 50; ++i) {
            auto adds = [shared]() -> edo::task<> {
                for (int n = 0; n < 20; ++n) {
                    const int before = shared->sum;
                    shared->sum = before + 1;
                    co_await edo::yield_now();
                }
            };
            all.push_back(edo::spawn_local(std::move(adds)));
        }
        for (auto& each : all)
            co_await std::move(each).join();
        co_return shared->sum;
    });
    EXPECT_EQ(sum, 1'000);
}

TEST_P(local_task_in_any_runtime, keeps_a_name_and_a_priority) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([&]() -> edo::task<> {
        const auto low = edo::spawn_options().name("low").priority(edo::priority::batch);
        std::set<std::thread::id> seen;
        const std::thread::id home = here();
        auto h = edo::spawn_local(edo::with(low, wander), std::ref(seen), 10);
        co_await std::move(h).join();
        EXPECT_EQ(seen, std::set{home});
    });
}

TEST_P(local_task_in_any_runtime, may_be_a_child_of_a_local_tasks_group) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([&]() -> edo::task<> {
        auto parent = []() -> edo::task<std::set<std::thread::id>> {
            std::set<std::thread::id> seen;
            edo::task_group group;
            for (int i = 0; i < 5; ++i)
                group.spawn(edo::with(edo::spawn_options().local(), wander), std::ref(seen), 10);
            const auto joined = co_await group.join();
            EXPECT_TRUE(joined.has_value());
            seen.insert(here());
            co_return seen;
        };
        auto h = edo::spawn_local(parent);
        const auto seen = co_await std::move(h).join();
        EXPECT_EQ(seen.size(), 1U);
    });
}

TEST_P(local_task_in_any_runtime, does_not_keep_others_waiting_nor_they_it) {
    const auto made = make();
    auto& rt = *made;
    std::atomic<bool> stop = false;
    auto spin = [&stop]() -> edo::task<> {
        while (!stop.load())
            co_await edo::yield_now();
    };
    rt.block_on([&]() -> edo::task<> {
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 5; ++i) {
            all.push_back(edo::spawn_local(spin));
            all.push_back(edo::spawn(spin));
        }
        std::atomic<int> ran = 0;
        auto once = [&ran]() -> edo::task<> {
            ++ran;
            co_return;
        };
        auto local = edo::spawn_local(once);
        auto global = edo::spawn(once);
        co_await std::move(local).join();
        co_await std::move(global).join();
        EXPECT_EQ(ran.load(), 2);
        stop.store(true);
        for (auto& each : all)
            co_await std::move(each).join();
    });
}

TEST(local_task, outside_of_a_runtime_is_a_loud_end) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    std::set<std::thread::id> seen;
    EXPECT_DEATH(edo::spawn_local(wander, std::ref(seen), 1).detach(),
                 "edo::spawn_local was called on a thread that runs no task");
}

TEST(local_task, in_the_group_of_a_task_that_moves_is_a_loud_end) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto rt = edo::runtime::builder().worker_threads(2).build().value();
            rt.block_on([]() -> edo::task<> {
                std::set<std::thread::id> seen;
                edo::task_group group;
                group.spawn(edo::with(edo::spawn_options().local(), wander), std::ref(seen), 1);
                const auto joined = co_await group.join();
                EXPECT_TRUE(joined.has_value());
            });
        },
        "spawned into a task_group whose own task is not bound to that worker");
}

TEST(local_task, on_a_worker_that_there_is_not_is_a_loud_end) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    std::set<std::thread::id> seen;
    EXPECT_DEATH(
        {
            auto rt = edo::runtime::builder().worker_threads(2).build().value();
            rt.spawn(edo::with(on(2), wander), std::ref(seen), 1).detach();
        },
        "the runtime has no worker of that number");
    EXPECT_DEATH(
        {
            edo::current_thread_runtime rt;
            rt.spawn(edo::with(on(1), wander), std::ref(seen), 1).detach();
        },
        "a current-thread runtime has worker 0 only");
}

TEST(task_of_one_worker, is_spawned_there_from_anywhere) {
    auto rt = edo::runtime::builder().worker_threads(3).build().value();
    std::set<std::thread::id> homes;
    for (unsigned worker = 0; worker < 3; ++worker) {
        std::set<std::thread::id> seen;
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 4; ++i)
            all.push_back(rt.spawn(edo::with(on(worker), wander), std::ref(seen), 10));
        rt.block_on([&]() -> edo::task<> {
            auto from_inside = edo::spawn(edo::with(on(worker), wander), std::ref(seen), 10);
            co_await std::move(from_inside).join();
        });
        for (auto& each : all)
            rt.block_on(std::move(each).join());
        EXPECT_EQ(seen.size(), 1U) << "worker " << worker;
        homes.insert(seen.begin(), seen.end());
    }
    EXPECT_EQ(homes.size(), 3U);
}

TEST(task_of_one_worker, waits_while_that_worker_is_blocked_and_the_others_go_on) {
    auto rt = edo::runtime::builder()
                  .worker_threads(2)
                  .blocked_after(2ms)
                  .report_blocked_after(0ms)
                  .build()
                  .value();
    std::atomic<bool> has_begun = false;
    std::atomic<bool> release = false;
    std::atomic<bool> has_run = false;
    auto blocks = rt.spawn(edo::with(on(0), [&]() -> edo::task<> {
        has_begun.store(true);
        while (!release.load())
            std::this_thread::yield();
        co_return;
    }));
    while (!has_begun.load())
        std::this_thread::yield();
    auto waits = rt.spawn(edo::with(on(0), [&]() -> edo::task<> {
        has_run.store(true);
        co_return;
    }));
    rt.block_on([]() -> edo::task<> { co_await edo::sleep(20ms); });
    EXPECT_FALSE(has_run.load());
    release.store(true);
    rt.block_on(std::move(blocks).join());
    rt.block_on(std::move(waits).join());
    EXPECT_TRUE(has_run.load());
}

/// Starts tasks on each worker that wait, and notes where each is destroyed when `rt` ends.
void end_with_tasks_on_each_worker(edo::runtime rt, unsigned workers) {
    constexpr std::size_t per_worker = 200;
    std::vector<std::set<std::thread::id>> seen(workers);  // each is touched by one thread
    std::vector<event> never(workers * per_worker);
    for (std::size_t i = 0; i < never.size(); ++i) {
        const auto worker = static_cast<unsigned>(i % workers);
        rt.spawn(edo::with(on(worker), wait_for), std::ref(never[i]), std::ref(seen[worker]))
            .detach();
    }
    for (const event& each : never)
        while (!each.has_waiter())
            std::this_thread::yield();

    EXPECT_TRUE(rt.shutdown().is_clean());

    std::set<std::thread::id> homes;
    for (const auto& each : seen) {
        EXPECT_EQ(each.size(), 1U);
        homes.insert(each.begin(), each.end());
    }
    EXPECT_EQ(homes.size(), workers);
}

TEST(task_of_one_worker, is_destroyed_there_at_shutdown) {
    end_with_tasks_on_each_worker(edo::runtime::builder().worker_threads(3).build().value(), 3);
}

edo::runtime per_core_runtime(unsigned workers) {
    return edo::runtime::builder().worker_threads(workers).per_core(true).build().value();
}

TEST(per_core_runtime, keeps_every_task_where_it_was_spawned) {
    auto rt = per_core_runtime(3);
    rt.block_on([]() -> edo::task<> {
        const std::thread::id home = here();
        std::set<std::thread::id> seen;
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 30; ++i)
            all.push_back(edo::spawn(wander, std::ref(seen), 20));
        edo::task_group group;
        for (int i = 0; i < 10; ++i)
            group.spawn(wander, std::ref(seen), 20);
        const auto joined = co_await group.join();
        EXPECT_TRUE(joined.has_value());
        for (auto& each : all)
            co_await std::move(each).join();
        seen.insert(here());
        EXPECT_EQ(seen, std::set{home});
    });
}

TEST(per_core_runtime, spreads_what_comes_from_outside) {
    auto rt = per_core_runtime(3);
    std::set<std::thread::id> seen[6];
    std::vector<edo::join_handle<void>> all;
    for (auto& each : seen)
        all.push_back(rt.spawn(wander, std::ref(each), 10));
    for (auto& each : all)
        rt.block_on(std::move(each).join());
    std::set<std::thread::id> homes;
    for (const auto& each : seen) {
        EXPECT_EQ(each.size(), 1U);
        homes.insert(each.begin(), each.end());
    }
    EXPECT_EQ(homes.size(), 3U);
}

TEST(per_core_runtime, destroys_each_task_at_home_at_shutdown) {
    end_with_tasks_on_each_worker(per_core_runtime(3), 3);
}

TEST(per_core_runtime, destroys_a_group_with_live_children) {
    auto rt = per_core_runtime(2);
    event never;
    std::set<std::thread::id> seen;
    rt.block_on([&]() -> edo::task<> {
        const std::thread::id home = here();
        {
            edo::task_group group;
            for (int i = 0; i < 5; ++i)
                group.spawn(wait_for, std::ref(never), std::ref(seen));
            co_await edo::yield_now();
        }
        EXPECT_EQ(seen, std::set{home});
    });
}

TEST(per_core_runtime, goes_on_elsewhere_during_a_call_in_place) {
    auto rt = per_core_runtime(2);
    event done;
    auto other = rt.spawn(edo::with(on(1), [&]() -> edo::task<> {
        co_await edo::sleep(1ms);
        done.raise();
    }));
    auto calls = rt.spawn(edo::with(on(0), [&]() -> edo::task<int> {
        const int n = edo::block_in_place([] {
            std::this_thread::sleep_for(5ms);
            return 7;
        });
        co_return n;
    }));
    rt.block_on(std::move(other).join());
    EXPECT_EQ(rt.block_on(std::move(calls).join()), 7);
}

edo::task<> count_connections(edo::net::socket_addr at,
                              std::reference_wrapper<std::atomic<int>> listening,
                              std::reference_wrapper<std::atomic<int>> total,
                              std::reference_wrapper<std::set<std::thread::id>> seen) {
    thread_watch watch(seen);
    auto options = edo::net::tcp_listener::options().reuse_port(true);
    auto listener = edo::net::tcp_listener::bind(at, options);
    if (!listener) throw std::system_error(listener.error());
    listening.get().fetch_add(1);
    for (;;) {
        auto accepted = co_await listener->accept();
        if (!accepted) co_return;
        watch.note();
        total.get().fetch_add(1);
    }
}

TEST(per_core_runtime, has_a_listener_on_each_worker) {
    auto rt = per_core_runtime(2);
    // A first listener finds a free port, and keeps it while the others come.
    auto reserved = rt.block_on([]() -> edo::task<edo::net::tcp_listener> {
        auto options = edo::net::tcp_listener::options().reuse_port(true);
        const auto any = edo::net::socket_addr::parse("127.0.0.1:0");
        co_return std::move(edo::net::tcp_listener::bind(*any, options)).value();
    });
    const edo::net::socket_addr at = *reserved.local_addr();
    std::atomic<int> listening = 0;
    std::atomic<int> total = 0;
    std::set<std::thread::id> seen[2];
    std::vector<edo::join_handle<void>> servers;
    for (unsigned worker = 0; worker < 2; ++worker)
        servers.push_back(rt.spawn(edo::with(on(worker), count_connections), at,
                                   std::ref(listening), std::ref(total), std::ref(seen[worker])));
    while (listening.load() < 2)
        std::this_thread::yield();
    {
        auto closed = std::move(reserved);
    }
    rt.block_on([&]() -> edo::task<> {
        for (int i = 0; i < 64; ++i) {
            auto connecting = edo::net::tcp_stream::connect(at);
            auto stream = co_await std::move(connecting);
            EXPECT_TRUE(stream.has_value());
        }
        while (total.load() < 64)
            co_await edo::sleep(100us);
    });
    for (auto& each : servers)
        rt.block_on(each.cancel());
    EXPECT_EQ(seen[0].size(), 1U) << "64 connections, and the kernel gave this worker none";
    EXPECT_EQ(seen[1].size(), 1U);
    EXPECT_NE(seen[0], seen[1]);
}

}  // namespace
