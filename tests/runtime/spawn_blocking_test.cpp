#include <edo/runtime/spawn_blocking.h>

#include "runtime/flavors.h"
#include "support/event.h"
#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sys.h>
#include <edo/runtime/runtime.h>
#include <edo/task/select.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::event;

EDO_SUITE_FOR_ALL_RUNTIMES(spawn_blocking_on_any_runtime);

std::string join_texts(std::string a, const std::string& b) {
    return a + b;
}

// The call may go on when its caller was dropped.
static_assert(!edo::detail::is_safe_to_keep_v<int, std::string_view>);
static_assert(!edo::detail::is_safe_to_keep_v<const std::span<int>&>);
static_assert(edo::detail::is_safe_to_keep_v<std::string, std::reference_wrapper<std::string>>);

std::size_t length_of(std::string_view text) {
    return text.size();
}

edo::task<std::size_t> length_from_pool() {
    co_return co_await edo::spawn_blocking(length_of, std::string("kept by the call"));
}

TEST_P(spawn_blocking_on_any_runtime, function_may_take_a_view_of_what_is_kept) {
    const auto made = make();
    auto& rt = *made;

    EXPECT_EQ(rt.block_on(length_from_pool()), 16U);
}

edo::task<std::string> text_from_pool() {
    co_return co_await edo::spawn_blocking(join_texts, std::string("a"), std::string("b"));
}

TEST_P(spawn_blocking_on_any_runtime, yields_what_the_call_returns) {
    const auto made = make();
    auto& rt = *made;

    EXPECT_EQ(rt.block_on(text_from_pool()), "ab");
}

TEST_P(spawn_blocking_on_any_runtime, runs_on_another_thread) {
    const auto made = make();
    auto& rt = *made;

    const bool elsewhere = rt.block_on([]() -> edo::task<bool> {
        const std::thread::id here = std::this_thread::get_id();
        const std::thread::id there =
            co_await edo::spawn_blocking([] { return std::this_thread::get_id(); });
        co_return here != there;
    });

    EXPECT_TRUE(elsewhere);
}

TEST_P(spawn_blocking_on_any_runtime, rethrows_what_the_call_throws) {
    const auto made = make();
    auto& rt = *made;

    EXPECT_THROW(
        rt.block_on(edo::spawn_blocking([]() -> int { throw std::runtime_error("no disk"); })),
        std::runtime_error);
}

TEST_P(spawn_blocking_on_any_runtime, move_only_arguments_and_results_pass_through) {
    const auto made = make();
    auto& rt = *made;

    auto got = rt.block_on(edo::spawn_blocking(
        [](std::unique_ptr<int> p) {
            ++*p;
            return p;
        },
        std::make_unique<int>(1)));

    EXPECT_EQ(*got, 2);
}

TEST_P(spawn_blocking_on_any_runtime, a_thousand_calls_all_return) {
    const auto made = make();
    auto& rt = *made;

    const int sum = rt.block_on([]() -> edo::task<int> {
        std::vector<edo::join_handle<int>> all;
        for (int i = 0; i < 1'000; ++i) {
            all.push_back(edo::spawn([i]() -> edo::task<int> {
                co_return co_await edo::spawn_blocking([](int n) { return n; }, i);
            }));
        }
        int total = 0;
        for (auto& h : all)
            total += co_await std::move(h).join();
        co_return total;
    });

    EXPECT_EQ(sum, 999 * 1'000 / 2);
}

TEST_P(spawn_blocking_on_any_runtime, operation_that_is_never_awaited_calls_nothing) {
    const auto made = make();
    auto& rt = *made;
    std::atomic<int> calls = 0;

    rt.block_on([&]() -> edo::task<> {
        {
            auto unused = edo::spawn_blocking([&] { ++calls; });
        }
        co_await edo::yield_now();
    });

    EXPECT_EQ(calls, 0);
}

/// A runtime with one blocking thread that is busy until open() is called.
class busy_pool {
public:
    busy_pool()
        : rt(edo::runtime::builder()
                 .worker_threads(1)
                 .max_blocking_threads(1)
                 .blocking_queue(2)
                 .build()
                 .value()),
          busy_(rt.spawn([this]() -> edo::task<> {
              co_await edo::spawn_blocking([this] {
                  begun_.count_down();
                  gate_.wait();
              });
          })) {
        begun_.wait();
    }

    ~busy_pool() {
        if (!open_) open();
    }

    void open() {
        open_ = true;
        gate_.count_down();
        rt.block_on(std::move(busy_).join());
    }

    edo::runtime rt;

private:
    std::latch begun_{1}, gate_{1};
    bool open_ = false;
    edo::join_handle<void> busy_;
};

TEST(spawn_blocking, call_that_is_dropped_before_it_begins_never_does) {
    busy_pool pool;
    std::atomic<int> calls = 0;
    auto waiting = pool.rt.spawn([&]() -> edo::task<> {
        co_await edo::select_biased(edo::spawn_blocking([&] { ++calls; }), edo::yield_now());
    });
    pool.rt.block_on(std::move(waiting).join());

    pool.open();
    pool.rt.block_on(edo::spawn_blocking([] {}));

    EXPECT_EQ(calls, 0);
}

TEST(spawn_blocking, call_that_is_dropped_while_it_runs_goes_on_and_its_result_is_destroyed) {
    auto rt = edo::runtime::builder().worker_threads(1).max_blocking_threads(1).build().value();
    std::latch begun(1), go_on(1);
    auto result = std::make_shared<int>(1);
    auto h = rt.spawn([&]() -> edo::task<> {
        // Named: g++ 12 destroys a closure with such captures twice when it is a temporary here.
        auto call = [&, result] {
            begun.count_down();
            go_on.wait();
            return result;
        };
        co_await edo::spawn_blocking(std::move(call));
    });
    begun.wait();

    rt.block_on(h.cancel());
    go_on.count_down();
    rt.block_on(edo::spawn_blocking([] {}));

    // The thread has come back for another call, so it has done with the first.
    EXPECT_EQ(result.use_count(), 1);
}

TEST(spawn_blocking, calls_wait_in_line_when_all_threads_are_busy) {
    busy_pool pool;
    std::vector<int> order;
    std::vector<edo::join_handle<void>> all;
    std::atomic<int> in_line = 0;
    for (int i = 0; i < 5; ++i) {
        all.push_back(pool.rt.spawn([&, i]() -> edo::task<> {
            auto call = edo::spawn_blocking([&order, i] { order.push_back(i); });
            ++in_line;
            co_await std::move(call);
        }));
    }
    pool.rt.block_on([&]() -> edo::task<> {
        while (in_line != 5)
            co_await edo::yield_now();
    });
    EXPECT_TRUE(order.empty());

    pool.open();
    for (auto& h : all)
        pool.rt.block_on(std::move(h).join());

    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(spawn_blocking, try_form_refuses_when_too_many_wait) {
    busy_pool pool;

    pool.rt.block_on([]() -> edo::task<> {
        auto first = edo::try_spawn_blocking([] { return 1; });
        auto second = edo::try_spawn_blocking([](int n) { return n; }, 2);
        auto third = edo::try_spawn_blocking([] { return 3; });
        EXPECT_TRUE(first.has_value());
        EXPECT_TRUE(second.has_value());
        EXPECT_EQ(third.error(), edo::errc::queue_full);
        co_return;
    });
}

TEST(spawn_blocking, try_form_begins_before_it_is_awaited) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    std::latch begun(1);

    const int got = rt.block_on([&]() -> edo::task<int> {
        auto call = edo::try_spawn_blocking([&] {
            begun.count_down();
            return 5;
        });
        begun.wait();
        co_return co_await std::move(*call);
    });

    EXPECT_EQ(got, 5);
}

TEST(spawn_blocking, idle_thread_is_used_again) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();

    const bool same = rt.block_on([]() -> edo::task<bool> {
        auto id = [] { return std::this_thread::get_id(); };
        const std::thread::id first = co_await edo::spawn_blocking(id);
        // The thread is idle a moment after it has told us.
        for (int i = 0; i < 1'000; ++i) {
            const std::thread::id next = co_await edo::spawn_blocking(id);
            if (next == first) co_return true;
        }
        co_return false;
    });

    EXPECT_TRUE(same);
}

TEST(spawn_blocking, thread_without_work_ends_and_the_next_call_gets_a_new_one) {
    auto rt = edo::runtime::builder().worker_threads(1).blocking_keep_alive(0s).build().value();

    for (int i = 0; i < 200; ++i)
        EXPECT_EQ(rt.block_on(edo::spawn_blocking([] { return 1; })), 1);
}

edo::detail::sys::table& system_calls() {
    return edo::detail::sys::current;
}

int refuse_thread(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) noexcept {
    return -EAGAIN;
}

TEST(spawn_blocking, without_any_thread_the_call_fails_instead_of_waiting_for_ever) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    system_calls().pthread_create = &refuse_thread;

    try {
        rt.block_on(edo::spawn_blocking([] { return 1; }));
        ADD_FAILURE() << "the call was made";
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code(), std::errc::resource_unavailable_try_again);
    }
    const edo::result<int> as_value =
        rt.block_on(edo::spawn_blocking([]() -> edo::result<int> { return 1; }));
    system_calls().pthread_create = &edo::detail::sys::kernel::pthread_create;

    EXPECT_EQ(as_value.error(), std::errc::resource_unavailable_try_again);
    EXPECT_EQ(rt.block_on(edo::spawn_blocking([] { return 2; })), 2) << "and later it works again";
}

TEST(spawn_blocking, with_one_thread_a_refused_second_one_only_costs_time) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    std::latch begun(1), go_on(1);
    auto first = rt.spawn([&]() -> edo::task<> {
        co_await edo::spawn_blocking([&] {
            begun.count_down();
            go_on.wait();
        });
    });
    begun.wait();
    system_calls().pthread_create = &refuse_thread;
    auto second = rt.spawn(
        []() -> edo::task<int> { co_return co_await edo::spawn_blocking([] { return 2; }); });
    rt.block_on(edo::yield_now());

    go_on.count_down();
    EXPECT_EQ(rt.block_on(std::move(second).join()), 2);

    rt.block_on(std::move(first).join());
    system_calls().pthread_create = &edo::detail::sys::kernel::pthread_create;
}

TEST(spawn_blocking, blocking_call_may_block_on_the_runtime) {
    auto rt = edo::runtime::builder().worker_threads(1).build().value();

    const int got = rt.block_on([&]() -> edo::task<int> {
        co_return co_await edo::spawn_blocking([&] {
            return rt.block_on([]() -> edo::task<int> {
                co_await edo::yield_now();
                co_return 6;
            });
        });
    });

    EXPECT_EQ(got, 6);
}

}  // namespace
