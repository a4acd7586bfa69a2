#pragma once

#include <cstdint>
#include <source_location>
#include <type_traits>
#include <utility>

#include <edo/base/clock.h>
#include <edo/runtime/runtime.h>

namespace edo::testing {

/// A current-thread runtime whose time is virtual: it stands still while anything can happen
/// without it, and jumps to the next deadline when every task waits. So a test of a day ends at
/// once, and says the same each time.
///
///     edo::testing::paused_runtime rt;
///     rt.block_on(edo::sleep(24h));
///     EXPECT_EQ(rt.elapsed(), 24h);
///
/// Blocking calls (spawn_blocking) take no virtual time: it stands still while one runs. The
/// scheduler's choices follow seed(): the environment variable EDO_SEED, else 1.
/// Thread-safe: as current_thread_runtime.
class paused_runtime : public basic_runtime {
public:
    explicit paused_runtime(std::source_location site = std::source_location::current());
    /// With a seed of its own.
    paused_runtime(std::uint64_t seed, std::source_location site = std::source_location::current());

    /// How much virtual time has passed since the runtime was built.
    duration elapsed() const noexcept;
    std::uint64_t seed() const noexcept;
    /// As current_thread_runtime::poll_for, in virtual time.
    std::size_t poll_for(duration limit);

    /// Throws std::logic_error, with a dump and the seed, if a task is alive.
    void check_no_task_left() const;

private:
    instant begin_;
};

namespace detail {

void print_seed(const paused_runtime& rt) noexcept;

/// While it lives the clock of the machine counts too: after EDO_TEST_LIMIT seconds (60 if that is
/// not set, 0: never) it prints the dump of the runtime and aborts.
class watchdog {
public:
    explicit watchdog(const paused_runtime& rt);
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog();

private:
    class watch;
    watch* watch_ = nullptr;
};

}  // namespace detail

/// Runs a test with virtual time and returns what it yields. The test is a callable that returns a
/// task, or a task, or an operation.
///
///     edo::testing::run([]() -> edo::task<> {
///         auto t0 = edo::now();
///         co_await edo::sleep(24h);
///         EXPECT_GE(edo::now() - t0, 24h);
///     });
///
/// Errors: rethrows what the task throws; throws std::logic_error if a task is still alive when it
///         has ended: a test owns what it starts. Either way the seed that repeats the schedule is
///         printed; pass it on as EDO_SEED. A test that waits for something that never comes is
///         ended after 60 seconds of real time, or EDO_TEST_LIMIT seconds, with a dump that says
///         what each task waits for. (It cannot be ended at once: another thread may yet wake it.)
template <class Test>
    requires requires(paused_runtime& rt, Test&& test) { rt.block_on(std::forward<Test>(test)); }
auto run(Test&& test, std::source_location site = std::source_location::current()) {
    paused_runtime rt(site);
    const detail::watchdog limited(rt);
    try {
        using T = decltype(rt.block_on(std::forward<Test>(test), site));
        if constexpr (std::is_void_v<T>) {
            rt.block_on(std::forward<Test>(test), site);
            rt.check_no_task_left();
        } else {
            T value = rt.block_on(std::forward<Test>(test), site);
            rt.check_no_task_left();
            return value;
        }
    } catch (...) {
        detail::print_seed(rt);
        throw;
    }
}

}  // namespace edo::testing
