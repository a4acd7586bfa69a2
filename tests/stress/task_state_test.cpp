// Every pair of transitions of the task's state word, racing on real threads: wakes, polls,
// cancels, joins, drops, inspections and synchronous destruction of groups.

#include "../support/event.h"
#include "../support/pool_executor.h"
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/task/join_handle.h>
#include <edo/task/select.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>

namespace {

using edo::join_handle;
using edo::task;
using edo::task_group;
using edo::testing::event;
using edo::testing::pool_executor;

std::uint64_t seed() {
    const char* given = std::getenv("EDO_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : 20240607;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int rounds = 3'000;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
constexpr int rounds = 3'000;
#else
constexpr int rounds = 20'000;
#endif
#else
constexpr int rounds = 20'000;
#endif

void spin(std::uint32_t turns) {
    for (std::uint32_t i = 0; i < turns; ++i)
        edo::detail::spin_hint();
}

// Two plain fields that a poll must see once their writer has woken the task.
struct payload {
    event raised;
    int value = 0;
};

task<int> wait_for_both(payload& a, payload& b) {
    co_await a.raised.wait();
    co_await b.raised.wait();
    co_return a.value + b.value;
}

task<> join_into(join_handle<int> h, std::atomic<int>& sum, std::atomic<int>& done) {
    const int n = co_await std::move(h).join();
    sum.fetch_add(n);
    done.fetch_add(1);
}

TEST(task_state_stress, what_was_written_before_a_wake_is_seen_by_the_poll) {
    pool_executor ex(2);
    std::atomic<int> sum{0}, done{0};
    edo::detail::random coin{seed()};

    for (int i = 0; i < rounds; ++i) {
        payload a, b;
        auto h = ex.spawn(join_into, ex.spawn(wait_for_both, std::ref(a), std::ref(b)),
                          std::ref(sum), std::ref(done));
        const std::uint32_t shift = coin.below(300);
        std::thread other([&] {
            spin(shift);
            b.value = 2;
            b.raised.raise();
        });
        spin(coin.below(300));
        a.value = 1;
        a.raised.raise();
        other.join();
        while (!h.is_finished())
            std::this_thread::yield();
    }

    EXPECT_EQ(done.load(), rounds);
    EXPECT_EQ(sum.load(), 3 * rounds);
}

// Two threads write, and wake a task that is running or queued. Between them and the next poll lies
// nothing but the state word: no lock of an event, and none of the executor, which only who finds
// the task idle touches.
class two_wakes {
public:
    static constexpr const char* wait_name = "two wakes";

    explicit two_wakes(bool come_while_running) noexcept : while_running_(come_while_running) {}

    void write_and_wake(std::size_t who) noexcept {
        while (!is_open_.load(std::memory_order_acquire))
            std::this_thread::yield();
        written_[who] = 1;
        if (who == 0) {
            std::move(wakers_[who]).wake();
        } else {
            std::as_const(wakers_[who]).wake();
        }
        wakes_.fetch_add(1, std::memory_order_relaxed);
    }

    /// Lets the wakes come, and does not return before they have.
    void let_in() noexcept {
        is_open_.store(true, std::memory_order_release);
        while (wakes_.load(std::memory_order_relaxed) != 2)
            std::this_thread::yield();
    }

    bool poll(edo::context& cx) noexcept {
        if (wakes_.load(std::memory_order_relaxed) != 0) return true;
        for (edo::waker& each : wakers_)
            each = cx.waker();
        if (while_running_) let_in();
        return false;
    }

    int take() noexcept { return written_[0] + written_[1]; }

private:
    bool while_running_;
    edo::waker wakers_[2];
    int written_[2] = {};
    std::atomic<bool> is_open_{false};
    std::atomic<int> wakes_{0};
};

task<> add_up(two_wakes& op, int& sum) {
    sum = co_await op;
}

task<> let_wakes_in(two_wakes& op) {
    op.let_in();
    co_return;
}

void test_two_wakes(bool while_running) {
    pool_executor ex(1);
    int wrong = 0;

    for (int i = 0; i < rounds / 10; ++i) {
        two_wakes op(while_running);
        int sum = 0;
        std::thread first([&] { op.write_and_wake(0); });
        std::thread second([&] { op.write_and_wake(1); });
        auto h = ex.spawn(add_up, std::ref(op), std::ref(sum));
        // The only thread is busy with this one, so the other stays queued from the first wake on.
        if (!while_running) ex.spawn(let_wakes_in, std::ref(op)).detach();
        first.join();
        second.join();
        while (!h.is_finished())
            std::this_thread::yield();
        if (sum != 2) ++wrong;
    }

    EXPECT_EQ(wrong, 0);
}

TEST(task_state_stress, wakes_that_find_the_task_running_publish_by_the_state_word_alone) {
    test_two_wakes(true);
}

TEST(task_state_stress, wakes_that_find_the_task_queued_publish_by_the_state_word_alone) {
    test_two_wakes(false);
}

// Ends when its handle waits.
task<> end_when_joined(std::atomic<edo::detail::task_header*>& self) {
    constexpr auto join_waker = edo::detail::task_state::join_waker;
    while (self.load() == nullptr || (self.load()->state.peek() & join_waker) == 0)
        std::this_thread::yield();
    co_return;
}

task<> wait_for_end(join_handle<void> h) {
    co_await std::move(h).join();
}

TEST(task_state_stress, completing_thread_sees_the_waker_by_the_state_word_alone) {
    pool_executor ex(2);
    for (int i = 0; i < rounds / 10; ++i) {
        std::atomic<edo::detail::task_header*> joined{nullptr};
        auto* const cell = edo::detail::make_cell(ex.scheduler(), std::source_location::current(),
                                                  &end_when_joined, std::ref(joined));
        auto h = edo::detail::launch_with_handle(cell);
        joined = cell;
        auto waiting = ex.spawn(wait_for_end, std::move(h));
        while (!waiting.is_finished())
            std::this_thread::yield();
    }
    SUCCEED();
}

// Counts construction and destruction, and which of the two ends came about.
struct ends {
    std::atomic<int> made{0}, destroyed{0}, completed{0}, dropped{0};
};

task<> counted(event& e, ends& tally) {
    struct life {
        ends& t;
        bool finished = false;

        explicit life(ends& all) : t(all) { ++t.made; }

        ~life() {
            ++t.destroyed;
            ++(finished ? t.completed : t.dropped);
        }
    } mine(tally);

    co_await e.wait();
    co_await edo::yield_now();
    mine.finished = true;
}

TEST(task_state_stress, wake_and_cancel_and_handle_drop_race_and_each_task_ends_once) {
    ends tally;
    std::vector<event> events(static_cast<std::size_t>(rounds));
    {
        pool_executor ex(2);
        edo::detail::random coin{seed() + 1};
        for (int i = 0; i < rounds; ++i) {
            event& e = events[static_cast<std::size_t>(i)];
            auto h = ex.spawn(counted, std::ref(e), std::ref(tally));
            const std::uint32_t shift = coin.below(400);
            const std::uint32_t how = coin.below(3);
            std::thread other([&] {
                spin(shift);
                e.raise();
                e.poke();
            });
            spin(coin.below(400));
            if (how == 0) h.request_cancel();
            if (how == 1) join_handle<void> dropped = std::move(h);
            other.join();
        }
    }

    EXPECT_EQ(tally.made.load(), tally.destroyed.load());
    EXPECT_GT(tally.completed.load(), rounds / 20)
        << "the race never went this way; EDO_SEED=" << seed();
    EXPECT_GT(tally.dropped.load(), rounds / 20)
        << "the race never went this way; EDO_SEED=" << seed();
}

task<> family(event& e, std::atomic<int>& alive, std::atomic<int>& early, int children, int mode) {
    struct frame {
        std::atomic<int>& alive_children;
        std::atomic<int>& wrong;
        std::atomic<int> mine{0};

        frame(std::atomic<int>& a, std::atomic<int>& w) : alive_children(a), wrong(w) {}

        ~frame() {
            if (mine.load() != 0) ++wrong;
        }
    } local(alive, early);

    struct member {
        static task<> run(event& wait_for, frame& parent) {
            struct life {
                frame& p;

                explicit life(frame& f) : p(f) { ++p.mine, ++p.alive_children; }

                ~life() { --p.mine, --p.alive_children; }
            } guard(parent);

            for (int i = 0; i < 5; ++i)
                co_await edo::yield_now();
            co_await wait_for.wait();
        }
    };

    std::vector<event> own(static_cast<std::size_t>(children));
    task_group group;
    for (event& each : own)
        group.spawn(&member::run, std::ref(each), std::ref(local));
    co_await edo::yield_now();
    if (mode == 0) co_return;  // destroys the children in the middle of its own poll
    co_await e.wait();         // is dropped here, or goes on
}

TEST(task_state_stress, a_groups_frame_outlives_its_children_on_every_way_out) {
    std::atomic<int> alive{0}, early{0};
    {
        pool_executor ex(3);
        edo::detail::random coin{seed() + 2};
        for (int i = 0; i < rounds / 4; ++i) {
            event e;
            const int mode = static_cast<int>(coin.below(3));
            auto h = ex.spawn(family, std::ref(e), std::ref(alive), std::ref(early), 4, mode);
            spin(coin.below(2000));
            if (mode == 1) h.request_cancel();
            if (mode == 2) e.raise();
            while (!h.is_finished())
                std::this_thread::yield();
        }
    }

    EXPECT_EQ(alive.load(), 0);
    EXPECT_EQ(early.load(), 0);
}

task<> branch(event& e) {
    co_await edo::yield_now();
    co_await e.wait();
}

task<> select_race(event& a, event& b, std::atomic<int>& first, std::atomic<int>& second) {
    auto r = co_await edo::select(a.wait(), branch(b));
    EXPECT_FALSE(b.has_waiter());
    ++(r.index() == 0 ? first : second);
}

TEST(task_state_stress, branches_that_are_woken_at_once_give_one_winner) {
    std::atomic<int> first{0}, second{0};
    {
        pool_executor ex(2);
        edo::detail::random coin{seed() + 3};
        for (int i = 0; i < rounds; ++i) {
            event a, b;
            auto h =
                ex.spawn(select_race, std::ref(a), std::ref(b), std::ref(first), std::ref(second));
            const std::uint32_t shift = coin.below(600);
            std::atomic<bool> has_started{false};
            std::thread other([&] {
                has_started = true;
                spin(shift);
                b.raise();
            });
            // Each second time, because a thread takes longer to start than all that follows.
            const bool together = coin.below(2) != 0;
            while (together && !has_started)
                std::this_thread::yield();
            spin(coin.below(600));
            a.raise();
            other.join();
            while (!h.is_finished())
                std::this_thread::yield();
        }
    }

    EXPECT_EQ(first.load() + second.load(), rounds);
    EXPECT_GT(first.load(), rounds / 50) << "EDO_SEED=" << seed();
    EXPECT_GT(second.load(), rounds / 50) << "EDO_SEED=" << seed();
}

// Looks at tasks as a dump does, while they run, are woken and end.
task<> busy(event& e) {
    for (int i = 0; i < 20; ++i)
        co_await edo::yield_now();
    co_await e.wait();
}

TEST(task_state_stress, inspecting_a_task_loses_no_wake) {
    int inspected = 0;
    {
        pool_executor ex(2);
        edo::detail::random coin{seed() + 4};
        for (int i = 0; i < rounds / 4; ++i) {
            event e;
            auto* cell = edo::detail::make_cell(ex.scheduler(), std::source_location::current(),
                                                &busy, std::ref(e));
            auto h = edo::detail::launch_with_handle(cell);
            std::thread other([&] {
                spin(200);
                e.raise();
            });
            for (int look = 0; look < 20; ++look) {
                if (cell->state.begin_inspection()) {
                    ++inspected;
                    spin(coin.below(50));
                    if (cell->state.end_inspection()) {
                        ex.scheduler().schedule(*cell);
                    } else {
                        cell->release_refs();
                    }
                }
                spin(coin.below(100));
            }
            other.join();
            while (!h.is_finished())
                std::this_thread::yield();
        }
    }
    EXPECT_GT(inspected, rounds / 20) << "EDO_SEED=" << seed();
}

}  // namespace
