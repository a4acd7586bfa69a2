// Tasks that are cancelled by themselves, by their children and by what others destroy; and what a
// failure may do when it ends. All in one thread, one poll at a time.

#include "conformance/at_end.h"
#include "support/event.h"
#include "support/manual_executor.h"
#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>

namespace edo::testing {
namespace {

/// An exception whose end starts a task.
class spawns_at_end : public std::runtime_error {
public:
    explicit spawns_at_end(bool& ran)
        : std::runtime_error("spawns"), end_(std::make_shared<ending>(ran)) {}

private:
    struct ending {
        explicit ending(bool& ran) noexcept : ran_(ran) {}

        ~ending() {
            edo::spawn([&ran = ran_]() -> task<> {
                ran = true;
                co_return;
            }).detach();
        }

        bool& ran_;
    };

    std::shared_ptr<ending> end_;
};

TEST(task_failure, exception_that_spawns_when_it_is_destroyed_harms_nothing) {
    manual_executor ex;
    bool ran = false;

    auto h = ex.spawn([&]() -> task<> {
        const auto fail = [&ran]() -> task<> {
            throw spawns_at_end(ran);
            co_return;
        };
        auto failing = spawn(fail);
        {
            const auto outcome = co_await std::move(failing).try_join();
            EXPECT_NE(outcome.exception(), nullptr);
        }
        co_await yield_now();
    });
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_TRUE(ran);
}

// ---- who cancels whom

TEST(cancel_behaviour, of_oneself_takes_effect_at_the_next_wait) {
    manual_executor ex;
    event e;
    e.raise();
    std::string log;
    join_handle<void> own;

    own = ex.spawn([&]() -> task<> {
        const at_end note([&] { log += " gone"; });
        own.request_cancel();
        log += "goes on";
        co_await yield_now();
        log += " too far";
    });
    ex.run_until_idle();

    EXPECT_TRUE(own.is_finished());
    EXPECT_EQ(log, "goes on gone");
}

TEST(cancel_behaviour, of_oneself_that_is_awaited_ends_there) {
    manual_executor ex;
    std::string log;
    join_handle<void> own;

    own = ex.spawn([&]() -> task<> {
        const at_end note([&] { log += "gone"; });
        co_await own.cancel();
        log += "too far";
    });
    ex.run_until_idle();

    EXPECT_TRUE(own.is_finished());
    EXPECT_EQ(log, "gone");
}

TEST(cancel_behaviour, task_that_joins_itself_is_freed_with_its_executor) {
    int ended = 0;
    {
        manual_executor ex;
        join_handle<void> own;
        own = ex.spawn([&]() -> task<> {
            const at_end note([&] { ++ended; });
            co_await std::move(own).join();
        });
        ex.run_until_idle();
        EXPECT_EQ(ended, 0);
    }

    EXPECT_EQ(ended, 1);
}

TEST(cancel_behaviour, twice_is_as_good_as_once) {
    manual_executor ex;
    event never;
    int ended = 0;

    auto victim = ex.spawn([&]() -> task<> {
        const at_end note([&] { ++ended; });
        co_await never.wait();
    });
    ex.run_until_idle();
    victim.request_cancel();
    victim.request_cancel();
    ex.run_until_idle();
    victim.request_cancel();
    ex.run_until_idle();

    EXPECT_TRUE(victim.is_finished());
    EXPECT_EQ(ended, 1);
}

TEST(cancel_behaviour, of_a_parent_by_its_child_ends_both) {
    manual_executor ex;
    join_handle<void> parent;
    std::string log;

    parent = ex.spawn([&]() -> task<> {
        const at_end note([&] { log += " parent"; });
        task_group group;
        group.spawn([&]() -> task<> {
            const at_end child([&] { log += "child"; });
            parent.request_cancel();
            for (;;)
                co_await yield_now();
        });
        static_cast<void>(co_await group.join());
        log += " too far";
    });
    ex.run_until_idle();

    EXPECT_TRUE(parent.is_finished());
    EXPECT_EQ(log, "child parent");
}

TEST(cancel_behaviour, in_a_destructor_reaches_the_other_task) {
    manual_executor ex;
    event never, also_never;
    int ended = 0;

    auto second = ex.spawn([&]() -> task<> {
        const at_end note([&] { ++ended; });
        co_await also_never.wait();
    });
    auto first = ex.spawn([&]() -> task<> {
        const at_end note([&] {
            ++ended;
            second.request_cancel();
        });
        co_await never.wait();
    });
    ex.run_until_idle();
    first.request_cancel();
    ex.run_until_idle();

    EXPECT_TRUE(first.is_finished() && second.is_finished());
    EXPECT_EQ(ended, 2);
}

/// Wakes its own task when it is destroyed, as something may that lets go of a lock.
class wakes_at_end {
public:
    explicit wakes_at_end(int& polls) noexcept : polls_(&polls) {}

    wakes_at_end(wakes_at_end&&) noexcept = default;

    ~wakes_at_end() { own_.wake(); }

    bool poll(context& cx) noexcept {
        ++*polls_;
        own_ = cx.waker();
        return false;
    }

    void take() noexcept {}

private:
    int* polls_;
    waker own_;
};

TEST(cancel_behaviour, wake_out_of_what_is_destroyed_resumes_nothing) {
    manual_executor ex;
    int polls = 0;
    bool resumed = false;

    auto h = ex.spawn([&]() -> task<> {
        co_await wakes_at_end(polls);
        resumed = true;
    });
    ex.run_until_idle();
    h.request_cancel();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(polls, 1);
    EXPECT_FALSE(resumed);
}

TEST(cancel_behaviour, wake_out_of_a_loser_is_one_needless_poll_at_most) {
    manual_executor ex;
    event e, later;
    int polls = 0;

    auto h = ex.spawn([&]() -> task<> {
        co_await select(e.wait(), wakes_at_end(polls));
        co_await later.wait();
    });
    ex.run_until_idle();
    e.raise();
    ex.run_until_idle();
    EXPECT_LE(later.polls(), 2);
    later.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

}  // namespace
}  // namespace edo::testing
