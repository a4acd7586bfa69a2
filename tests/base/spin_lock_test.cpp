#include <edo/base/seam/spin_lock.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <latch>
#include <string>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace {

using edo::detail::spin_guard;
using edo::detail::spin_lock;

TEST(spin_lock, lets_in_one_at_a_time) {
    spin_lock lock;
    int entered = 0;  // plain: the lock orders it
    std::atomic<int> inside = 0;
    std::atomic<int> met = 0;
    constexpr int threads = 4, rounds = 2'000;
    std::latch together(threads);

    std::vector<std::thread> crowd;
    for (int t = 0; t < threads; ++t) {
        crowd.emplace_back([&] {
            together.arrive_and_wait();
            for (int i = 0; i < rounds; ++i) {
                const spin_guard guard(lock);
                if (++inside != 1) ++met;
                ++entered;
                std::this_thread::yield();  // the others come to the lock meanwhile
                --inside;
            }
        });
    }
    for (std::thread& t : crowd)
        t.join();

    EXPECT_EQ(met, 0);
    EXPECT_EQ(entered, threads * rounds);
}

/// How often a thread has gone to sleep so far.
long sleeps_of(long thread_id) {
    std::ifstream status("/proc/self/task/" + std::to_string(thread_id) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("voluntary_ctxt_switches:")) return std::stol(line.substr(24));
    return -1;
}

TEST(spin_lock, who_waits_long_sleeps_and_takes_it_afterwards) {
    using clock = std::chrono::steady_clock;
    spin_lock lock;
    lock.lock();
    std::latch begins(1);
    long id = 0, sleeps_before = 0;
    bool is_held = true;  // plain: the lock orders it
    std::thread waits([&] {
        id = ::syscall(SYS_gettid);
        rusage used{};
        ::getrusage(RUSAGE_THREAD, &used);
        sleeps_before = used.ru_nvcsw;
        begins.count_down();
        const spin_guard guard(lock);
        EXPECT_FALSE(is_held);
    });
    begins.wait();

    // It may be held up before it sleeps; without a limit one that never does would hang here.
    const auto limit = clock::now() + std::chrono::seconds(20);
    bool has_slept = false;
    while (!has_slept && clock::now() < limit)
        has_slept = sleeps_of(id) > sleeps_before;
    is_held = false;
    lock.unlock();
    waits.join();

    EXPECT_TRUE(has_slept);
}

}  // namespace
