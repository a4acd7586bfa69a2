#include <edo/task/task.h>

#include "../support/event.h"
#include "../support/manual_executor.h"
#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sanitizer.h>
#include <edo/task/or_return.h>
#include <edo/task/spawn.h>

namespace {

using edo::result;
using edo::task;
using edo::testing::event;
using edo::testing::manual_executor;

// Notes its death in a list.
class tracer {
public:
    tracer(std::vector<std::string>& log, std::string name) : log_(&log), name_(std::move(name)) {}

    tracer(tracer&& other) noexcept
        : log_(std::exchange(other.log_, nullptr)), name_(std::move(other.name_)) {}

    ~tracer() {
        if (log_ != nullptr) log_->push_back("~" + name_);
    }

private:
    std::vector<std::string>* log_;
    std::string name_;
};

task<int> three() {
    co_return 3;
}

task<std::unique_ptr<int>> boxed(int n) {
    co_return std::make_unique<int>(n);
}

task<int&> ref_to(int& n) {
    co_return n;
}

task<> set(bool& done) {
    done = true;
    co_return;
}

task<int> thrower() {
    throw std::runtime_error("as planned");
    co_return 0;
}

task<> await_all_kinds(int& sum) {
    sum += co_await three();
    std::unique_ptr<int> box = co_await boxed(4);
    sum += *box;
    int cell = 5;
    int& alias = co_await ref_to(cell);
    alias = 6;
    sum += cell;
    bool done = false;
    co_await set(done);
    sum += done ? 100 : 0;
}

TEST(task, yields_values_move_only_objects_and_references) {
    manual_executor ex;
    int sum = 0;

    auto h = ex.spawn(await_all_kinds, std::ref(sum));
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(sum, 113);
}

TEST(task, is_lazy) {
    bool done = false;
    {
        auto t = set(done);
        EXPECT_TRUE(static_cast<bool>(t));
    }
    EXPECT_FALSE(done);
}

task<std::string> catches() {
    try {
        co_await thrower();
    } catch (const std::runtime_error& e) {
        co_return std::string(e.what());
    }
    co_return std::string("nothing came");
}

task<> copy_to(std::string& out) {
    out = co_await catches();
}

TEST(task, carries_exceptions_to_the_awaiting_coroutine) {
    manual_executor ex;
    std::string out;

    auto h = ex.spawn(copy_to, std::ref(out));
    ex.run_until_idle();

    EXPECT_EQ(out, "as planned");
}

task<> await_twice() {
    auto t = three();
    co_await t;
    co_await t;
}

task<> await_moved() {
    auto t = three();
    auto u = std::move(t);
    co_await t;
    co_await u;
}

TEST(task_death, awaiting_twice_is_a_loud_error) {
    EXPECT_DEATH(
        {
            manual_executor ex;
            auto h = ex.spawn(await_twice);
            ex.run_until_idle();
        },
        "awaited before, or moved from");
}

TEST(task_death, awaiting_after_a_move_is_a_loud_error) {
    EXPECT_DEATH(
        {
            manual_executor ex;
            auto h = ex.spawn(await_moved);
            ex.run_until_idle();
        },
        "awaited before, or moved from");
}

// ---- or_return

result<int> parse(bool good) {
    if (!good) return edo::errc::invalid_address;
    return 7;
}

task<result<int>> parse_later(bool good) {
    co_return parse(good);
}

task<result<int>> chain(bool good, std::vector<std::string>& log) {
    tracer outer(log, "outer");
    int a = co_await edo::or_return(parse(true));
    int b = co_await edo::or_return(parse_later(good));
    log.push_back("went on");
    co_return a + b;
}

task<result<void>> deep(bool good, std::vector<std::string>& log) {
    tracer deepest(log, "deep");
    int n = co_await edo::or_return(chain(good, log));
    log.push_back(std::to_string(n));
    co_return {};
}

task<> caller(bool good, std::vector<std::string>& log, result<void>& out) {
    out = co_await deep(good, log);
    log.push_back("caller");
}

TEST(or_return, yields_the_value_of_a_success) {
    manual_executor ex;
    std::vector<std::string> log;
    result<void> out = edo::errc::closed;

    auto h = ex.spawn(caller, true, std::ref(log), std::ref(out));
    ex.run_until_idle();

    EXPECT_TRUE(out.has_value());
    EXPECT_EQ(log, (std::vector<std::string>{"went on", "~outer", "14", "~deep", "caller"}));
}

TEST(or_return, ends_each_coroutine_on_the_way_and_destroys_its_locals_first) {
    manual_executor ex;
    std::vector<std::string> log;
    result<void> out;

    auto h = ex.spawn(caller, false, std::ref(log), std::ref(out));
    ex.run_until_idle();

    EXPECT_EQ(out.error(), edo::errc::invalid_address);
    EXPECT_EQ(log, (std::vector<std::string>{"~outer", "~deep", "caller"}));
}

class failing_operation {
public:
    explicit failing_operation(event& e) : inner_(e.wait()) {}

    failing_operation(failing_operation&&) = default;

    bool poll(edo::context& cx) noexcept { return inner_.poll(cx); }

    result<int> take() noexcept { return edo::errc::lagged; }

private:
    event::wait_operation inner_;
};

task<result<int>> wait_and_fail(event& e, std::vector<std::string>& log) {
    tracer local(log, "local");
    int n = co_await edo::or_return(failing_operation(e));
    log.push_back("not reached");
    co_return n;
}

TEST(or_return, ends_the_coroutine_when_a_waiting_operation_fails_later) {
    manual_executor ex;
    event e;
    std::vector<std::string> log;

    auto h = ex.spawn(wait_and_fail, std::ref(e), std::ref(log));
    ex.run_until_idle();
    EXPECT_TRUE(log.empty());
    e.raise();
    ex.run_until_idle();

    ASSERT_TRUE(h.is_finished());
    EXPECT_EQ(log, std::vector<std::string>{"~local"});
}

TEST(or_return, ends_the_coroutine_when_an_operation_fails_at_once) {
    manual_executor ex;
    event e;
    e.raise();
    std::vector<std::string> log;

    auto h = ex.spawn(wait_and_fail, std::ref(e), std::ref(log));
    ex.run_until_idle();

    ASSERT_TRUE(h.is_finished());
    EXPECT_EQ(log, std::vector<std::string>{"~local"});
}

// ---- long and deep

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
// ten times more in the release presets; the stack would be gone long before
constexpr int many = 1'000'000;
#else
constexpr int many = 10'000'000;
#endif

task<> loop(long& sum, int count) {
    for (int i = 0; i < count; ++i)
        sum += co_await three();
}

TEST(task, ten_million_children_that_complete_at_once_do_not_deepen_the_stack) {
    manual_executor ex;
    long sum = 0;

    auto h = ex.spawn(loop, std::ref(sum), many);
    ex.run_until_idle();

    EXPECT_EQ(sum, 3L * many);
}

TEST(task, a_coroutine_that_never_waits_still_lets_others_run) {
    manual_executor ex;
    long sum = 0;
    bool done = false;

    auto h = ex.spawn(loop, std::ref(sum), 100'000);
    auto other = ex.spawn(set, std::ref(done));
    ex.run_one();
    ex.run_one();

    EXPECT_TRUE(done);
    EXPECT_FALSE(h.is_finished());
    ex.run_until_idle();
    EXPECT_EQ(sum, 300'000);
}

constexpr int depth_of_chain = EDO_SANITIZED ? 100'000 : 1'000'000;

/// How much of the stack lies between those who have noted where they are on it.
class stack_span {
public:
    [[gnu::noinline]] void note() noexcept {
        const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        lowest_ = std::min(lowest_, here);
        highest_ = std::max(highest_, here);
        ++notes_;
    }

    std::uintptr_t bytes() const { return highest_ - lowest_; }

    long notes() const { return notes_; }

private:
    std::uintptr_t lowest_ = std::numeric_limits<std::uintptr_t>::max();
    std::uintptr_t highest_ = 0;
    long notes_ = 0;
};

/// Notes where its destructor runs.
class noted_end {
public:
    explicit noted_end(stack_span& span) noexcept : span_(span) {}

    noted_end(const noted_end&) = delete;

    ~noted_end() { span_.note(); }

private:
    stack_span& span_;
};

task<int> descend(int levels, event* at_bottom, stack_span& stack) {
    stack.note();
    const noted_end end(stack);
    if (levels == 0) {
        if (at_bottom != nullptr) co_await at_bottom->wait();
        co_return 0;
    }
    const int below = co_await descend(levels - 1, at_bottom, stack);
    stack.note();
    co_return below + 1;
}

task<> descend_into(int levels, event* at_bottom, stack_span& stack, int& out) {
    out = co_await descend(levels, at_bottom, stack);
}

constexpr std::uintptr_t a_flat_stack = 64 * 1024;

TEST(task, a_chain_that_never_waits_is_a_million_deep_on_a_flat_stack) {
    manual_executor ex;
    stack_span stack;
    int depth = 0;

    auto h = ex.spawn(descend_into, depth_of_chain, nullptr, std::ref(stack), std::ref(depth));
    ex.run_until_idle();

    EXPECT_EQ(depth, depth_of_chain);
    EXPECT_LT(stack.bytes(), a_flat_stack);
}

TEST(task, a_chain_a_million_deep_resumes_and_ends_on_a_flat_stack) {
    manual_executor ex;
    event e;
    stack_span stack;
    int depth = 0;

    auto h = ex.spawn(descend_into, depth_of_chain, &e, std::ref(stack), std::ref(depth));
    ex.run_until_idle();
    e.raise();
    ex.run_until_idle();

    EXPECT_EQ(depth, depth_of_chain);
    EXPECT_LT(stack.bytes(), a_flat_stack);
}

TEST(task, a_suspended_chain_a_million_deep_is_destroyed_on_a_flat_stack) {
    manual_executor ex;
    event e;
    stack_span stack;
    int depth = 0;

    auto h = ex.spawn(descend_into, depth_of_chain, &e, std::ref(stack), std::ref(depth));
    ex.run_until_idle();
    EXPECT_TRUE(e.has_waiter());
    h.request_cancel();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_FALSE(e.has_waiter());
    EXPECT_EQ(depth, 0);
    EXPECT_EQ(stack.notes(), 2L * (depth_of_chain + 1)) << "on the way down, and when destroyed";
    EXPECT_LT(stack.bytes(), a_flat_stack);
}

task<> nested_locals(event& e, std::vector<std::string>& log, int level) {
    tracer local(log, std::to_string(level));
    if (level == 0) {
        co_await e.wait();
    } else {
        co_await nested_locals(e, log, level - 1);
    }
}

TEST(task, a_drop_destroys_the_innermost_locals_first) {
    manual_executor ex;
    event e;
    std::vector<std::string> log;

    auto h = ex.spawn(nested_locals, std::ref(e), std::ref(log), 2);
    ex.run_until_idle();
    h.request_cancel();
    ex.run_until_idle();

    EXPECT_EQ(log, (std::vector<std::string>{"~0", "~1", "~2"}));
}

}  // namespace
