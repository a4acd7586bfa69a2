// Trees of tasks on several workers: joined in any order, so that some children are polled by who
// waits for them, some by their worker and some by a thief, while they yield, sleep, wake each
// other and are cancelled.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/runtime/runtime.h>
#include <edo/sync/oneshot.h>
#include <edo/task/join_handle.h>
#include <edo/task/spawn.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace {

using edo::join_handle;
using edo::task;
using edo::detail::random;

constexpr unsigned children = 6;
constexpr unsigned levels = 4;
constexpr std::uint64_t tasks_below_root = 6 + 36 + 216 + 1296;

/// Waits in one of several ways, or not at all. Yields: false when the runtime has ended what it
/// waited for.
task<bool> rest(random& choices) {
    switch (choices.below(8)) {
        case 0:
            co_await edo::yield_now();
            break;
        case 1:
            co_await edo::sleep(std::chrono::microseconds(50));
            break;
        case 2: {
            auto [to, from] = edo::sync::oneshot::channel<int>();
            edo::spawn(
                [](edo::sync::oneshot::sender<int> answer) -> task<> {
                    static_cast<void>(std::move(answer).send(1));
                    co_return;
                },
                std::move(to))
                .detach();
            const auto answer = co_await std::move(from).recv();
            co_return answer.has_value();
        }
        default:
            break;
    }
    co_return true;
}

task<std::uint64_t> count_tree(unsigned level, std::uint64_t seed) {
    random choices{seed};
    const bool has_rested = co_await rest(choices);
    EXPECT_TRUE(has_rested);
    if (level == 0) co_return 1;
    std::vector<join_handle<std::uint64_t>> below;
    for (unsigned i = 0; i < children; ++i)
        below.push_back(edo::spawn(count_tree, level - 1, seed * children + i + 1));
    std::uint64_t sum = 1;
    while (!below.empty()) {
        const auto next = below.begin() + choices.below(static_cast<std::uint32_t>(below.size()));
        sum += co_await std::move(*next).join();
        below.erase(next);
    }
    co_return sum;
}

class fork_join_stress : public testing::TestWithParam<unsigned> {};

TEST_P(fork_join_stress, each_task_of_a_tree_runs_once) {
    auto rt = edo::runtime::builder().worker_threads(GetParam()).build().value();
    for (std::uint64_t round = 0; round < 20; ++round)
        EXPECT_EQ(rt.block_on(rt.spawn(count_tree, levels, round).join()), tasks_below_root + 1);
    rt.shutdown();

    EXPECT_EQ(rt.metrics().tasks_alive, 0U);
}

task<> waste(unsigned level, std::reference_wrapper<std::atomic<int>> begun) {
    begun.get().fetch_add(1);
    std::vector<join_handle<void>> below;
    if (level > 0)
        for (unsigned i = 0; i < children; ++i)
            below.push_back(edo::spawn(waste, level - 1, begun));
    random choices{level + 1};
    static_cast<void>(co_await rest(choices));
    for (auto& each : below)
        co_await std::move(each).join();
}

// Handles go at any moment, and with them whole trees.
TEST_P(fork_join_stress, trees_are_dropped_at_any_moment) {
    auto rt = edo::runtime::builder().worker_threads(GetParam()).build().value();
    std::atomic<int> begun = 0;
    random choices{7};
    // On a busy machine 200 rounds may be over before a worker has a processor for the first time.
    for (int round = 0; round < 200 || begun.load() == 0; ++round) {
        auto h = rt.spawn(waste, levels - 1, std::ref(begun));
        for (std::uint32_t spins = choices.below(20'000); spins > 0; --spins)
            edo::detail::spin_hint();
        if (round % 2 == 0) h.request_cancel();
    }
    rt.shutdown();

    EXPECT_EQ(rt.metrics().tasks_alive, 0U);
}

INSTANTIATE_TEST_SUITE_P(workers, fork_join_stress, testing::Values(1U, 2U, 4U));

}  // namespace
