// Limits of a user: memory that may be locked (RLIMIT_MEMLOCK), threads (RLIMIT_NPROC). Neither
// binds root, so a process of its own becomes nobody first.

#include "net/io_loop.h"
#include "support/child_process.h"
#include <chrono>
#include <csignal>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/seam/sanitizer.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/task/join.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr int no_stranger = 77;

/// Makes the process one of a user that has no privileges, and no other process: a limit of threads
/// counts those of all.
void become_a_stranger() {
    const uid_t stranger = 1'000'000'000 + static_cast<uid_t>(::getpid());
    if (::setresgid(stranger, stranger, stranger) != 0 ||
        ::setresuid(stranger, stranger, stranger) != 0)
        ::_exit(no_stranger);
    ::prctl(PR_SET_DUMPABLE, 1);  // else its own /proc is closed to it
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void limit(__rlimit_resource what, rlim_t to) {
    const rlimit limited{.rlim_cur = to, .rlim_max = to};
    EXPECT_EQ(::setrlimit(what, &limited), 0);
}

int forty_two() {
    return 42;
}

task<int> sleep_and_call() {
    co_await edo::sleep(100us);
    co_return co_await spawn_blocking(forty_two);
}

class process_limit : public ::testing::TestWithParam<reactor_kind> {
protected:
    /// Makes the call in a process of a stranger.
    template <class F>
    static void as_a_stranger(F&& call) {
        child_process child([&] {
            become_a_stranger();
            call();
        });
        const std::string ended = child.end();
        if (ended == "exit " + std::to_string(no_stranger))
            GTEST_SKIP() << "only root may become another user: the limits are not tested";
        EXPECT_EQ(ended, "exit 0");
    }

    static runtime_builder builder() {
        return std::move(runtime::builder().reactor(GetParam()).worker_threads(1));
    }
};

EDO_ON_EACH_REACTOR(process_limit);

// Old kernels charge the rings of io_uring to it.
TEST_P(process_limit, without_memory_to_lock_a_runtime_works_or_names_what_is_missing) {
    as_a_stranger([] {
        limit(RLIMIT_MEMLOCK, 0);

        auto rt = builder().build();

        if (rt) {
            EXPECT_EQ(rt->block_on(sleep_and_call()), 42);
        } else {
            EXPECT_EQ(GetParam(), reactor_kind::io_uring);
            EXPECT_THAT(rt.error().message(), HasSubstr("RLIMIT_MEMLOCK"));
        }
    });
}

class thread_limit : public process_limit {
protected:
    void SetUp() override {
        if (EDO_SANITIZED) GTEST_SKIP() << "a sanitizer starts threads of its own";
    }
};

EDO_ON_EACH_REACTOR(thread_limit);

TEST_P(thread_limit, runtime_without_a_thread_for_its_worker_is_an_error_that_says_so) {
    as_a_stranger([] {
        limit(RLIMIT_NPROC, 1);

        auto rt = builder().build();

        ASSERT_FALSE(rt);
        EXPECT_THAT(rt.error().message(), HasSubstr("thread"));
    });
}

TEST_P(thread_limit, current_thread_runtime_needs_none_and_its_blocking_call_is_an_error) {
    as_a_stranger([] {
        limit(RLIMIT_NPROC, 1);

        auto rt = builder().build_current_thread();

        ASSERT_TRUE(rt) << rt.error().message();
        rt->block_on(edo::sleep(100us));
        try {
            rt->block_on(sleep_and_call());
            ADD_FAILURE() << "there was a thread";
        } catch (const std::system_error& thrown) {
            EXPECT_EQ(thrown.code(), std::errc::resource_unavailable_try_again);
        }
    });
}

// However few threads there may be: what has been built works, the rest is an error.
TEST_P(thread_limit, each_number_of_threads_is_enough_for_something_or_an_error) {
    for (rlim_t threads = 1; threads <= 8; ++threads) {
        as_a_stranger([threads] {
            limit(RLIMIT_NPROC, threads);
            auto rt = runtime::builder().reactor(GetParam()).worker_threads(2).build();
            if (!rt) {
                EXPECT_THAT(rt.error().message(), HasSubstr("thread"));
                EXPECT_LE(threads, 4U) << "two workers, a monitor and the one that builds them";
                return;
            }
            try {
                const auto [first, second] = rt->block_on(join(sleep_and_call(), sleep_and_call()));
                EXPECT_EQ(first + second, 84);
            } catch (const std::system_error& thrown) {
                EXPECT_EQ(thrown.code(), std::errc::resource_unavailable_try_again);
                EXPECT_LE(threads, 4U);
            }
            EXPECT_TRUE(rt->shutdown().is_clean());
        });
    }
}

}  // namespace
}  // namespace edo::testing
