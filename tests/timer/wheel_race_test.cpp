// Operations on one thread, the wheel's owner on another. Run under the thread sanitizer.
#include "support/child_process.h"
#include "timer/probe.h"
#include <array>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include <edo/base/clock.h>
#include <edo/base/seam/parker.h>
#include <edo/base/seam/sanitizer.h>
#include <edo/timer/wheel/wheel.h>

namespace {

using edo::duration;
using edo::instant;
using edo::detail::monotonic_clock;
using edo::detail::timer_wheel;
using edo::testing::probe;
using edo::testing::woken_task;
using namespace std::chrono_literals;

using answer = timer_wheel::answer;

void spin(std::uint64_t turns) {
    for (std::uint64_t i = 0; i < turns; ++i)
        edo::detail::spin_hint();
}

/// A delay of any order of magnitude, now and then with a chance for the other thread to run.
void delay(std::mt19937_64& random) {
    if (random() % 8 == 0) std::this_thread::yield();
    spin(random() % (std::uint64_t{1} << random() % 12));
}

TEST(wheel_race, arm_cancel_and_reset_against_advance) {
    constexpr int rounds = 20'000;
    woken_task task;
    timer_wheel wheel;
    std::atomic<std::int64_t> now{1};
    std::atomic<bool> done{false};
    std::thread owner([&] {
        while (!done.load())
            wheel.advance(instant(duration(now.fetch_add(50))));
    });
    std::mt19937_64 random(7);
    std::deque<probe> probes(16);
    int fired = 0, cancelled = 0, moved = 0, moved_too_late = 0;

    for (int round = 0; round < rounds; ++round) {
        probe& p = probes[random() % probes.size()];
        if (!p.is_known()) {
            const auto span = static_cast<std::int64_t>(random() % 5'000);
            EXPECT_TRUE(wheel.arm(p, instant(duration(now.load() + span)), task.target()));
        }
        spin(random() % 64);
        switch (random() % 3) {
            case 0:
                (timer_wheel::cancel(p) ? cancelled : fired) += 1;
                break;
            case 1: {
                const auto span = static_cast<std::int64_t>(random() % 5'000);
                (timer_wheel::reset(p, instant(duration(now.load() + span))) ? moved
                                                                             : moved_too_late) += 1;
                break;
            }
            case 2:
                if (timer_wheel::check(p, task.target()) == answer::fired) {
                    ++fired;
                    EXPECT_GE(now.load(), p.deadline().time_since_epoch().count());
                }
                break;
        }
        if (random() % 16 == 0) task.run();
    }
    done.store(true);
    owner.join();

    EXPECT_GT(fired, 0);
    EXPECT_GT(cancelled, 0);
    EXPECT_GT(moved, 0);
    EXPECT_GT(moved_too_late, 0);
}

/// The timers of one of several threads, and a list of what has become of them: a timer that could
/// be cancelled or moved has not fired and will not, any other has, and was due.
class listed_timers {
public:
    listed_timers(std::uint64_t seed,
                  timer_wheel& wheel,
                  const std::atomic<std::int64_t>& now,
                  edo::detail::wake_target target)
        : random_(seed), wheel_(wheel), now_(now), target_(target), probes_(512) {}

    void operate() {
        probe& p = probes_[random_() % probes_.size()];
        switch (p.is_known() ? random_() % 4 : 4) {
            case 0:
                if (timer_wheel::cancel(p)) {
                    ++cancelled;
                } else {
                    note_fired(p);
                }
                break;
            case 1:
                if (timer_wheel::check(p, target_) == answer::fired) note_fired(p);
                break;
            case 4:
                EXPECT_TRUE(wheel_.arm(p, some_deadline(), target_));
                break;
            default:
                // As long as it is armed its deadline belongs to the wheel.
                if (timer_wheel::reset(p, some_deadline())) {
                    ++moved;
                } else {
                    note_fired(p);
                }
        }
    }

    /// Nobody has anything to do with the wheel, which has advanced fully.
    void settle() {
        for (probe& p : probes_) {
            if (!p.is_known()) continue;
            const bool is_due = p.deadline() <= time();
            EXPECT_EQ(timer_wheel::check(p, target_), is_due ? answer::fired : answer::armed);
            if (is_due) ++fired;
        }
    }

    void cancel_all() {
        for (probe& p : probes_)
            if (timer_wheel::cancel(p)) ++cancelled;
    }

    std::uint64_t fired = 0, cancelled = 0, moved = 0;

private:
    instant time() const { return instant(duration(now_.load())); }

    instant some_deadline() {
        return time() + duration(random_() % (std::uint64_t{1} << random_() % 20));
    }

    void note_fired(const probe& p) {
        EXPECT_LE(p.deadline(), time());
        ++fired;
    }

    std::mt19937_64 random_;
    timer_wheel& wheel_;
    const std::atomic<std::int64_t>& now_;
    const edo::detail::wake_target target_;
    std::deque<probe> probes_;
};

TEST(wheel_race, timers_of_two_threads_fire_as_the_lists_of_both_say) {
    constexpr int rounds = EDO_SANITIZED ? 50 : 500, operations = 1'000;
    woken_task task;
    timer_wheel wheel;
    std::atomic<std::int64_t> now{1};
    std::deque<listed_timers> lists;
    for (const std::uint64_t seed : {3U, 5U})
        lists.emplace_back(seed, wheel, now, task.target());
    std::barrier together(3);
    std::deque<std::thread> threads;
    for (listed_timers& mine : lists) {
        threads.emplace_back([&] {
            for (int round = 0; round < rounds; ++round) {
                together.arrive_and_wait();
                for (int i = 0; i < operations; ++i)
                    mine.operate();
                together.arrive_and_wait();
                together.arrive_and_wait();  // meanwhile the wheel advances fully
                mine.settle();
            }
            mine.cancel_all();
        });
    }

    std::uint64_t fired = 0;
    for (int round = 0; round < rounds; ++round) {
        together.arrive_and_wait();
        for (int i = 0; i < operations / 10; ++i)
            fired += wheel.advance(instant(duration(now.fetch_add(500) + 500)));
        together.arrive_and_wait();
        const instant at = instant(duration(now.load()));
        do
            fired += wheel.advance(at);
        while (wheel.next_deadline() <= at);
        together.arrive_and_wait();
    }
    for (std::thread& each : threads)
        each.join();

    task.run();
    EXPECT_EQ(fired, lists[0].fired + lists[1].fired);
    for (const listed_timers& each : lists) {
        EXPECT_GT(each.fired, 0U);
        EXPECT_GT(each.cancelled, 0U);
        EXPECT_GT(each.moved, 0U);
    }
    EXPECT_EQ(wheel.exact_next_deadline(), instant::max());
}

// Operations that were armed on a wheel end while the wheel goes away and the next one takes its
// lock.
TEST(wheel_race, cancel_against_the_end_of_the_wheel) {
    constexpr int rounds = 20'000;
    woken_task task;
    std::mutex replacing;
    auto wheel = std::make_unique<timer_wheel>();
    std::atomic<bool> done{false};
    std::thread owner([&] {
        std::mt19937_64 random(11);
        while (!done.load()) {
            {
                const std::lock_guard guard(replacing);
                wheel.reset();
                wheel = std::make_unique<timer_wheel>();
            }
            delay(random);
        }
    });
    std::mt19937_64 random(13);
    std::array<probe, 3> probes;
    int cancelled = 0, too_late = 0, armed = 0, abandoned = 0, moved = 0, refused = 0;

    for (int round = 0; round < rounds; ++round) {
        {
            const std::lock_guard guard(replacing);
            for (probe& p : probes)
                EXPECT_TRUE(wheel->arm(p, instant(1h), task.target()));
        }
        delay(random);
        (timer_wheel::cancel(probes[0]) ? cancelled : too_late) += 1;
        (timer_wheel::check(probes[1], task.target()) == answer::armed ? armed : abandoned) += 1;
        (timer_wheel::reset(probes[2], instant(2h)) ? moved : refused) += 1;
        for (probe& p : probes)
            timer_wheel::cancel(p);
        task.run();
    }
    done.store(true);
    owner.join();

    EXPECT_GT(cancelled, 0);
    EXPECT_GT(too_late, 0);
    EXPECT_GT(armed, 0);
    EXPECT_GT(abandoned, 0);
    EXPECT_GT(moved, 0);
    EXPECT_GT(refused, 0);
}

// The owner sleeps for an hour unless it is woken; the other side arms what is due much earlier. A
// wake that got lost would make the test hang.
TEST(wheel_race, parked_owner_wakes_for_an_earlier_deadline) {
    constexpr int rounds = 2'000;
    woken_task task;
    timer_wheel wheel;
    edo::detail::parker place;
    std::atomic<int> parked{0};
    wheel.set_unpark([](void* p) { static_cast<edo::detail::parker*>(p)->unpark(); }, &place);
    probe hour;
    EXPECT_TRUE(wheel.arm(hour, monotonic_clock::read() + 1h, task.target()));
    std::atomic<int> fired{0};
    std::thread owner([&] {
        std::mt19937_64 random(3);
        while (fired.load() < rounds) {
            const instant until = wheel.begin_park();
            const instant now = monotonic_clock::read();
            if (until > now) {
                place.park(until - now);
                parked.fetch_add(1);
            }
            wheel.end_park();
            spin(random() % 128);
            fired.fetch_add(static_cast<int>(wheel.advance(monotonic_clock::read())));
        }
    });
    std::mt19937_64 random(5);

    for (int round = 0; round < rounds; ++round) {
        probe p;
        const instant deadline = monotonic_clock::read() + duration(random() % 20'000);
        const bool is_armed = wheel.arm(p, deadline, task.target());
        EXPECT_TRUE(is_armed);
        while (fired.load() <= round)
            std::this_thread::yield();
        EXPECT_EQ(timer_wheel::check(p, task.target()), answer::fired);
        EXPECT_GE(monotonic_clock::read(), deadline);
        spin(random() % 512);
    }
    owner.join();

    EXPECT_GT(parked.load(), 0);
}

// Wheels share a list of locks, which has a lock itself.
TEST(wheel_race, process_forked_while_another_thread_makes_wheels_can_make_some) {
    edo::testing::child_process outer([] {
        std::atomic<bool> is_over = false;
        std::thread other([&] {
            while (!is_over)
                timer_wheel();
        });
        for (int i = 0; i < 300; ++i) {
            edo::testing::child_process child([] {
                ::alarm(5);
                timer_wheel();
            });
            EXPECT_EQ(child.end(), "exit 0");
            if (::testing::Test::HasFailure()) break;
        }
        is_over = true;
        other.join();
    });

    EXPECT_EQ(outer.end(), "exit 0");
}

}  // namespace
