// Children that complete at once must not deepen the stack, also where the compiler makes no tail
// call of a symmetric transfer: g++ at -O0, at -O1 and under a sanitizer.

#include "../support/manual_executor.h"
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <gtest/gtest.h>

#include <edo/base/result.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/task.h>

namespace {

using edo::result;
using edo::task;
using edo::testing::manual_executor;

// A transfer that stays on the stack takes 64 bytes at the very least, so this many would be seen.
constexpr int rounds = 20'000;

// How much stack has been used, as seen at the places that note it.
class depth_gauge {
public:
    [[gnu::noinline]] void note() noexcept {
        const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        if (lowest_ == 0 || here < lowest_) lowest_ = here;
        if (here > highest_) highest_ = here;
    }

    std::size_t used() const noexcept { return highest_ - lowest_; }

private:
    std::uintptr_t lowest_ = 0;
    std::uintptr_t highest_ = 0;
};

// The library may resume 128 coroutines inline before it unwinds, each with the frames of a
// sanitizer.
constexpr std::size_t allowed = std::size_t{512} * 1024;
static_assert(allowed < std::size_t{rounds} * 64);

void expect_flat(task<> (*loop)(depth_gauge&, int&)) {
    depth_gauge depth;
    int done = 0;
    manual_executor ex;

    auto handle = ex.spawn(loop, std::ref(depth), std::ref(done));
    ex.run_until_idle();

    EXPECT_TRUE(handle.is_finished());
    EXPECT_EQ(done, rounds);
    EXPECT_LE(depth.used(), allowed);
}

task<int> one(depth_gauge& depth) {
    depth.note();
    co_return 1;
}

task<> awaits_children(depth_gauge& depth, int& done) {
    for (int i = 0; i < rounds; ++i)
        done += co_await one(depth);
}

TEST(symmetric_transfer, to_children_stays_flat) {
    expect_flat(awaits_children);
}

task<int> nested(depth_gauge& depth, int levels) {
    depth.note();
    if (levels == 0) co_return 1;
    const int below = co_await nested(depth, levels - 1);
    depth.note();
    co_return below;
}

task<> awaits_grandchildren(depth_gauge& depth, int& done) {
    for (int i = 0; i < rounds; ++i)
        done += co_await nested(depth, 3);
}

TEST(symmetric_transfer, through_several_levels_stays_flat) {
    expect_flat(awaits_grandchildren);
}

task<int> descend(depth_gauge& depth, int levels) {
    depth.note();
    if (levels == 0) co_return 0;
    const int below = co_await descend(depth, levels - 1);
    depth.note();
    co_return below + 1;
}

task<> descends(depth_gauge& depth, int& done) {
    done = co_await descend(depth, rounds);
}

TEST(symmetric_transfer, down_a_deep_recursion_and_back_stays_flat) {
    expect_flat(descends);
}

task<result<int>> fails(depth_gauge& depth) {
    depth.note();
    const int never = co_await edo::or_return(result<int>(edo::errc::closed));
    co_return never;
}

task<> awaits_failures(depth_gauge& depth, int& done) {
    for (int i = 0; i < rounds; ++i) {
        const result<int> failed = co_await fails(depth);
        if (!failed) ++done;
    }
}

TEST(symmetric_transfer, from_coroutines_that_end_early_stays_flat) {
    expect_flat(awaits_failures);
}

task<int> throws(depth_gauge& depth) {
    depth.note();
    throw 1;
    co_return 0;
}

task<> awaits_exceptions(depth_gauge& depth, int& done) {
    for (int i = 0; i < rounds; ++i) {
        try {
            co_await throws(depth);
        } catch (int thrown) {
            done += thrown;
        }
    }
}

TEST(symmetric_transfer, from_coroutines_that_throw_stays_flat) {
    expect_flat(awaits_exceptions);
}

task<> selects(depth_gauge& depth, int& done) {
    for (int i = 0; i < rounds; ++i) {
        auto first = co_await edo::select(one(depth), one(depth));
        done += static_cast<int>(first.index() < 2);
    }
}

TEST(symmetric_transfer, in_branches_stays_flat) {
    expect_flat(selects);
}

// A foreign awaitable that hands the handle on at once, each in its own way.
struct resumes_at_once {
    explicit resumes_at_once(depth_gauge& d) noexcept : depth(d) {}

    bool await_ready() const noexcept { return false; }

    void await_suspend(std::coroutine_handle<> waiting) const {
        depth.note();
        waiting.resume();
    }

    int await_resume() const noexcept { return 1; }

    depth_gauge& depth;
};

struct transfers_back {
    explicit transfers_back(depth_gauge& d) noexcept : depth(d) {}

    bool await_ready() const noexcept { return false; }

    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) const noexcept {
        depth.note();
        return waiting;
    }

    int await_resume() const noexcept { return 1; }

    depth_gauge& depth;
};

struct refuses_to_suspend {
    explicit refuses_to_suspend(depth_gauge& d) noexcept : depth(d) {}

    bool await_ready() const noexcept { return false; }

    bool await_suspend(std::coroutine_handle<>) const noexcept {
        depth.note();
        return false;
    }

    int await_resume() const noexcept { return 1; }

    depth_gauge& depth;
};

template <class Foreign>
task<> awaits_foreign(depth_gauge& depth, int& done) {
    for (int i = 0; i < rounds; ++i)
        done += co_await Foreign(depth);
}

TEST(symmetric_transfer, of_foreign_awaitables_stays_flat) {
    expect_flat(awaits_foreign<resumes_at_once>);
    expect_flat(awaits_foreign<transfers_back>);
    expect_flat(awaits_foreign<refuses_to_suspend>);
}

}  // namespace
