// Branches of select and join: which one is polled when, what it costs, and how it ends; in a task
// of each kind of runtime.

#include <edo/task/select.h>

#include "conformance/at_end.h"
#include "runtime/flavors.h"
#include "support/event.h"
#include <array>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/tuning.h>
#include <edo/runtime/runtime.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/oneshot.h>
#include <edo/task/budget.h>
#include <edo/task/join.h>
#include <edo/task/spawn.h>
#include <edo/task/yield.h>

namespace edo::testing {
namespace {

using edo::detail::tuning::poll_budget;

EDO_SUITE_FOR_ALL_RUNTIMES(select_behaviour);
EDO_SUITE_FOR_ALL_RUNTIMES(join_behaviour);
EDO_SUITE_FOR_ALL_RUNTIMES(budget_behaviour);

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

TEST_P(join_behaviour, polls_another_branch_first_each_time) {
    const auto made = make();
    std::string log;

    made->block_on([&]() -> task<> {
        co_await join(noted_operation(log, '1', 4), noted_operation(log, '2', 4),
                      noted_operation(log, '3', 4));
    });

    EXPECT_EQ(log, "123231312123");
}

TEST_P(select_behaviour, biased_polls_in_order_until_one_is_ready) {
    const auto made = make();
    std::string log;

    made->block_on([&]() -> task<> {
        const auto first =
            co_await select_biased(noted_operation(log, 'a', 5), noted_operation(log, 'b', 3),
                                   noted_operation(log, 'c', 3));
        log += std::to_string(first.index());
    });

    EXPECT_EQ(log, "abcabcab1");
}

task<> until_polled(std::reference_wrapper<const event> e, int times) {
    while (e.get().polls() < times)
        co_await yield_now();
}

TEST_P(join_behaviour, branch_that_has_ended_is_not_polled_again) {
    event early, late;
    const auto made = make();

    made->block_on([&]() -> task<> {
        auto joining = spawn([&]() -> task<> { co_await join(early.wait(), late.wait()); });
        co_await until_polled(std::cref(late), 1);
        co_await until_polled(std::cref(early), 1);
        early.raise();
        co_await until_polled(std::cref(early), 2);
        late.poke();
        co_await until_polled(std::cref(late), 2);
        late.raise();
        co_await std::move(joining).join();
    });

    EXPECT_EQ(early.polls(), 2);
    EXPECT_EQ(late.polls(), 3);
}

template <std::size_t... I>
auto select_all(std::array<event, 64>& events, std::index_sequence<I...>) {
    return select(events[I].wait()...);
}

TEST_P(select_behaviour, of_64_branches_that_are_ready_each_may_win_and_the_losers_are_gone) {
    const auto made = make();
    std::array<int, 64> wins{};

    made->block_on([&]() -> task<> {
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

    for (const int each : wins)
        EXPECT_GT(each, 0);
}

TEST_P(select_behaviour, one_channel_may_be_in_two_branches) {
    const auto made = make();
    auto [tx, rx] = sync::mpsc::channel<int>(2);
    int got = 0;

    made->block_on([&]() -> task<> {
        auto sending = spawn([&]() -> task<> {
            co_await yield_now();
            EXPECT_TRUE(tx.try_send(1));
            EXPECT_TRUE(tx.try_send(2));
        });
        for (int i = 0; i < 2; ++i) {
            auto first = co_await select(rx.recv(), rx.recv());
            const auto& message = first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
            got = 10 * got + *message;
        }
        co_await std::move(sending).join();
    });

    EXPECT_EQ(got, 12);
}

// ---- branches in variables

TEST_P(select_behaviour, branch_in_a_variable_may_be_destroyed_as_soon_as_it_has_won) {
    event e, never;
    const auto made = make();
    bool destroyed = false;

    made->block_on([&]() -> task<> {
        auto raising = spawn([&]() -> task<> {
            co_await until_polled(std::cref(e), 1);
            e.raise();
        });
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
        co_await std::move(raising).join();
    });
}

TEST_P(select_behaviour, branch_may_destroy_what_another_one_waits_for) {
    event e, never;
    const auto made = make();
    std::optional<std::error_code> seen;

    made->block_on([&]() -> task<> {
        auto raising = spawn([&]() -> task<> {
            co_await until_polled(std::cref(e), 1);
            e.raise();
        });
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
        co_await std::move(raising).join();
    });

    EXPECT_EQ(seen, errc::closed);
}

// ---- the budget

TEST_P(budget_behaviour, ends_after_so_many_operations) {
    const auto made = make();
    unsigned count = 0;

    made->block_on([&]() -> task<> {
        for (; has_budget(); ++count)
            co_await consume_budget();
    });

    EXPECT_EQ(count, poll_budget);
}

TEST_P(budget_behaviour, others_have_their_turn_when_it_has_ended) {
    const auto made = make();

    made->block_on([]() -> task<> {
        for (unsigned i = 0; i < 3 * poll_budget; ++i)
            co_await consume_budget();
    });

    EXPECT_GE(made->metrics().total().forced_yields, 2U);
}

TEST_P(select_behaviour, ready_branch_costs_a_unit_of_the_budget) {
    event never;
    const auto made = make();
    unsigned count = 0;

    made->block_on([&]() -> task<> {
        for (; has_budget(); ++count)
            co_await select(consume_budget(), never.wait());
    });

    EXPECT_EQ(count, poll_budget);
}

TEST_P(join_behaviour, branch_that_is_always_ready_starves_no_other) {
    const auto made = make();
    bool is_over = false;
    std::size_t greedy = 0;

    made->block_on([&]() -> task<> {
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

TEST_P(join_behaviour, first_of_two_exceptions_is_kept) {
    event first, second;
    const auto made = make();

    const std::string seen = made->block_on([&]() -> task<std::string> {
        auto raising = spawn([&]() -> task<> {
            co_await until_polled(std::cref(first), 1);
            co_await until_polled(std::cref(second), 1);
            second.raise();
            first.raise();
        });
        const auto both = [&] {
            return join(throw_after(first, "first"), throw_after(second, "second"));
        };
        std::string thrown = co_await message_of(both);
        co_await std::move(raising).join();
        co_return thrown;
    });

    // Also if both are ready in one turn: the second turn begins with the second branch.
    EXPECT_EQ(seen, "second");
    EXPECT_FALSE(first.has_waiter());
}

TEST_P(select_behaviour, exception_inside_of_a_losers_destructor_harms_nothing) {
    event e, never;
    const auto made = make();
    bool caught = false;

    const std::string seen = made->block_on([&]() -> task<std::string> {
        auto raising = spawn([&]() -> task<> {
            co_await until_polled(std::cref(e), 1);
            e.raise();
        });
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
        std::string thrown = co_await message_of(both);
        co_await std::move(raising).join();
        co_return thrown;
    });

    EXPECT_EQ(seen, "winner");
    EXPECT_TRUE(caught);
}

}  // namespace
}  // namespace edo::testing
