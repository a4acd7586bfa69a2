// Branches of select and join: which one is polled when, what it costs, and how it ends.

#include <edo/task/select.h>

#include "conformance/at_end.h"
#include "support/event.h"
#include "support/manual_executor.h"
#include <array>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/tuning.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/oneshot.h>
#include <edo/task/budget.h>
#include <edo/task/join.h>
#include <edo/task/yield.h>

namespace edo::testing {
namespace {

using edo::detail::tuning::poll_budget;

/// Notes each of its polls, and wants a further one until it has had `polls`.
class noted_operation {
public:
    noted_operation(std::string& log, char name, int polls) noexcept
        : log_(&log), name_(name), left_(polls) {}

    bool poll(context& cx) noexcept {
        *log_ += name_;
        if (--left_ == 0) return true;
        cx.waker().wake();
        return false;
    }

    void take() noexcept {}

private:
    std::string* log_;
    char name_;
    int left_;
};

// ---- in which order

TEST(join_behaviour, polls_another_branch_first_each_time) {
    manual_executor ex;
    std::string log;

    auto h = ex.spawn([&]() -> task<> {
        co_await join(noted_operation(log, '1', 4), noted_operation(log, '2', 4),
                      noted_operation(log, '3', 4));
    });
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(log, "123231312123");
}

TEST(select_behaviour, biased_polls_in_order_until_one_is_ready) {
    manual_executor ex;
    std::string log;

    auto h = ex.spawn([&]() -> task<> {
        const auto first =
            co_await select_biased(noted_operation(log, 'a', 5), noted_operation(log, 'b', 3),
                                   noted_operation(log, 'c', 3));
        log += std::to_string(first.index());
    });
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(log, "abcabcab1");
}

TEST(join_behaviour, branch_that_has_ended_is_not_polled_again) {
    manual_executor ex;
    event early, late;

    auto h = ex.spawn([&]() -> task<> { co_await join(early.wait(), late.wait()); });
    ex.run_until_idle();
    early.raise();
    ex.run_until_idle();
    late.poke();
    ex.run_until_idle();
    late.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(early.polls(), 2);
    EXPECT_EQ(late.polls(), 3);
}

template <std::size_t... I>
auto select_all(std::array<event, 64>& events, std::index_sequence<I...>) {
    return select(events[I].wait()...);
}

TEST(select_behaviour, of_64_branches_that_are_ready_each_may_win_and_the_losers_are_gone) {
    manual_executor ex;
    std::array<int, 64> wins{};

    auto h = ex.spawn([&]() -> task<> {
        for (int i = 0; i < 2'000; ++i) {
            std::array<event, 64> events;
            for (event& each : events)
                each.raise();
            const auto first = co_await select_all(events, std::make_index_sequence<64>());
            ++wins[first.index()];
            for (const event& each : events)
                EXPECT_FALSE(each.has_waiter());
        }
    });
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    for (const int each : wins)
        EXPECT_GT(each, 0);
}

TEST(select_behaviour, one_channel_may_be_in_two_branches) {
    manual_executor ex;
    auto [tx, rx] = sync::mpsc::channel<int>(2);
    int got = 0;

    auto h = ex.spawn([&]() -> task<> {
        for (int i = 0; i < 2; ++i) {
            auto first = co_await select(rx.recv(), rx.recv());
            const auto& message = first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
            got = 10 * got + *message;
        }
    });
    ex.run_until_idle();
    EXPECT_TRUE(tx.try_send(1));
    EXPECT_TRUE(tx.try_send(2));
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(got, 12);
}

// ---- branches in variables

TEST(select_behaviour, branch_in_a_variable_may_be_destroyed_as_soon_as_it_has_won) {
    manual_executor ex;
    event e, never;
    bool destroyed = false;

    auto h = ex.spawn([&]() -> task<> {
        const auto wait = [&]() -> task<> {
            const at_end note([&] { destroyed = true; });
            co_await e.wait();
        };
        std::optional<task<>> pending(wait());
        const auto first = co_await select(*pending, never.wait());
        EXPECT_EQ(first.index(), 0U);
        pending.reset();
        EXPECT_TRUE(destroyed);
        co_await yield_now();
    });
    ex.run_until_idle();
    e.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
}

TEST(select_behaviour, branch_may_destroy_what_another_one_waits_for) {
    manual_executor ex;
    event e, never;
    std::optional<std::error_code> seen;

    auto h = ex.spawn([&]() -> task<> {
        auto [tx, rx] = sync::oneshot::channel<int>();
        std::optional<sync::oneshot::sender<int>> sender(std::move(tx));
        const auto destroy = [&]() -> task<> {
            co_await e.wait();
            sender.reset();
            co_await never.wait();
        };
        const auto first = co_await select_biased(destroy(), rx.recv());
        EXPECT_EQ(first.index(), 1U);
        seen = std::get<1>(first).error();
    });
    ex.run_until_idle();
    e.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(seen, errc::closed);
}

// ---- the budget

TEST(select_behaviour, ready_branch_costs_a_unit_of_the_budget) {
    manual_executor ex;
    event never;
    bool had_turn = false;
    unsigned before_others = 0;

    auto h = ex.spawn([&]() -> task<> {
        for (unsigned i = 0; i < 2 * poll_budget; ++i) {
            co_await select(consume_budget(), never.wait());
            if (!had_turn) ++before_others;
        }
    });
    auto other = ex.spawn([&]() -> task<> {
        had_turn = true;
        co_return;
    });
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(before_others, poll_budget);
}

TEST(join_behaviour, branch_that_is_always_ready_starves_no_other) {
    manual_executor ex;
    bool is_over = false;
    std::size_t greedy = 0;

    auto h = ex.spawn([&]() -> task<> {
        const auto take_all = [&]() -> task<> {
            while (!is_over && greedy < 10 * poll_budget) {
                co_await consume_budget();
                ++greedy;
            }
        };
        const auto take_one = [&]() -> task<> {
            co_await consume_budget();
            is_over = true;
        };
        co_await join(take_all(), take_one());
    });
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_LE(greedy, 2 * poll_budget) << "it should have ended by then";
}

// ---- failures

task<> throw_after(event& e, const char* what) {
    co_await e.wait();
    throw std::runtime_error(what);
}

/// What `both` throws.
template <class Both>
task<std::string> message_of(Both both) {
    try {
        co_await both();
    } catch (const std::runtime_error& failure) {
        co_return failure.what();
    }
    co_return "nothing";
}

TEST(join_behaviour, first_of_two_exceptions_is_kept) {
    manual_executor ex;
    event first, second;
    std::string seen;

    auto h = ex.spawn([&]() -> task<> {
        const auto both = [&] {
            return join(throw_after(first, "first"), throw_after(second, "second"));
        };
        seen = co_await message_of(both);
    });
    ex.run_until_idle();
    second.raise();
    first.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(seen, "second");
    EXPECT_FALSE(first.has_waiter());
}

TEST(select_behaviour, exception_inside_of_a_losers_destructor_harms_nothing) {
    manual_executor ex;
    event e, never;
    std::string seen;
    bool caught = false;

    auto h = ex.spawn([&]() -> task<> {
        const auto fails_inside = [&] {
            try {
                throw std::logic_error("inside");
            } catch (const std::logic_error&) {
                caught = true;
            }
        };
        const auto loser = [&]() -> task<> {
            const at_end note(fails_inside);
            co_await never.wait();
        };
        const auto both = [&] { return select(throw_after(e, "winner"), loser()); };
        seen = co_await message_of(both);
    });
    ex.run_until_idle();
    e.raise();
    ex.run_until_idle();

    EXPECT_TRUE(h.is_finished());
    EXPECT_EQ(seen, "winner");
    EXPECT_TRUE(caught);
}

}  // namespace
}  // namespace edo::testing
