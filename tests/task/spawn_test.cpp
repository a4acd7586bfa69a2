#include <edo/task/spawn.h>

#include "../support/event.h"
#include "../support/manual_executor.h"
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sanitizer.h>
#include <edo/task/join.h>
#include <edo/task/select.h>

namespace {

using edo::join_handle;
using edo::result;
using edo::task;
using edo::testing::event;
using edo::testing::manual_executor;

task<int> answer(int n) {
    co_return n;
}

task<int> wait_and_answer(event& e, int n) {
    co_await e.wait();
    co_return n;
}

task<> throws() {
    throw std::runtime_error("planned failure");
    co_return;
}

task<result<int>> fails() {
    co_return edo::errc::lagged;
}

task<> wait_for(event& e) {
    co_await e.wait();
}

// The hook's notes; the hook is a plain function.
std::vector<std::string> reported;

void note(const edo::unobserved_failure& f) noexcept {
    if (f.error) reported.push_back(f.error.message());
    if (f.exception) {
        try {
            std::rethrow_exception(f.exception);
        } catch (const std::exception& e) {
            reported.push_back(e.what());
        }
    }
}

class reports {
public:
    reports() : before_(edo::set_unobserved_failure_hook(&note)) { reported.clear(); }

    ~reports() { edo::set_unobserved_failure_hook(before_); }

private:
    edo::unobserved_failure_hook before_;
};

task<> join_into(join_handle<int> h, int& out) {
    out = co_await std::move(h).join();
}

TEST(join_handle, join_yields_the_result_whether_the_task_has_ended_or_not) {
    manual_executor ex;
    event e;
    int early = 0, late = 0;

    auto first = ex.spawn(answer, 1);
    ex.run_until_idle();
    auto a = ex.spawn(join_into, std::move(first), std::ref(early));
    auto b = ex.spawn(join_into, ex.spawn(wait_and_answer, std::ref(e), 2), std::ref(late));
    ex.run_until_idle();
    EXPECT_EQ(late, 0);
    e.raise();
    ex.run_until_idle();

    EXPECT_EQ(early, 1);
    EXPECT_EQ(late, 2);
}

task<int&> alias_of(int& n) {
    co_return n;
}

task<> write_through(join_handle<int&> h) {
    int& alias = co_await std::move(h).join();
    alias = 9;
}

TEST(join_handle, join_yields_the_reference_that_a_task_returns) {
    manual_executor ex;
    int n = 0;

    auto h = ex.spawn(write_through, ex.spawn(alias_of, std::ref(n)));
    ex.run_until_idle();

    EXPECT_EQ(n, 9);
}

task<> join_and_catch(join_handle<void> h, std::string& out) {
    try {
        co_await std::move(h).join();
    } catch (const std::exception& e) {
        out = e.what();
    }
}

TEST(join_handle, join_rethrows) {
    manual_executor ex;
    std::string what;

    auto h = ex.spawn(join_and_catch, ex.spawn(throws), std::ref(what));
    ex.run_until_idle();

    EXPECT_EQ(what, "planned failure");
}

task<> look_at_outcomes(join_handle<int> value,
                        join_handle<void> failed,
                        join_handle<void> cancelled,
                        std::string& seen) {
    auto a = co_await std::move(value).try_join();
    auto b = co_await std::move(failed).try_join();
    auto c = co_await std::move(cancelled).try_join();
    seen += a.has_value() ? "value " : "? ";
    seen += b.exception() != nullptr ? "exception " : "? ";
    seen += c.is_cancelled() ? "cancelled" : "?";
}

TEST(join_handle, try_join_tells_value_exception_and_cancellation_apart) {
    manual_executor ex;
    event never;
    std::string seen;

    auto waiting = ex.spawn(wait_for, std::ref(never));
    ex.run_until_idle();
    waiting.request_cancel();
    auto h = ex.spawn(look_at_outcomes, ex.spawn(answer, 1), ex.spawn(throws), std::move(waiting),
                      std::ref(seen));
    ex.run_until_idle();

    EXPECT_EQ(seen, "value exception cancelled");
}

TEST(join_handle, dropping_it_cancels_the_task) {
    manual_executor ex;
    event e;
    {
        auto h = ex.spawn(wait_for, std::ref(e));
        ex.run_until_idle();
        EXPECT_TRUE(e.has_waiter());
    }
    ex.run_until_idle();

    EXPECT_FALSE(e.has_waiter());
    EXPECT_EQ(ex.alive(), 0u);
}

TEST(join_handle, detach_lets_the_task_run_on) {
    manual_executor ex;
    event e;

    auto h = ex.spawn(wait_for, std::ref(e));
    std::move(h).detach();
    ex.run_until_idle();
    EXPECT_EQ(ex.alive(), 1u);
    e.raise();
    ex.run_until_idle();

    EXPECT_EQ(ex.alive(), 0u);
}

task<> cancel_and_look(join_handle<void> h, event& e, std::string& seen) {
    co_await h.cancel();
    seen = e.has_waiter() ? "still there" : "gone";
    seen += h.is_finished() ? ", finished" : "";
}

TEST(join_handle, cancel_returns_when_the_task_is_gone) {
    manual_executor ex;
    event e;
    std::string seen;

    auto victim = ex.spawn(wait_for, std::ref(e));
    ex.run_until_idle();
    auto h = ex.spawn(cancel_and_look, std::move(victim), std::ref(e), std::ref(seen));
    ex.run_until_idle();

    EXPECT_EQ(seen, "gone, finished");
}

task<> cancels_twice_at_once(join_handle<int> h) {
    co_await edo::join(h.cancel(), h.cancel());
}

TEST(join_handle_death, two_cancels_at_once_are_a_loud_error) {
    EXPECT_DEATH(
        {
            manual_executor ex;
            event e;
            auto victim = ex.spawn(wait_and_answer, std::ref(e), 1);
            ex.run_until_idle();
            auto h = ex.spawn(cancels_twice_at_once, std::move(victim));
            ex.run_until_idle();
        },
        "two cancel\\(\\) of one join handle");
}

task<> cancels_again_after_a_while(join_handle<int> h, event& other) {
    auto left = h.cancel();
    co_await edo::select_biased(left, other.wait());
    co_await h.cancel();
}

TEST(join_handle, cancel_left_in_a_variable_is_in_nobodys_way) {
    manual_executor ex;
    event e, other;
    other.raise();
    auto victim = ex.spawn(wait_and_answer, std::ref(e), 1);
    ex.run_until_idle();

    auto h = ex.spawn(cancels_again_after_a_while, std::move(victim), std::ref(other));
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

TEST(join_handle, a_task_cancelled_before_its_first_poll_never_runs) {
    manual_executor ex;
    bool ran = false;

    {
        auto h = ex.spawn(
            [](bool& r) -> task<> {
                r = true;
                co_return;
            },
            std::ref(ran));
    }
    ex.run_until_idle();

    EXPECT_FALSE(ran);
    EXPECT_EQ(ex.alive(), 0u);
}

TEST(join_handle, outlives_its_executor_and_then_says_cancelled) {
    event e;
    join_handle<void> h;
    {
        manual_executor ex;
        h = ex.spawn(wait_for, std::ref(e));
        ex.run_until_idle();
    }
    EXPECT_TRUE(h.is_finished());
    EXPECT_FALSE(e.has_waiter());
}

TEST(unobserved_failure, of_a_dropped_handle_is_reported_once) {
    reports guard;
    manual_executor ex;

    {
        auto h = ex.spawn(throws);
        ex.run_until_idle();
    }

    EXPECT_EQ(reported, std::vector<std::string>{"planned failure"});
}

TEST(unobserved_failure, of_a_detached_task_is_reported_also_if_it_is_an_error_value) {
    reports guard;
    manual_executor ex;

    ex.spawn(throws).detach();
    ex.spawn(fails).detach();
    ex.run_until_idle();

    EXPECT_EQ(reported, (std::vector<std::string>{"planned failure",
                                                  make_error_code(edo::errc::lagged).message()}));
}

TEST(unobserved_failure, is_not_reported_when_somebody_joined) {
    reports guard;
    manual_executor ex;
    std::string what;

    auto h = ex.spawn(join_and_catch, ex.spawn(throws), std::ref(what));
    ex.run_until_idle();

    EXPECT_TRUE(reported.empty());
}

TEST(spawn, keeps_a_capturing_lambda_alive_while_its_coroutine_runs) {
    manual_executor ex;
    event e;
    std::string out;

    auto h = ex.spawn([text = std::make_unique<std::string>("captured"), &e, &out]() -> task<> {
        co_await e.wait();
        out = *text;
    });
    ex.run_until_idle();
    e.raise();
    ex.run_until_idle();

    EXPECT_EQ(out, "captured");
}

task<std::size_t> by_value(std::string s, std::unique_ptr<int>) {
    co_return s.size();
}

TEST(spawn, moves_arguments_into_the_task) {
    manual_executor ex;
    auto h = ex.spawn(by_value, std::string("four"), std::make_unique<int>(1));
    ex.run_until_idle();
    EXPECT_TRUE(h.is_finished());
}

task<> inner_spawn(int& out) {
    auto h = edo::spawn(answer, 5);
    out = co_await std::move(h).join();
}

TEST(spawn, from_inside_a_task_uses_its_runtime) {
    manual_executor ex;
    int out = 0;
    auto h = ex.spawn(inner_spawn, std::ref(out));
    ex.run_until_idle();
    EXPECT_EQ(out, 5);
}

TEST(spawn_death, without_a_runtime_names_the_cure) {
    EXPECT_DEATH({ auto h = edo::spawn(answer, 1); }, "runtime::spawn");
}

// What must not compile is checked by the trait that spawn() asserts.
using takes_ref = task<> (*)(const std::string&);
using takes_view = task<> (*)(std::string_view);
using takes_span = task<> (*)(std::span<const int>);
using takes_value = task<> (*)(std::string);
static_assert(!edo::detail::is_safe_to_spawn_v<takes_ref, std::string>);
static_assert(!edo::detail::is_safe_to_spawn_v<takes_view, std::string>);
static_assert(!edo::detail::is_safe_to_spawn_v<takes_view, const char*>);
static_assert(!edo::detail::is_safe_to_spawn_v<takes_span, std::vector<int>>);
static_assert(edo::detail::is_safe_to_spawn_v<takes_value, const char*>);
static_assert(edo::detail::is_safe_to_spawn_v<takes_ref, std::reference_wrapper<std::string>>);

struct takes_ref_object {
    task<> operator()(int&) const;
};

static_assert(!edo::detail::is_safe_to_spawn_v<takes_ref_object, int>);

// The parameters of a generic lambda are those of its instantiation.
using takes_anything = decltype([](auto&&) -> task<int> { co_return 0; });
using takes_generic_const_ref = decltype([](int, const auto&) -> task<int> { co_return 0; });
using takes_generic_refs = decltype([](auto, const auto&) -> task<int> { co_return 0; });
using takes_any_number = decltype([](auto&&...) -> task<int> { co_return 0; });
using takes_generic_value = decltype([](auto) -> task<int> { co_return 0; });
using takes_generic_value_and_changes = decltype([](auto) mutable -> task<int> { co_return 0; });
static_assert(!edo::detail::is_safe_to_spawn_v<takes_anything, std::string>);
static_assert(!edo::detail::is_safe_to_spawn_v<takes_anything, std::string&>);
static_assert(!edo::detail::is_safe_to_spawn_v<takes_generic_refs, int, std::string>);
static_assert(!edo::detail::is_safe_to_spawn_v<takes_any_number, int, std::string>);
static_assert(!edo::detail::is_safe_to_spawn_v<takes_generic_value, std::string_view>);
static_assert(!edo::detail::is_safe_to_spawn_v<takes_generic_value_and_changes, std::string_view>);
static_assert(edo::detail::is_safe_to_spawn_v<takes_generic_value, std::string>);
static_assert(edo::detail::is_safe_to_spawn_v<takes_generic_value, std::string&>);
static_assert(edo::detail::is_safe_to_spawn_v<takes_any_number>);

// std::ref helps where the parameter is the reference, not where it refers to the wrapper itself.
static_assert(!edo::detail::is_safe_to_spawn_v<takes_anything, std::reference_wrapper<int>>);
static_assert(edo::detail::is_safe_to_spawn_v<takes_generic_value, std::reference_wrapper<int>>);

// Generic in some of its parameters only: cannot be seen, and must not be guessed.
static_assert(edo::detail::is_safe_to_spawn_v<takes_generic_const_ref, int, std::string>);

task<int> sum_of_five(int a, int b, int c, int d, int e) {
    co_return a + b + c + d + e;
}

template <class... Args>
concept spawnable = requires(Args... args) { edo::spawn(args...); };
static_assert(spawnable<decltype(&sum_of_five), int, int, int, int, int>);
static_assert(!spawnable<decltype(&sum_of_five), int, int, int, int, int, int>);
static_assert(!spawnable<decltype(&sum_of_five), int, int, int, int, int, int, int>);

task<int> spawns_with_five() {
    auto h = edo::spawn(sum_of_five, 1, 2, 3, 4, 5);
    co_return co_await std::move(h).join();
}

TEST(spawn, takes_five_arguments_in_their_order) {
    manual_executor ex;
    int sum = 0;
    auto h = ex.spawn(join_into, ex.spawn(spawns_with_five), std::ref(sum));
    ex.run_until_idle();
    EXPECT_EQ(sum, 15);
}

task<int> first_minus_second(std::unique_ptr<int> first, int second) {
    co_return *first - second;
}

task<> spawns_with_move_only(int& out) {
    auto h = edo::spawn(first_minus_second, std::make_unique<int>(7), 5);
    out = co_await std::move(h).join();
}

TEST(spawn, moves_its_arguments_into_the_task) {
    manual_executor ex;
    int out = 0;
    auto h = ex.spawn(spawns_with_move_only, std::ref(out));
    ex.run_until_idle();
    EXPECT_EQ(out, 2);
}

// What takes the handle away says so; on a named handle it is deleted, with the cure beside it.
template <class H>
concept joins_where_it_stands = requires(H& h) { h.join(); } || requires(H& h) { h.try_join(); } ||
                                requires(H& h) { h.detach(); };
static_assert(!joins_where_it_stands<join_handle<int>>);

task<> joins_twice() {
    auto h = edo::spawn(answer, 1);
    static_cast<void>(co_await std::move(h).join());
    static_cast<void>(co_await std::move(h).join());
}

task<> awaits_twice() {
    auto t = answer(1);
    static_cast<void>(co_await std::move(t));
    static_cast<void>(co_await std::move(t));
}

TEST(join_handle_death, second_join_names_its_own_place) {
    EXPECT_DEATH(
        {
            manual_executor ex;
            auto h = ex.spawn(joins_twice);
            ex.run_until_idle();
        },
        "holds no task.*spawn_test.cpp");
}

TEST(task_death, second_await_names_its_own_place) {
    EXPECT_DEATH(
        {
            manual_executor ex;
            auto h = ex.spawn(awaits_twice);
            ex.run_until_idle();
        },
        "awaited before.*spawn_test.cpp");
}

task<result<int>> returns_cancelled() {
    co_return edo::errc::cancelled;
}

TEST(unobserved_failure, cancellation_is_none) {
    const reports hooked;
    manual_executor ex;

    ex.spawn(returns_cancelled).detach();
    ex.run_until_idle();

    EXPECT_TRUE(reported.empty());
}

// ---- wakers

TEST(waker, may_be_used_after_the_task_and_its_executor_are_gone) {
    edo::waker kept;
    {
        manual_executor ex;
        event e;
        auto h = ex.spawn(wait_for, std::ref(e));
        ex.run_until_idle();
        kept = e.stolen_waker();
        e.raise();
        ex.run_until_idle();
        kept.wake();
        EXPECT_EQ(ex.queued(), 0u);
    }
    kept.wake();
}

TEST(waker, a_wake_without_reason_is_one_harmless_poll) {
    manual_executor ex;
    event e;

    auto h = ex.spawn(wait_for, std::ref(e));
    ex.run_until_idle();
    e.poke();
    e.poke();
    ex.run_until_idle();

    EXPECT_FALSE(h.is_finished());
    EXPECT_EQ(e.polls(), 2);
    e.raise();
    ex.run_until_idle();
    EXPECT_TRUE(h.is_finished());
}

// Wakes its own task from within each poll.
class self_waking {
public:
    explicit self_waking(int times) : left_(times) {}

    bool poll(edo::context& cx) noexcept {
        if (left_ == 0) return true;
        --left_;
        cx.waker().wake();
        return false;
    }

    void take() noexcept {}

private:
    int left_;
};

task<> wake_self(int times) {
    co_await self_waking(times);
}

TEST(waker, each_of_a_million_wakes_during_the_poll_brings_a_further_poll) {
    constexpr int wakes = EDO_SANITIZED ? 100'000 : 1'000'000;
    manual_executor ex;

    auto h = ex.spawn(wake_self, wakes);
    const std::size_t polls = ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(polls, wakes + 1u);
}

// ---- foreign awaitables

struct foreign_event {
    std::coroutine_handle<> waiting;

    struct awaiter {
        foreign_event& e;

        bool await_ready() const noexcept { return false; }

        void await_suspend(std::coroutine_handle<> h) noexcept { e.waiting = h; }

        int await_resume() noexcept { return 42; }
    };

    awaiter operator co_await() noexcept { return awaiter{*this}; }
};

task<int> await_foreign(foreign_event& e) {
    int n = co_await e;
    co_return n;
}

TEST(foreign_awaitable, resumes_the_task_on_its_executor) {
    manual_executor ex;
    foreign_event e;

    auto h = ex.spawn(await_foreign, std::ref(e));
    ex.run_until_idle();
    ASSERT_TRUE(e.waiting);
    e.waiting.resume();
    EXPECT_FALSE(h.is_finished());
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

TEST(foreign_awaitable, may_be_dropped) {
    manual_executor ex;
    foreign_event e;

    auto h = ex.spawn(await_foreign, std::ref(e));
    ex.run_until_idle();
    h.request_cancel();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

task<int> await_suspend_never() {
    co_await std::suspend_never{};
    co_return 1;
}

TEST(foreign_awaitable, that_is_ready_does_not_suspend) {
    manual_executor ex;
    auto h = ex.spawn(await_suspend_never);
    EXPECT_EQ(ex.run_until_idle(), 1u);
    EXPECT_TRUE(h.is_finished());
}

struct suspend_refused {
    bool await_ready() const noexcept { return false; }

    bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }

    void await_resume() const noexcept {}
};

template <class Awaitable>
task<> await_many(int& count) {
    for (; count < 1000; ++count)
        co_await Awaitable{};
}

TEST(foreign_awaitable, that_is_always_ready_lets_others_run) {
    manual_executor ex;
    int ready = 0, refused = 0;

    auto h = ex.spawn(await_many<std::suspend_never>, std::ref(ready));
    auto g = ex.spawn(await_many<suspend_refused>, std::ref(refused));
    ex.run_one();
    ex.run_one();
    EXPECT_LT(ready, 200);
    EXPECT_LT(refused, 200);
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished() && g.is_finished());
}

}  // namespace
