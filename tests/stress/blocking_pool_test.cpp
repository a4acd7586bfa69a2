// The blocking pool with threads that come and go: each call is made once or never, none is
// forgotten.

#include <edo/runtime/blocking_pool.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/task/select.h>
#include <edo/task/yield.h>

namespace {

using namespace std::chrono_literals;

std::uint64_t seed() {
    const char* given = std::getenv("EDO_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : 3;
}

edo::task<> call_many(std::reference_wrapper<std::atomic<int>> made, int times) {
    for (int i = 0; i < times; ++i) {
        const int got = co_await edo::spawn_blocking([](int n) { return n; }, i);
        EXPECT_EQ(got, i);
        ++made.get();
    }
}

TEST(blocking_pool, threads_that_end_at_once_lose_no_call) {
    constexpr int tasks = 8, calls = 300;
    auto rt = edo::runtime::builder()
                  .worker_threads(2)
                  .max_blocking_threads(3)
                  .blocking_keep_alive(0s)
                  .build()
                  .value();
    std::atomic<int> made = 0;

    rt.block_on([&]() -> edo::task<> {
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < tasks; ++i)
            all.push_back(edo::spawn(call_many, std::ref(made), calls));
        for (auto& h : all)
            co_await std::move(h).join();
    });

    EXPECT_EQ(made, tasks * calls);
}

/// True on the first call of a thread.
bool is_new_thread() {
    static thread_local bool is_new = true;
    return std::exchange(is_new, false);
}

TEST(blocking_pool, call_that_meets_the_only_thread_on_its_way_out_is_made) {
    constexpr int calls = 10'000;
    auto rt = edo::runtime::builder()
                  .worker_threads(1)
                  .busy_poll(50us)  // the next call comes while the thread makes up its mind
                  .max_blocking_threads(1)
                  .blocking_keep_alive(0s)
                  .build()
                  .value();
    int by_new_threads = 0;

    rt.block_on([&]() -> edo::task<> {
        edo::detail::random choices(seed());
        for (int i = 0; i < calls; ++i) {
            if (co_await edo::spawn_blocking(is_new_thread)) ++by_new_threads;
            for (std::uint32_t turns = choices.below(200); turns > 0; --turns)
                edo::detail::spin_hint();
        }
    });

    EXPECT_GT(by_new_threads, calls / 100) << "the thread never left";
    EXPECT_LT(by_new_threads, calls) << "the thread never stayed";
}

/// Yields a given number of times; the rival of a call in a select.
edo::task<> yields(std::uint32_t times) {
    for (std::uint32_t i = 0; i < times; ++i)
        co_await edo::yield_now();
}

struct outcomes {
    std::atomic<int> returned = 0, dropped = 0, called = 0, destroyed = 0;
};

/// Lives in the call's arguments.
class witness {
public:
    explicit witness(outcomes& o) noexcept : outcomes_(&o) {}

    witness(witness&& other) noexcept : outcomes_(std::exchange(other.outcomes_, nullptr)) {}

    witness& operator=(witness&&) = delete;

    ~witness() {
        if (outcomes_ != nullptr) ++outcomes_->destroyed;
    }

    void note_call() noexcept { ++outcomes_->called; }

private:
    outcomes* outcomes_;
};

edo::task<> race_drop(std::reference_wrapper<outcomes> o, std::uint64_t number) {
    edo::detail::random choices(seed() + number);
    for (int i = 0; i < 100; ++i) {
        auto call = edo::spawn_blocking([](witness w) { w.note_call(); }, witness(o.get()));
        // Now and then the rival waits for as long as the call needs, so that both ends come about.
        const std::uint32_t patience = i % 10 == 9 ? 10'000'000 : choices.below(40);
        auto answer = co_await edo::select(std::move(call), yields(patience));
        ++(answer.index() == 0 ? o.get().returned : o.get().dropped);
    }
}

TEST(blocking_pool, calls_that_are_dropped_at_any_moment_are_made_once_or_never) {
    constexpr int tasks = 16;
    outcomes o;
    {
        auto rt = edo::runtime::builder()
                      .worker_threads(2)
                      .max_blocking_threads(2)
                      .blocking_keep_alive(std::chrono::microseconds(50))
                      .build()
                      .value();
        rt.block_on([&]() -> edo::task<> {
            std::vector<edo::join_handle<void>> all;
            for (std::uint64_t i = 0; i < tasks; ++i)
                all.push_back(edo::spawn(race_drop, std::ref(o), i));
            for (auto& h : all)
                co_await std::move(h).join();
        });
    }

    EXPECT_EQ(o.returned + o.dropped, tasks * 100);
    EXPECT_EQ(o.destroyed, tasks * 100);
    EXPECT_GE(o.called, o.returned);
    EXPECT_LE(o.called, tasks * 100);
    EXPECT_GT(o.returned, 0);
    EXPECT_GT(o.dropped, 0);
    EXPECT_LT(o.called, tasks * 100) << "no call was dropped before it began";
}

edo::task<> use_pools(std::reference_wrapper<outcomes> o, std::uint64_t number) {
    edo::detail::random choices(seed() + number);
    for (int i = 0; i < 100; ++i) {
        edo::blocking_pool pool("brief", edo::blocking_pool_options().max_threads(2));
        const auto call = [](witness w) { w.note_call(); };
        auto begun = pool.try_spawn(call, witness(o.get()));
        // Handle and operation go while the call waits, runs or has ended; a rival that is patient
        // sees the end.
        const std::uint32_t patience = i % 10 == 9 ? 10'000'000 : choices.below(40);
        auto answer = co_await edo::select(pool.spawn(call, witness(o.get())), yields(patience));
        ++(answer.index() == 0 ? o.get().returned : o.get().dropped);
        const edo::blocking_pool_metrics m = pool.metrics();
        EXPECT_EQ(m.submitted, m.queued + m.running + m.completed + m.refused + m.cancelled);
    }
}

TEST(blocking_pool, pools_that_come_and_go_beside_their_calls_end_whole) {
    constexpr int tasks = 8;
    outcomes o;
    {
        auto rt = edo::runtime::builder().worker_threads(2).build().value();
        rt.block_on([&]() -> edo::task<> {
            std::vector<edo::join_handle<void>> all;
            for (std::uint64_t i = 0; i < tasks; ++i)
                all.push_back(edo::spawn(use_pools, std::ref(o), i));
            for (auto& h : all)
                co_await std::move(h).join();
        });
    }

    EXPECT_EQ(o.returned + o.dropped, tasks * 100);
    EXPECT_EQ(o.destroyed, tasks * 200);
    EXPECT_GE(o.called, o.returned);
    EXPECT_GT(o.returned, 0);
    EXPECT_GT(o.dropped, 0);
    EXPECT_LT(o.called, tasks * 200) << "no call was dropped before it began";
}

}  // namespace
