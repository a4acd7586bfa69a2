// A limit of the address space (RLIMIT_AS): rings, stacks and memory for tasks that the kernel will
// not map. Each in a process of its own, because what is mapped once is used again.

#include "net/io_loop.h"
#include "support/child_process.h"
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <malloc.h>
#include <new>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/seam/sanitizer.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/task/frame/frame_pool.h>
#include <edo/task/join.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr std::size_t mebi = std::size_t{1} << 20;

/// While it lives the process may map only so much more than it has.
class address_space_limit {
public:
    explicit address_space_limit(std::size_t more) {
        EXPECT_EQ(::getrlimit(RLIMIT_AS, &before_), 0);
        std::size_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        rlimit limited = before_;
        limited.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + more;
        EXPECT_EQ(::setrlimit(RLIMIT_AS, &limited), 0);
    }

    address_space_limit(const address_space_limit&) = delete;

    ~address_space_limit() { ::setrlimit(RLIMIT_AS, &before_); }

private:
    rlimit before_{};
};

int forty_two() {
    return 42;
}

task<int> sleep_and_call() {
    co_await edo::sleep(100us);
    co_return co_await spawn_blocking(forty_two);
}

/// What has come of building runtimes, and using them.
struct attempts {
    int all = 0;
    int built = 0;
    int worked = 0;

    template <class Build>
    void make(Build&& build) {
        ++all;
        try {
            auto rt = build();
            if (!rt) return look_at(rt.error());
            ++built;
            EXPECT_EQ(rt->block_on(sleep_and_call()), 42);
            ++worked;
        } catch (const std::bad_alloc&) {            // of build(), or of a frame
        } catch (const std::system_error& thrown) {  // of the blocking call
            EXPECT_TRUE(thrown.code() == std::errc::resource_unavailable_try_again ||
                        thrown.code() == std::errc::not_enough_memory)
                << thrown.what();
        }
    }

private:
    static void look_at(std::error_code refusal) {
        const std::string message = refusal.message();
        EXPECT_THAT(message, HasSubstr("memory"));
        if (message.find("io_uring") != std::string::npos) {
            EXPECT_THAT(message, HasSubstr("RLIMIT_AS"));
        }
    }
};

/// While it lives malloc has only so much left, and the kernel gives it no more.
class memory_hog {
public:
    explicit memory_hog(std::size_t but_for) : left_(std::malloc(but_for)), nothing_more_(0) {
        for (std::size_t size = mebi; size >= sizeof(block); size /= 2)
            while (void* const taken = std::malloc(size))
                last_ = ::new (taken) block{last_};
        std::free(left_);
    }

    memory_hog(const memory_hog&) = delete;

    ~memory_hog() {
        while (last_ != nullptr)
            std::free(std::exchange(last_, last_->before));
    }

private:
    struct block {
        block* before;
    };

    void* left_;
    address_space_limit nothing_more_;
    block* last_ = nullptr;
};

template <class Build>
void build_with_ever_more_room(Build&& build) {
    ::mallopt(M_ARENA_MAX, 1);                                // no thread has memory of its own,
    ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(2 * mebi));  // and no block
    attempts made;
    // From nothing to enough for a stack of 8 MiB each.
    for (std::size_t more = 0; more < 512 * mebi; more = more * 3 / 2 + 16 * 1'024) {
        const address_space_limit limit(more);
        made.make(build);
    }
    EXPECT_GE(made.worked, 1);
    // Now there are stacks that can be used again.
    for (std::size_t some = 0; some < 1 * mebi; some = some * 9 / 8 + 64) {
        const memory_hog hog(some);
        made.make(build);
    }
    EXPECT_LT(made.built, made.all);

    auto rt = build();
    ASSERT_TRUE(rt) << rt.error().message();
    EXPECT_EQ(rt->block_on(sleep_and_call()), 42);
    EXPECT_TRUE(rt->shutdown().is_clean());
}

class address_space_fault : public ::testing::TestWithParam<reactor_kind> {
protected:
    void SetUp() override {
        if (EDO_SANITIZED) GTEST_SKIP() << "a sanitizer maps more than any limit allows";
    }
};

EDO_ON_EACH_REACTOR(address_space_fault);

TEST_P(address_space_fault, runtime_without_room_is_an_error_or_works) {
    for (const unsigned workers : {1U, 4U}) {
        child_process child([&] {
            build_with_ever_more_room([&] {
                return runtime::builder().reactor(GetParam()).worker_threads(workers).build();
            });
        });
        EXPECT_EQ(child.end(), "exit 0") << workers << " workers";
    }
}

TEST_P(address_space_fault, current_thread_runtime_without_room_is_an_error_or_works) {
    child_process child([&] {
        build_with_ever_more_room(
            [&] { return runtime::builder().reactor(GetParam()).build_current_thread(); });
    });

    EXPECT_EQ(child.end(), "exit 0");
}

// The C library ends a process in which it has no memory to note what a thread calls at its end.
TEST(memory_fault, thread_without_any_memory_may_use_what_there_is_for_tasks) {
    if (EDO_SANITIZED) GTEST_SKIP() << "frames are memory like all other then";
    child_process child([] {
        ::mallopt(M_ARENA_MAX, 1);
        void* const one = detail::allocate_frame(100);  // so there are others of this size
        std::atomic<bool> may_begin = false;
        std::thread other([&] {
            may_begin.wait(false);
            detail::free_frame(detail::allocate_frame(100), 100);
        });
        {
            const memory_hog hog(0);
            may_begin = true;
            may_begin.notify_one();
            other.join();
        }
        detail::free_frame(one, 100);
    });

    EXPECT_EQ(child.end(), "exit 0");
}

// Stacks that are larger than any that the process has had, so none is used again.
constexpr std::size_t stack_bytes = 64 * mebi;

current_thread_runtime make_with_large_stacks(reactor_kind kind) {
    return runtime::builder()
        .reactor(kind)
        .thread_stack_size(stack_bytes)
        .build_current_thread()
        .value();
}

TEST_P(address_space_fault, blocking_call_without_room_for_its_thread_is_an_error) {
    child_process child([&] {
        auto rt = make_with_large_stacks(GetParam());
        {
            const address_space_limit limit(stack_bytes / 2);
            try {
                rt.block_on(sleep_and_call());
                ADD_FAILURE() << "there was a thread";
            } catch (const std::system_error& thrown) {
                EXPECT_EQ(thrown.code(), std::errc::resource_unavailable_try_again);
            }
        }
        EXPECT_EQ(rt.block_on(sleep_and_call()), 42);
    });

    EXPECT_EQ(child.end(), "exit 0");
}

TEST_P(address_space_fault, blocking_calls_wait_for_the_one_thread_that_there_is_room_for) {
    child_process child([&] {
        auto rt = make_with_large_stacks(GetParam());
        const address_space_limit limit(stack_bytes * 3 / 2);

        const auto [first, second] = rt.block_on(join(sleep_and_call(), sleep_and_call()));

        EXPECT_EQ(first + second, 84);
        EXPECT_EQ(rt.metrics().pools.front().threads, 1U);
    });

    EXPECT_EQ(child.end(), "exit 0");
}

}  // namespace
}  // namespace edo::testing
