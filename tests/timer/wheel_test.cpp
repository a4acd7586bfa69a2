#include <edo/timer/wheel/wheel.h>

#include "timer/probe.h"
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using edo::duration;
using edo::instant;
using edo::detail::timer_wheel;
using edo::testing::probe;
using edo::testing::woken_task;
using namespace std::chrono_literals;

using answer = timer_wheel::answer;

instant at(std::int64_t nanoseconds) {
    return instant(duration(nanoseconds));
}

/// Advances until nothing is due, as a worker does over several turns. Returns: how many fired.
unsigned advance_fully(timer_wheel& wheel, instant now) {
    unsigned fired = 0;
    do {
        fired += wheel.advance(now);
    } while (wheel.next_deadline() <= now && wheel.next_deadline() != instant::max());
    return fired;
}

class wheel : public ::testing::Test {
protected:
    void arm(probe& p, instant deadline) { ASSERT_TRUE(timers.arm(p, deadline, task.target())); }

    answer check(probe& p) { return timer_wheel::check(p, task.target()); }

    woken_task task;
    timer_wheel timers;
};

TEST_F(wheel, fires_at_the_very_nanosecond) {
    probe p;
    timers.advance(at(1'000'000));
    arm(p, at(1'500'000));

    EXPECT_EQ(timers.advance(at(1'499'999)), 0u);
    EXPECT_FALSE(task.is_woken());
    EXPECT_EQ(timers.advance(at(1'500'000)), 1u);
    EXPECT_TRUE(task.run());
    EXPECT_EQ(check(p), answer::fired);
}

TEST_F(wheel, an_instant_in_the_past_is_due_at_the_next_advance) {
    probe past, present, earliest;
    timers.advance(at(1'000));

    arm(past, at(10));
    arm(present, at(1'000));
    arm(earliest, instant::min());

    EXPECT_EQ(timers.next_deadline(), instant::min());
    EXPECT_EQ(advance_fully(timers, at(1'000)), 3u);
}

TEST_F(wheel, max_never_comes) {
    probe never;
    arm(never, instant::max());

    EXPECT_EQ(timers.next_deadline(), instant::max());
    EXPECT_EQ(timers.exact_next_deadline(), instant::max());
    EXPECT_EQ(timers.advance(instant::max()), 0u);
    EXPECT_EQ(timers.advance(instant::max() - 1ns), 0u);
    EXPECT_TRUE(timer_wheel::cancel(never));
}

TEST_F(wheel, the_instant_before_max_does_come) {
    probe last;
    arm(last, instant::max() - 1ns);

    EXPECT_EQ(timers.next_deadline(), instant::max() - 1ns);
    EXPECT_EQ(timers.advance(instant::max() - 2ns), 0u);
    EXPECT_EQ(timers.advance(instant::max() - 1ns), 1u);
}

TEST_F(wheel, cancelled_entry_does_not_fire) {
    probe p, q;
    arm(p, at(100));
    arm(q, at(100));

    EXPECT_TRUE(timer_wheel::cancel(p));
    EXPECT_FALSE(timer_wheel::cancel(p));

    EXPECT_EQ(timers.advance(at(200)), 1u);
    EXPECT_FALSE(p.is_known());
    EXPECT_FALSE(timer_wheel::cancel(q));
}

TEST_F(wheel, cancelling_the_last_entry_leaves_no_deadline) {
    probe p;
    arm(p, at(100));
    timer_wheel::cancel(p);

    EXPECT_EQ(timers.next_deadline(), instant::max());
}

TEST_F(wheel, cancelling_the_earliest_entry_costs_one_look_in_vain) {
    probe early, late;
    timers.advance(at(0));
    arm(early, at(1'000'000));
    arm(late, at(1'000'500));
    timer_wheel::cancel(early);

    EXPECT_EQ(timers.next_deadline(), at(1'000'000));
    EXPECT_EQ(timers.advance(at(1'000'000)), 0u);
    EXPECT_EQ(timers.next_deadline(), at(1'000'500));
}

TEST_F(wheel, exact_deadline_ignores_cancelled_entries) {
    probe early, late;
    timers.advance(at(0));
    arm(early, at(1'000'000));
    arm(late, at(1'000'500));
    timer_wheel::cancel(early);

    EXPECT_EQ(timers.exact_next_deadline(), at(1'000'500));
    EXPECT_EQ(timers.next_deadline(), at(1'000'500));
}

TEST_F(wheel, reset_moves_earlier_later_and_into_the_past) {
    probe p;
    arm(p, at(1'000));

    EXPECT_TRUE(timer_wheel::reset(p, at(500)));
    EXPECT_EQ(timers.next_deadline(), at(500));
    EXPECT_TRUE(timer_wheel::reset(p, at(2'000)));
    EXPECT_EQ(timers.advance(at(1'999)), 0u);
    EXPECT_TRUE(timer_wheel::reset(p, at(7)));

    EXPECT_EQ(timers.advance(at(1'999)), 1u);
}

TEST_F(wheel, reset_one_nanosecond_before_it_fires_counts) {
    probe p;
    arm(p, at(1'000));
    timers.advance(at(999));

    EXPECT_TRUE(timer_wheel::reset(p, at(1'001)));

    EXPECT_EQ(timers.advance(at(1'000)), 0u);
    EXPECT_EQ(timers.advance(at(1'001)), 1u);
}

TEST_F(wheel, reset_after_firing_says_so) {
    probe p;
    arm(p, at(1'000));
    timers.advance(at(1'000));

    EXPECT_FALSE(timer_wheel::reset(p, at(2'000)));
    EXPECT_FALSE(p.is_known());
}

TEST_F(wheel, check_replaces_the_target) {
    woken_task other;
    probe p;
    arm(p, at(1'000));

    EXPECT_EQ(timer_wheel::check(p, other.target()), answer::armed);
    timers.advance(at(1'000));

    EXPECT_FALSE(task.is_woken());
    EXPECT_TRUE(other.run());
}

TEST_F(wheel, time_that_goes_back_fires_nothing_early) {
    probe soon, later;
    timers.advance(at(5'000'000));
    arm(soon, at(6'000'000));
    timers.advance(at(5'500'000));

    EXPECT_EQ(timers.advance(at(1'000'000)), 0u);
    arm(later, at(4'000'000));
    EXPECT_EQ(timers.advance(at(3'999'999)), 0u);
    EXPECT_EQ(timers.advance(at(4'000'000)), 1u);
    EXPECT_EQ(timers.next_deadline(), at(6'000'000));
    EXPECT_EQ(timers.advance(at(6'000'000)), 1u);
}

TEST_F(wheel, time_that_goes_back_with_many_timers_comes_to_an_end) {
    timers.advance(at(5'000'000));
    std::deque<probe> probes(1'000);
    for (probe& p : probes)
        arm(p, at(4'000'000));
    probe due;
    arm(due, at(3'000'000));

    EXPECT_EQ(advance_fully(timers, at(3'000'000)), 1u);
    EXPECT_EQ(timers.next_deadline(), at(4'000'000));
}

// Entries around each boundary between slots and levels, filed in several orders and from several
// positions: each fires at its instant and not one nanosecond before.
TEST_F(wheel, every_level_boundary_is_exact_in_every_order) {
    std::vector<std::int64_t> spans;
    for (unsigned power = 0; power < 62; ++power) {
        for (std::int64_t offset : {-1, 0, 1}) {
            const std::int64_t span = (std::int64_t{1} << power) + offset;
            if (span > 0) spans.push_back(span);
        }
    }
    std::sort(spans.begin(), spans.end());
    spans.erase(std::unique(spans.begin(), spans.end()), spans.end());
    std::mt19937_64 random(42);

    for (std::int64_t start : {std::int64_t{0}, std::int64_t{1} << 30, (std::int64_t{1} << 42) - 1,
                               (std::int64_t{1} << 54) + 12'345}) {
        for (int order = 0; order < 4; ++order) {
            std::vector<std::int64_t> filed = spans;
            if (order == 1) std::reverse(filed.begin(), filed.end());
            if (order > 1) std::shuffle(filed.begin(), filed.end(), random);
            timer_wheel fresh;
            advance_fully(fresh, at(start));
            std::deque<probe> probes;
            for (std::int64_t span : filed)
                ASSERT_TRUE(fresh.arm(probes.emplace_back(), at(start + span), task.target()));

            for (std::int64_t span : spans) {
                ASSERT_EQ(fresh.next_deadline(), at(start + span));
                ASSERT_EQ(advance_fully(fresh, at(start + span - 1)), 0u) << start << " + " << span;
                ASSERT_EQ(advance_fully(fresh, at(start + span)), 1u) << start << " + " << span;
            }
            ASSERT_EQ(fresh.next_deadline(), instant::max());
            for (probe& p : probes)
                ASSERT_EQ(check(p), answer::fired);
        }
    }
}

// What hung other runtimes after days of uptime: the clock leaps over many rounds of the lower
// levels, with timers before, at and behind where it lands.
TEST_F(wheel, leaps_of_days_and_years_lose_nothing) {
    const duration leaps[] = {
        duration(12h * 24 + 9h + 36min),  // 12.4 days
        duration(19'272h),                // 2.2 years
        duration(std::chrono::milliseconds(std::int64_t{1} << 32)),
        duration(std::chrono::hours(24 * 365 * 30)),
        duration(std::int64_t{1} << 61),
    };
    timer_wheel fresh;
    instant now = at(1);
    advance_fully(fresh, now);
    for (duration leap : leaps) {
        std::array<probe, 6> probes;
        const instant target = now + leap;
        ASSERT_TRUE(fresh.arm(probes[0], now + 1ns, task.target()));
        ASSERT_TRUE(fresh.arm(probes[1], now + leap / 2, task.target()));
        ASSERT_TRUE(fresh.arm(probes[2], target, task.target()));
        ASSERT_TRUE(fresh.arm(probes[3], target + 1ns, task.target()));
        ASSERT_TRUE(fresh.arm(probes[4], target + 1s, task.target()));
        ASSERT_TRUE(fresh.arm(probes[5], instant::max() - 1ns, task.target()));

        EXPECT_EQ(advance_fully(fresh, target), 3u);
        EXPECT_EQ(fresh.next_deadline(), target + 1ns);
        EXPECT_EQ(advance_fully(fresh, target + 1ns), 1u);
        EXPECT_EQ(advance_fully(fresh, target + 1s - 1ns), 0u);
        EXPECT_EQ(advance_fully(fresh, target + 1s), 1u);
        now = target + 1s;
    }
}

TEST_F(wheel, a_timer_beside_a_very_long_one_is_exact_after_years) {
    probe ages;
    arm(ages, instant::max() - 1ns);
    instant now = at(0);
    for (int day = 0; day < 2'000; ++day) {
        probe p;
        arm(p, now + 10ms);
        ASSERT_EQ(timers.advance(now + 10ms - 1ns), 0u);
        ASSERT_EQ(timers.advance(now + 10ms), 1u);
        now += 24h;
        ASSERT_EQ(timers.advance(now), 0u);
    }
    EXPECT_EQ(timers.next_deadline(), instant::max() - 1ns);
}

TEST_F(wheel, many_timers_of_one_instant_fire_over_several_turns) {
    std::deque<probe> probes(100'000);
    for (probe& p : probes)
        arm(p, at(1'000'000));

    constexpr unsigned per_turn =
        edo::detail::tuning::wheel_batch * edo::detail::tuning::wheel_batches_per_turn;
    unsigned fired = 0;
    while (timers.next_deadline() <= at(1'000'000)) {
        const unsigned now = timers.advance(at(1'000'000));
        ASSERT_LE(now, per_turn);
        fired += now;
    }
    EXPECT_EQ(fired, 100'000u);
    for (probe& p : probes)
        ASSERT_EQ(check(p), answer::fired);
}

TEST_F(wheel, entries_of_the_firing_batch_can_still_be_cancelled_and_moved) {
    std::deque<probe> probes(10'000);
    for (probe& p : probes)
        arm(p, at(1'000'000));
    const unsigned first = timers.advance(at(1'000'000));

    EXPECT_TRUE(timer_wheel::cancel(probes[9'998]));
    EXPECT_TRUE(timer_wheel::reset(probes[9'999], at(2'000'000)));

    EXPECT_EQ(first + advance_fully(timers, at(1'000'000)), 9'998u);
    EXPECT_EQ(timers.next_deadline(), at(2'000'000));
}

TEST_F(wheel, close_deadlines_are_not_searched_again_and_again) {
    // Each step of the clock makes one of them due. If it meant a look at all the others, this
    // would take five thousand million steps, longer than a test may.
    constexpr std::int64_t count = 100'000;
    std::deque<probe> probes(static_cast<std::size_t>(count));
    timers.advance(at(1'000'000'000));
    std::int64_t offset = 0;
    for (probe& p : probes)
        arm(p, at(1'000'000'000 + 60'000 + (offset += 7919) % count));

    unsigned fired = 0;
    while (timers.next_deadline() != instant::max())
        fired += timers.advance(timers.next_deadline());

    EXPECT_EQ(fired, count);
}

TEST_F(wheel, owner_is_woken_only_for_what_it_would_sleep_past) {
    int unparked = 0;
    timers.set_unpark([](void* count) { ++*static_cast<int*>(count); }, &unparked);
    probe hour, minute, other_minute, second, awake;
    arm(hour, at(0) + 1h);
    EXPECT_EQ(unparked, 0);  // the owner is awake

    EXPECT_EQ(timers.begin_park(), at(0) + 1h);
    arm(minute, at(0) + 1min);
    EXPECT_EQ(unparked, 1);
    arm(other_minute, at(0) + 1min);
    EXPECT_EQ(unparked, 1);
    timer_wheel::reset(hour, at(0) + 1s);
    EXPECT_EQ(unparked, 2);
    arm(second, at(0) + 2s);
    timers.end_park();
    arm(awake, at(1));

    EXPECT_EQ(unparked, 2);
}

TEST_F(wheel, shutdown_wakes_everybody_and_refuses_the_next) {
    std::deque<probe> probes(1'000);
    for (probe& p : probes)
        arm(p, at(1'000'000));
    probe never, late;
    arm(never, instant::max());

    EXPECT_EQ(timers.shutdown(), 1'001u);

    EXPECT_TRUE(task.run());
    for (probe& p : probes)
        EXPECT_EQ(check(p), answer::abandoned);
    EXPECT_EQ(check(never), answer::abandoned);
    EXPECT_FALSE(timers.arm(late, at(1), task.target()));
    EXPECT_FALSE(late.is_known());
    EXPECT_EQ(timers.next_deadline(), instant::max());
    EXPECT_EQ(timers.shutdown(), 0u);
}

TEST_F(wheel, entries_outlive_their_wheel_and_leave_its_successor_alone) {
    auto gone = std::make_unique<timer_wheel>();
    probe cancelled, checked, moved;
    for (probe* p : {&cancelled, &checked, &moved})
        ASSERT_TRUE(gone->arm(*p, at(1'000), task.target()));
    gone.reset();
    timer_wheel successor;  // has taken over the lock
    probe other;
    ASSERT_TRUE(successor.arm(other, at(1'000), task.target()));

    EXPECT_FALSE(timer_wheel::cancel(cancelled));
    EXPECT_EQ(check(checked), answer::abandoned);
    EXPECT_FALSE(timer_wheel::reset(moved, at(5)));

    EXPECT_EQ(successor.advance(at(999)), 0u);
    EXPECT_EQ(successor.advance(at(1'000)), 1u);
}

// The wheel against a sorted map, over more than a million operations: what fires is what the map
// says, nothing early, nothing late, nothing twice; and the deadlines that the worker sleeps by are
// right.
class oracle {
public:
    explicit oracle(std::uint64_t seed) : random_(seed), probes_(2'000) {}

    void run(int operations) {
        begin();
        while (done_ < operations) {
            const std::uint64_t choice = random_() % 1'000;
            if (choice < 500) {
                arm();
            } else if (choice < 700) {
                cancel();
            } else if (choice < 960) {
                reset();
            } else if (choice < 990) {
                advance(now_ + duration(log_uniform(max_step())));
            } else if (choice < 995) {
                advance(now_ - duration(log_uniform(1'000'000)));  // the clock is set back
            } else {
                ASSERT_EQ(wheel_->exact_next_deadline(), earliest());
                if (earliest() != instant::max()) advance(earliest());
            }
            ASSERT_LE(wheel_->next_deadline(), earliest());
            if (::testing::Test::HasFatalFailure()) return;
            if (now_ > at(std::int64_t{1} << 62)) begin();
        }
        for (auto& [deadline, index] : armed_)
            timer_wheel::cancel(probes_[index]);
    }

    std::uint64_t fired = 0, cancelled = 0, moved = 0;

private:
    using map = std::multimap<instant, std::size_t>;

    void begin() {
        for (auto& [deadline, index] : armed_)
            timer_wheel::cancel(probes_[index]);
        armed_.clear();
        place_.assign(probes_.size(), std::nullopt);
        wheel_.emplace();
        now_ = at(static_cast<std::int64_t>(log_uniform(std::int64_t{1} << 61)));
        advance(now_);
    }

    /// 1 to `most`, each order of magnitude alike, and often next to a power of two.
    std::int64_t log_uniform(std::int64_t most) {
        const auto bits = static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(most)));
        const std::uint64_t top = std::uint64_t{1} << (random_() % bits);
        const std::uint64_t kind = random_() % 4;
        const std::uint64_t value = kind == 0 ? top - 1 : kind == 1 ? top : top + random_() % top;
        return std::min(most, static_cast<std::int64_t>(value));
    }

    // Mostly small steps, so that a wheel lives long; now and then leaps of years.
    std::int64_t max_step() {
        return random_() % 1'000 == 0 ? std::int64_t{1} << 58 : std::int64_t{1} << 30;
    }

    instant some_deadline() {
        switch (random_() % 20) {
            case 0:
                return now_ - duration(log_uniform(1'000'000));
            case 1:
                return random_() % 8 == 0 ? instant::max() : now_;
            case 2:
                return at(now_.time_since_epoch().count() |
                          ((std::int64_t{1} << (random_() % 50)) - 1));
            default:
                return now_ + duration(log_uniform(std::int64_t{1} << (20 + random_() % 41)));
        }
    }

    instant earliest() const { return armed_.empty() ? instant::max() : armed_.begin()->first; }

    void arm() {
        const std::size_t index = random_() % probes_.size();
        if (place_[index]) return;
        const instant deadline = some_deadline();
        ASSERT_TRUE(wheel_->arm(probes_[index], deadline, task_.target()));
        place_[index] = armed_.emplace(deadline, index);
        ++done_;
    }

    void cancel() {
        const std::size_t index = random_() % probes_.size();
        ASSERT_EQ(timer_wheel::cancel(probes_[index]), place_[index].has_value());
        if (!place_[index]) return;
        armed_.erase(*std::exchange(place_[index], std::nullopt));
        ++cancelled;
        ++done_;
    }

    void reset() {
        const std::size_t index = random_() % probes_.size();
        if (!place_[index]) return;
        const instant deadline = some_deadline();
        ASSERT_TRUE(timer_wheel::reset(probes_[index], deadline));
        armed_.erase(*place_[index]);
        place_[index] = armed_.emplace(deadline, index);
        ++moved;
        ++done_;
    }

    void advance(instant now) {
        now_ = now;
        std::vector<std::size_t> due;
        while (!armed_.empty() && armed_.begin()->first <= now &&
               armed_.begin()->first != instant::max()) {
            due.push_back(armed_.begin()->second);
            place_[due.back()].reset();
            armed_.erase(armed_.begin());
        }
        ASSERT_EQ(advance_fully(*wheel_, now), due.size());
        for (std::size_t index : due)
            ASSERT_EQ(timer_wheel::check(probes_[index], task_.target()), answer::fired);
        fired += due.size();
        ++done_;
        ASSERT_EQ(task_.run(), !due.empty());
    }

    std::mt19937_64 random_;
    int done_ = 0;
    woken_task task_;
    std::optional<timer_wheel> wheel_;
    std::deque<probe> probes_;
    instant now_{};
    map armed_;
    std::vector<std::optional<map::iterator>> place_;
};

class wheel_oracle : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(wheel_oracle, agrees_over_random_operations) {
    oracle run(GetParam());

    run.run(250'000);

    EXPECT_GT(run.fired, 10'000u);
    EXPECT_GT(run.cancelled, 10'000u);
    EXPECT_GT(run.moved, 10'000u);
}

INSTANTIATE_TEST_SUITE_P(seeds, wheel_oracle, ::testing::Values(1, 2, 3, 4, 5));

}  // namespace
