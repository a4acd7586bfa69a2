// What the kernel tells of a thread.

#include <edo/runtime/scheduler/thread_state.h>

#include <atomic>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include <edo/base/seam/atomic.h>
#include <edo/base/seam/sys.h>

namespace {

using edo::detail::kernel_wait_of;
using edo::detail::processor_time_of;

TEST(thread_state, names_the_system_call_in_which_a_thread_waits) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    std::atomic<int> id = 0;
    std::thread reads([&] {
        id = edo::detail::sys::gettid();
        char byte = 0;
        EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    });
    while (id == 0 || kernel_wait_of(id).system_call() != "read")
        std::this_thread::yield();

    ASSERT_EQ(::write(ends[1], "x", 1), 1);
    reads.join();
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(thread_state, names_none_for_one_that_computes) {
    std::atomic<int> id = 0;
    std::atomic<bool> is_done = false;
    std::thread computes([&] {
        id = edo::detail::sys::gettid();
        while (!is_done)
            edo::detail::spin_hint();
    });
    while (id == 0)
        std::this_thread::yield();

    EXPECT_FALSE(kernel_wait_of(id).is_waiting);
    is_done = true;
    computes.join();
}

TEST(thread_state, knows_nothing_of_a_thread_that_is_not_there) {
    EXPECT_FALSE(kernel_wait_of(-1).is_waiting);
    EXPECT_EQ(kernel_wait_of(-1).system_call(), "");
    EXPECT_FALSE(processor_time_of(-1).is_known);
}

TEST(thread_state, time_in_which_another_thread_has_the_processor_is_counted) {
    cpu_set_t before, one;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (std::size_t cpu = 0; CPU_COUNT(&one) == 0; ++cpu)
        if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);  // the other thread inherits it
    std::atomic<bool> is_done = false;
    std::thread competes([&] {
        while (!is_done)
            edo::detail::spin_hint();
    });
    const int id = edo::detail::sys::gettid();
    const edo::duration start = processor_time_of(id).waited;
    while (processor_time_of(id).waited == start)
        edo::detail::spin_hint();

    is_done = true;
    competes.join();
    ::sched_setaffinity(0, sizeof before, &before);
    EXPECT_GT(processor_time_of(id).waited, start);
}

}  // namespace
