// The same seed makes the same choices in real time too, where one thread runs all tasks.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>
#include <edo/task/budget.h>
#include <edo/task/select.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;

/// Which of three branches wins that are ready at once, again and again. In between the worker has
/// nothing to do, searches and sleeps, for as long as it happens to.
edo::task<std::vector<std::size_t>> choose() {
    std::vector<std::size_t> chosen;
    for (int i = 0; i < 64; ++i) {
        auto won = co_await edo::select(edo::consume_budget(), edo::consume_budget(),
                                        edo::consume_budget());
        chosen.push_back(won.index());
        if (i % 4 == 0) co_await edo::sleep(20us);
    }
    co_return chosen;
}

template <class Runtime>
std::vector<std::size_t> choices_of_two_tasks(Runtime rt) {
    std::vector<std::size_t> all = rt.block_on(choose());
    const std::vector<std::size_t> later = rt.block_on(rt.spawn(choose).join());
    all.insert(all.end(), later.begin(), later.end());
    return all;
}

std::vector<std::size_t> choices_on_one_worker(std::uint64_t seed) {
    return choices_of_two_tasks(
        edo::runtime::builder().worker_threads(1).seed(seed).build().value());
}

std::vector<std::size_t> choices_on_one_thread(std::uint64_t seed) {
    return choices_of_two_tasks(
        edo::current_thread_runtime::builder().seed(seed).build_current_thread().value());
}

TEST(seeded_select, chooses_the_same_branches_on_one_worker) {
    const std::vector<std::size_t> first = choices_on_one_worker(7);

    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(choices_on_one_worker(7), first);
    EXPECT_NE(choices_on_one_worker(8), first);
}

TEST(seeded_select, chooses_the_same_branches_on_one_thread) {
    const std::vector<std::size_t> first = choices_on_one_thread(7);

    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(choices_on_one_thread(7), first);
    EXPECT_NE(choices_on_one_thread(8), first);
}

}  // namespace
