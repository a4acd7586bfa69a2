#include "support/failing_allocation.h"
#include <cstddef>
#include <cstdlib>
#include <latch>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/seam/sys.h>
#include <edo/runtime/run.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/scheduler/usable_cores.h>
#include <edo/task/spawn_options.h>
#include <edo/task/yield.h>

namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// Sets an environment variable for the length of a test.
class with_variable {
public:
    with_variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }

    ~with_variable() { ::unsetenv(name_); }

private:
    const char* name_;
};

TEST(runtime_builder, values_that_cannot_work_are_errors_that_name_the_value) {
    const auto none = edo::runtime::builder().worker_threads(0).build();
    const auto too_many = edo::runtime::builder().worker_threads(4'097).build();
    const auto no_pool = edo::runtime::builder().max_blocking_threads(0).build();
    const auto no_interval = edo::runtime::builder().event_interval(0).build_current_thread();

    EXPECT_EQ(none.error(), edo::build_errc::no_workers);
    EXPECT_THAT(none.error().message(), HasSubstr("worker_threads(0)"));
    EXPECT_EQ(too_many.error(), edo::build_errc::too_many_workers);
    EXPECT_EQ(no_pool.error(), edo::build_errc::no_blocking_threads);
    EXPECT_EQ(no_interval.error(), edo::build_errc::no_event_interval);
}

TEST(runtime_builder, number_of_workers_comes_from_the_environment) {
    const with_variable set("EDO_WORKERS", "3");

    auto rt = edo::runtime::builder().build().value();

    EXPECT_EQ(rt.info().workers, 3U);
}

TEST(runtime_builder, explicit_number_of_workers_wins_over_the_environment) {
    const with_variable set("EDO_WORKERS", "nonsense");

    auto rt = edo::runtime::builder().worker_threads(2).build().value();

    EXPECT_EQ(rt.info().workers, 2U);
}

TEST(runtime_builder, bad_variables_are_errors) {
    for (const char* bad : {"", "0", "-1", "abc", "4x", "99999"}) {
        const with_variable set("EDO_WORKERS", bad);
        EXPECT_EQ(edo::runtime::builder().build().error(), edo::build_errc::bad_workers_variable)
            << bad;
    }
    const with_variable set("EDO_REACTOR", "magic");
    EXPECT_EQ(edo::runtime::builder().worker_threads(1).build().error(),
              edo::build_errc::bad_reactor_variable);
}

TEST(runtime_builder, messages_about_variables_quote_their_values) {
    const with_variable workers("EDO_WORKERS", "abc");
    EXPECT_THAT(edo::runtime::builder().build().error().message(),
                HasSubstr("EDO_WORKERS is \"abc\""));
    const with_variable reactor("EDO_REACTOR", "magic");
    EXPECT_THAT(edo::runtime::builder().worker_threads(1).build().error().message(),
                HasSubstr("EDO_REACTOR is \"magic\""));
}

TEST(runtime_builder, seed_that_is_no_number_is_an_error) {
    const with_variable seed("EDO_SEED", "zz");
    const auto rt = edo::runtime::builder().worker_threads(1).build();

    EXPECT_EQ(rt.error(), edo::build_errc::bad_seed_variable);
    EXPECT_THAT(rt.error().message(), HasSubstr("EDO_SEED is \"zz\""));
}

TEST(runtime_builder, reactor_comes_from_the_environment) {
    const with_variable set("EDO_REACTOR", "epoll");

    auto rt = edo::runtime::builder().worker_threads(1).build().value();
    auto local = edo::current_thread_runtime::builder().build_current_thread().value();

    EXPECT_EQ(rt.info().reactor, edo::reactor_kind::epoll);
    EXPECT_EQ(local.info().reactor, edo::reactor_kind::epoll);
}

TEST(runtime_builder, reactor_that_does_not_exist_here_is_an_error) {
    auto rt = edo::runtime::builder().reactor(edo::reactor_kind::kqueue).worker_threads(2).build();
    auto local = edo::runtime::builder().reactor(edo::reactor_kind::kqueue).build_current_thread();

    EXPECT_FALSE(rt.has_value());
    EXPECT_FALSE(local.has_value());
}

TEST(runtime_builder, failure_inside_a_task_is_an_error_too) {
    edo::current_thread_runtime rt;

    const bool both_failed = rt.block_on([]() -> edo::task<bool> {
        const auto refused = edo::reactor_kind::kqueue;
        auto workers = edo::runtime::builder().worker_threads(1).reactor(refused).build();
        auto local = edo::current_thread_runtime::builder().reactor(refused).build_current_thread();
        co_return !workers && !local;
    });

    EXPECT_TRUE(both_failed);
}

TEST(runtime_builder, default_is_at_least_one_worker_and_at_most_the_usable_cores) {
    auto rt = edo::runtime::builder().build().value();

    EXPECT_GE(rt.info().workers, 1U);
    EXPECT_LE(rt.info().workers, edo::detail::usable_cores().size());
}

int one_core_affinity(std::size_t size, cpu_set_t* set) noexcept {
    CPU_ZERO_S(size, set);
    CPU_SET_S(0, size, set);
    return static_cast<int>(size);
}

TEST(runtime_builder, default_follows_the_affinity_mask) {
    edo::detail::sys::current.sched_getaffinity = &one_core_affinity;
    auto rt = edo::runtime::builder().build().value();
    edo::detail::sys::current.sched_getaffinity = &edo::detail::sys::kernel::sched_getaffinity;

    EXPECT_EQ(rt.info().workers, 1U);
}

int threads_left = 0;

int refuse_after_some(pthread_t* thread,
                      const pthread_attr_t* attributes,
                      void* (*body)(void*),
                      void* argument) noexcept {
    if (threads_left-- <= 0) return -EAGAIN;
    return edo::detail::sys::kernel::pthread_create(thread, attributes, body, argument);
}

TEST(runtime_builder, refused_thread_is_an_error_and_nothing_is_left_running) {
    for (const int allowed : {0, 1, 3, 4}) {  // four workers and the monitor
        threads_left = allowed;
        edo::detail::sys::current.pthread_create = &refuse_after_some;
        const auto rt = edo::runtime::builder().worker_threads(4).build();
        edo::detail::sys::current.pthread_create = &edo::detail::sys::kernel::pthread_create;

        EXPECT_EQ(rt.error(), edo::build_errc::no_thread);
        EXPECT_THAT(rt.error().message(), HasSubstr("thread"));
    }
}

/// Builds runtimes, the n-th of them with its n-th allocation failing, until one needs fewer.
/// Returns: how many failed.
template <class Build>
int build_with_each_failure(Build&& build) {
    for (int failures = 0;; ++failures) {
        const edo::testing::failing_allocation failing(static_cast<std::size_t>(failures) + 1);
        try {
            const auto built = build();
            if (!failing.has_failed()) {
                EXPECT_TRUE(built) << built.error().message();
                return failures;
            }
        } catch (const std::bad_alloc&) {
            EXPECT_TRUE(failing.has_failed());
        }
    }
}

/// Returns: how many blocks of memory failing to build leaves behind, from the second time on: what
/// the library makes at its first use, it keeps.
template <class Build>
std::ptrdiff_t blocks_left_by(Build&& build) {
    const int failures = build_with_each_failure(build);
    EXPECT_GE(failures, edo::testing::failing_allocation::is_possible ? 4 : 0);
    const std::ptrdiff_t before = edo::testing::count_live_blocks();
    build_with_each_failure(build);
    return edo::testing::count_live_blocks() - before;
}

TEST(runtime_builder, without_memory_leaves_nothing) {
    // First the one that makes all on this thread, also what later ones find made.
    EXPECT_EQ(blocks_left_by([] { return edo::runtime::builder().build_current_thread(); }), 0);
    EXPECT_EQ(blocks_left_by([] { return edo::runtime::builder().worker_threads(2).build(); }), 0);
}

// Says something when it runs alone, as CTest has it: then this is the first error.
TEST(runtime_builder, first_error_needs_no_memory) {
    const edo::testing::failing_allocation failing(1);

    const std::error_code first = edo::build_errc::no_memory;

    EXPECT_FALSE(failing.has_failed());
    EXPECT_EQ(first, edo::build_errc::no_memory);
}

TEST(runtime_builder, stack_that_the_system_refuses_is_an_error) {
    const auto rt = edo::runtime::builder().worker_threads(1).thread_stack_size(1).build();

    EXPECT_EQ(rt.error(), edo::build_errc::bad_stack_size);
}

TEST(runtime_builder, many_more_workers_than_cores_work) {
    auto rt = edo::runtime::builder().worker_threads(16).build().value();

    const int sum = rt.block_on([]() -> edo::task<int> {
        std::vector<edo::join_handle<int>> all;
        for (int i = 0; i < 1'000; ++i) {
            all.push_back(edo::spawn([i]() -> edo::task<int> {
                co_await edo::yield_now();
                co_return i;
            }));
        }
        int total = 0;
        for (auto& h : all)
            total += co_await std::move(h).join();
        co_return total;
    });

    EXPECT_EQ(sum, 999 * 1'000 / 2);
}

edo::task<std::vector<int>> cores_of_this_thread() {
    co_return edo::detail::usable_cores();  // what the kernel says of the calling thread
}

TEST(runtime_builder, pinned_workers_are_tied_to_one_usable_core_after_the_other) {
    constexpr unsigned workers = 3;  // more than cores here: then it begins again at the first
    const std::vector<int> usable = edo::detail::usable_cores();
    auto rt = edo::runtime::builder().worker_threads(workers).pin_workers(true).build().value();

    std::vector<std::vector<int>> seen, expected;
    for (unsigned i = 0; i < workers; ++i) {
        const auto there = edo::spawn_options().worker(i);
        seen.push_back(rt.block_on(rt.spawn(edo::with(there, cores_of_this_thread)).join()));
        expected.push_back({usable[i % usable.size()]});
    }

    EXPECT_EQ(seen, expected);
}

TEST(runtime_builder, threads_carry_the_name) {
    auto rt = edo::runtime::builder().worker_threads(1).thread_name("mill").build().value();

    const std::string name = rt.block_on([]() -> edo::task<std::string> {
        char text[16] = {};
        ::pthread_getname_np(::pthread_self(), text, sizeof text);
        co_return text;
    });

    EXPECT_EQ(name, "mill");
}

TEST(runtime_builder, forced_and_forbidden_spinning_change_no_result) {
    for (const edo::duration span : {0us, 200us}) {
        auto rt = edo::runtime::builder().worker_threads(2).busy_poll(span).build().value();
        for (int i = 0; i < 50; ++i)
            EXPECT_EQ(rt.block_on([]() -> edo::task<int> { co_return 1; }), 1);
    }
}

edo::task<> nothing() {
    co_return;
}

edo::task<int> seven() {
    co_return 7;
}

edo::task<edo::result<void>> fine() {
    co_return edo::result<void>();
}

edo::task<edo::result<void>> refused() {
    co_return edo::errc::timed_out;
}

edo::task<> throws() {
    throw std::runtime_error("something broke");
    co_return;
}

TEST(run, exit_code_says_how_the_main_task_ended) {
    ::testing::internal::CaptureStderr();

    EXPECT_EQ(edo::run(nothing()), 0);
    EXPECT_EQ(edo::run(seven()), 7);
    EXPECT_EQ(edo::run(fine()), 0);
    EXPECT_EQ(edo::run(fine), 0);
    EXPECT_EQ(edo::run(seven, edo::runtime::builder().worker_threads(1)), 7);
    EXPECT_EQ(edo::run(refused()), 1);
    EXPECT_EQ(edo::run(throws()), 1);
    EXPECT_EQ(edo::run(nothing(), edo::runtime::builder().worker_threads(0)), 1);

    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, HasSubstr(make_error_code(edo::errc::timed_out).message()));
    EXPECT_THAT(said, HasSubstr("something broke"));
    EXPECT_THAT(said, HasSubstr("worker_threads(0)"));
}

}  // namespace
