#pragma once

#include "support/manual_executor.h"
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/io/reactor/reactor.h>
#include <edo/task/task.h>
#include <edo/timer/wheel/wheel.h>

namespace edo::testing {

/// The back ends that work where the tests run. That this is not too few is a test of its own.
inline std::vector<reactor_kind> reactors_here() {
    std::vector<reactor_kind> kinds{reactor_kind::epoll};
    if (detail::make_reactor(reactor_kind::io_uring)) kinds.push_back(reactor_kind::io_uring);
    return kinds;
}

inline std::string name_of_param(const ::testing::TestParamInfo<reactor_kind>& info) {
    return name_of(info.param);
}

/// A runtime of one thread, driven by the test: tasks, a real reactor, and a clock that the test
/// moves.
class io_loop {
public:
    explicit io_loop(reactor_kind kind) : reactor_(make(kind)) {
        executor_.execution().reactor = reactor_.get();
        executor_.execution().wheel = &wheel_;
        detail::set_current_execution(&executor_.execution());
    }

    io_loop(const io_loop&) = delete;
    io_loop& operator=(const io_loop&) = delete;

    ~io_loop() { end(); }

    template <class... Args>
    auto spawn(Args&&... args) {
        return executor_.spawn(std::forward<Args>(args)...);
    }

    /// Lets every task run as far as it comes without waiting.
    void run_ready() { executor_.run_until_idle(); }

    /// One turn: runs what can run, then takes what the kernel has, waiting for it if nothing is
    /// there.
    void turn() {
        run_ready();
        // No test needs this long; without a limit a lost event would hang instead of failing.
        const instant limit = detail::monotonic_clock::read() + std::chrono::seconds(20);
        while (executor_.queued() == 0) {
            reactor_->poll(std::chrono::seconds(1));
            ASSERT_LT(detail::monotonic_clock::read(), limit) << "an event was lost";
        }
        run_ready();
    }

    /// Takes what the kernel has, without waiting.
    void look() {
        reactor_->poll(duration::zero());
        run_ready();
    }

    template <class Done>
    void run_until(Done&& done) {
        run_ready();
        while (!done() && !::testing::Test::HasFatalFailure())
            turn();
    }

    /// Runs a task to its end.
    template <class T>
    T block_on(task<T> what) {
        if constexpr (std::is_void_v<T>) {
            auto handle = spawn(std::move(what));
            run_until([&] { return handle.is_finished(); });
        } else {
            std::optional<T> taken;
            auto handle = spawn(keep<T>, std::move(what), &taken);
            run_until([&] { return handle.is_finished(); });
            return std::move(taken).value();
        }
    }

    /// Runs until a spawned task has ended, and takes what it yielded.
    template <class T>
    T join(join_handle<T> handle) {
        return block_on(joined<T>(std::move(handle)));
    }

    /// Ends a spawned task and waits until it is gone.
    template <class T>
    void cancel(join_handle<T> handle) {
        block_on(cancelled<T>(std::move(handle)));
    }

    /// Moves the clock, so that sleepers wake.
    void advance(duration by) {
        now_ += by;
        executor_.set_now(now_);
        wheel_.advance(now_);
        run_ready();
    }

    /// Ends the reactor and the wheel before the tasks.
    void shut_down_reactor() {
        wheel_.shutdown();
        reactor_->shutdown();
    }

    detail::reactor& reactor() { return *reactor_; }

    manual_executor& executor() { return executor_; }

    detail::timer_wheel& wheel() { return wheel_; }

private:
    static std::unique_ptr<detail::reactor> make(reactor_kind kind) {
        auto made = detail::make_reactor(kind);
        EXPECT_TRUE(made) << made.error().message();
        return std::move(made->reactor);
    }

    template <class T>
    static task<T> joined(join_handle<T> handle) {
        co_return co_await std::move(handle).join();
    }

    template <class T>
    static task<> cancelled(join_handle<T> handle) {
        co_await handle.cancel();
    }

    template <class T>
    static task<> keep(task<T> what, std::optional<T>* to) {
        auto value = co_await std::move(what);
        to->emplace(std::move(value));
    }

    void end() { detail::set_current_execution(nullptr); }

    // The tasks go first: they are dropped while their reactor is there.
    std::unique_ptr<detail::reactor> reactor_;
    detail::timer_wheel wheel_;
    instant now_{std::chrono::seconds(1)};
    manual_executor executor_;
};

/// Tests of everything that must behave alike on every back end.
class each_reactor : public ::testing::TestWithParam<reactor_kind> {
protected:
    io_loop loop{GetParam()};
};

#define EDO_ON_EACH_REACTOR(suite)                                                 \
    INSTANTIATE_TEST_SUITE_P(reactors, suite,                                      \
                             ::testing::ValuesIn(::edo::testing::reactors_here()), \
                             ::edo::testing::name_of_param)

}  // namespace edo::testing
