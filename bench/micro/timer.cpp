#include "asio_side.h"
#include "contest.h"
#include "families.h"
#include "measurement.h"
#include "ready.h"
#include <algorithm>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <tuple>
#include <vector>

#include <edo/base/clock.h>
#include <edo/task/context.h>
#include <edo/task/select.h>
#include <edo/task/task.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>

namespace bench {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using nanosecond_list = std::vector<nanoseconds>;

constexpr std::size_t others = 1'000'000;
constexpr std::size_t known_spans = 1 << 16;

/// Random times to wait, none of which passes during the measurement; the same for both sides.
nanosecond_list random_spans() {
    std::minstd_rand generator(1);
    std::uniform_int_distribution<std::int64_t> span(nanoseconds(2min).count(),
                                                     nanoseconds(1h).count());
    nanosecond_list spans(known_spans);
    for (nanoseconds& each : spans)
        each = nanoseconds(span(generator));
    return spans;
}

double median_microseconds(nanosecond_list found) {
    const auto middle = found.begin() + static_cast<std::ptrdiff_t>(found.size() / 2);
    std::nth_element(found.begin(), middle, found.end());
    return std::chrono::duration<double, std::micro>(*middle).count();
}

/// Arms timers that stay armed; done at once.
class arm_others {
public:
    explicit arm_others(std::vector<edo::sleep_operation>& timers) noexcept : timers_(timers) {}

    bool poll(edo::context& cx) noexcept {
        for (edo::sleep_operation& each : timers_)
            static_cast<void>(each.poll(cx));
        return true;
    }

    void take() noexcept {}

private:
    std::vector<edo::sleep_operation>& timers_;
};

std::vector<edo::sleep_operation> edo_others(edo::instant start, const nanosecond_list& spans) {
    std::vector<edo::sleep_operation> timers;
    timers.reserve(others);
    for (std::size_t i = 0; i < others; ++i)
        timers.emplace_back(start + spans[i % known_spans] + nanoseconds(i));
    return timers;
}

std::vector<asio_timer> asio_others(asio_executor executor,
                                    steady_clock::time_point start,
                                    const nanosecond_list& spans) {
    std::vector<asio_timer> timers;
    timers.reserve(others);
    for (std::size_t i = 0; i < others; ++i) {
        timers.emplace_back(executor, start + spans[i % known_spans] + nanoseconds(i));
        timers.back().async_wait([](const boost::system::error_code&) {});
    }
    return timers;
}

// A wait with a deadline whose other side is ready: the timer is armed and cancelled, beside a
// million that are armed.

edo::task<measurement> edo_wait_with_deadline(std::size_t count) {
    const nanosecond_list spans = random_spans();
    const edo::instant start = edo::now();
    std::vector<edo::sleep_operation> timers = edo_others(start, spans);
    co_await arm_others(timers);

    std::size_t in_time = 0;
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        auto first =
            co_await edo::select_biased(edo::sleep_until(start + spans[i % known_spans]), ready(i));
        in_time += first.index();
    }
    co_return measurement{watch.elapsed(), static_cast<double>(in_time)};
}

asio_task<measurement> asio_wait_with_deadline(std::size_t count) {
    const asio_executor executor = co_await asio::this_coro::executor;
    const nanosecond_list spans = random_spans();
    const steady_clock::time_point start = steady_clock::now();
    const std::vector<asio_timer> timers = asio_others(executor, start, spans);

    std::size_t in_time = 0;
    asio_timer timer(executor);
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        timer.expires_at(start + spans[i % known_spans]);
        auto both = asio::experimental::make_parallel_group(timer.async_wait(asio::deferred),
                                                            asio::post(executor, asio::deferred));
        const auto ended =
            co_await both.async_wait(asio::experimental::wait_for_one(), asio::deferred);
        in_time += std::get<0>(ended)[0];
    }
    co_return measurement{watch.elapsed(), static_cast<double>(in_time)};
}

// The same without coroutines and select: what the timers alone cost.

/// Arms a timer, then drops it. Yields whether it had passed, which it never has.
class arm_and_drop {
public:
    explicit arm_and_drop(edo::instant deadline) noexcept : deadline_(deadline) {}

    bool poll(edo::context& cx) noexcept {
        edo::sleep_operation timer(deadline_);
        passed_ = timer.poll(cx);
        return true;
    }

    bool take() noexcept { return passed_; }

private:
    edo::instant deadline_;
    bool passed_ = false;
};

edo::task<measurement> edo_timer_alone(std::size_t count) {
    const nanosecond_list spans = random_spans();
    const edo::instant start = edo::now();
    std::vector<edo::sleep_operation> timers = edo_others(start, spans);
    co_await arm_others(timers);

    double passed = 0;
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        const bool too_early = co_await arm_and_drop(start + spans[i % known_spans]);
        passed += too_early ? 1 : 0;
    }
    co_return measurement{watch.elapsed(), passed};
}

asio_task<measurement> asio_timer_alone(std::size_t count) {
    const asio_executor executor = co_await asio::this_coro::executor;
    const nanosecond_list spans = random_spans();
    const steady_clock::time_point start = steady_clock::now();
    const std::vector<asio_timer> timers = asio_others(executor, start, spans);

    double passed = 0;
    asio_timer timer(executor);
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        timer.expires_at(start + spans[i % known_spans]);
        timer.async_wait([&](const boost::system::error_code& ended) { passed += ended ? 0 : 1; });
        timer.cancel();
        // A cancelled wait ends through its handler, which is part of the price.
        if (i % 64 == 63) co_await asio::post(executor, asio::deferred);
    }
    co_await asio::post(executor, asio::deferred);
    co_return measurement{watch.elapsed(), passed};
}

// And with no other timer.

edo::task<measurement> edo_lone_timer(std::size_t count) {
    const edo::instant due = edo::now() + 1h;
    double passed = 0;
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        const bool too_early = co_await arm_and_drop(due);
        passed += too_early ? 1 : 0;
    }
    co_return measurement{watch.elapsed(), passed};
}

// Sleep for 1 ms on an idle machine: how late is it over?

edo::task<measurement> edo_sleep(std::size_t count) {
    nanosecond_list lateness;
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        const auto start = steady_clock::now();
        co_await edo::sleep(1ms);
        lateness.push_back(steady_clock::now() - start - 1ms);
    }
    co_return measurement{watch.elapsed(), median_microseconds(lateness)};
}

asio_task<measurement> asio_sleep(std::size_t count) {
    const asio_executor executor = co_await asio::this_coro::executor;
    asio_timer timer(executor);
    nanosecond_list lateness;
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
        const auto start = steady_clock::now();
        timer.expires_after(1ms);
        co_await timer.async_wait(asio::deferred);
        lateness.push_back(steady_clock::now() - start - 1ms);
    }
    co_return measurement{watch.elapsed(), median_microseconds(lateness)};
}

}  // namespace

void add_timer() {
    add({.name = "timer_arm_cancel_beside_million",
         .operations = 500'000,
         .most_workers = 1,
         .once = true},
        edo_wait_with_deadline, asio_wait_with_deadline);
    add({.name = "timer_alone_arm_cancel_beside_million",
         .operations = 500'000,
         .most_workers = 1,
         .once = true},
        edo_timer_alone, asio_timer_alone);
    enter_each<edo_side>({.name = "timer_arm_drop", .operations = 200'000, .most_workers = 1},
                         edo_lone_timer);
    add({.name = "sleep_1ms",
         .operations = 300,
         .most_workers = 1,
         .once = true,
         .counter = "late_p50_us"},
        edo_sleep, asio_sleep);
}

}  // namespace bench
