#include <edo/task/task_local.h>

#include "runtime/flavors.h"
#include "support/event.h"
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>
#include <edo/timer/timeout.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::event;

EDO_SUITE_FOR_ALL_RUNTIMES(task_local_in_any_runtime);

edo::task_local<int> number;
edo::task_local<std::string> name;
edo::task_local<std::string> tenant{edo::inherited};
edo::task_local<std::shared_ptr<int>> shared{edo::inherited};

edo::task<int> number_or(int otherwise) {
    const int* const here = number.get();
    co_return here != nullptr ? *here : otherwise;
}

edo::task<std::string> tenant_here() {
    const std::string* const here = tenant.get();
    co_return here != nullptr ? *here : "nobody";
}

TEST_P(task_local_in_any_runtime, has_its_value_in_what_the_scope_awaits_and_nowhere_else) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        EXPECT_EQ(number.get(), nullptr);
        const int inside = co_await number.scope(7, number_or(0));
        EXPECT_EQ(inside, 7);
        EXPECT_EQ(number.get(), nullptr);
    });
    EXPECT_EQ(number.get(), nullptr);
}

TEST_P(task_local_in_any_runtime, keeps_its_value_across_waits_while_other_tasks_have_theirs) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        std::vector<edo::join_handle<void>> all;
        for (int i = 0; i < 50; ++i) {
            all.push_back(edo::spawn([i]() -> edo::task<> {
                auto work = [](int mine) -> edo::task<> {
                    for (int turn = 0; turn < 20; ++turn) {
                        EXPECT_EQ(number.value(), mine);
                        if (turn % 5 == 4) {
                            co_await edo::sleep(1us);
                        } else {
                            co_await edo::yield_now();
                        }
                    }
                };
                co_await number.scope(i, work(i));
                EXPECT_EQ(number.get(), nullptr);
            }));
        }
        for (auto& each : all)
            co_await std::move(each).join();
    });
}

TEST_P(task_local_in_any_runtime, can_be_changed_in_its_scope) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto count = []() -> edo::task<int> {
            for (int i = 0; i < 3; ++i) {
                ++number.value();
                co_await edo::yield_now();
            }
            co_return number.value();
        };
        const int end = co_await number.scope(10, count());
        EXPECT_EQ(end, 13);
    });
}

TEST_P(task_local_in_any_runtime, is_hidden_by_an_inner_scope_and_comes_back_after_it) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto outer = []() -> edo::task<> {
            const int inside = co_await number.scope(2, number_or(0));
            EXPECT_EQ(inside, 2);
            EXPECT_EQ(number.value(), 1);
        };
        co_await number.scope(1, outer());
    });
}

TEST_P(task_local_in_any_runtime, has_nothing_to_do_with_other_keys) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto both = []() -> edo::task<> {
            EXPECT_EQ(number.value(), 3);
            EXPECT_EQ(name.value(), "x");
            co_return;
        };
        co_await number.scope(3, name.scope("x", both()));
    });
}

TEST_P(task_local_in_any_runtime, differs_between_the_branches_of_a_select) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto wait_and_look = [](int mine, int turns) -> edo::task<int> {
            for (int i = 0; i < turns; ++i) {
                EXPECT_EQ(number.value(), mine);
                co_await edo::yield_now();
            }
            co_return number.value();
        };
        const auto first = co_await edo::select(number.scope(1, wait_and_look(1, 3)),
                                                number.scope(2, wait_and_look(2, 300)));
        EXPECT_EQ(first.index(), 0U);
        EXPECT_EQ(std::get<0>(first), 1);
    });
}

TEST_P(task_local_in_any_runtime, passes_results_and_exceptions) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto fails = []() -> edo::task<edo::result<int>> { co_return edo::errc::closed; };
        const edo::result<int> failed = co_await number.scope(1, fails());
        EXPECT_EQ(failed, edo::errc::closed);
        auto throws = []() -> edo::task<> {
            throw std::runtime_error("as it should");
            co_return;
        };
        bool caught = false;
        try {
            co_await number.scope(1, throws());
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

/// Looks at the variable when it is destroyed.
class looks_at_its_end {
public:
    explicit looks_at_its_end(int& seen) : seen_(&seen) {}

    looks_at_its_end(looks_at_its_end&& other) noexcept
        : seen_(std::exchange(other.seen_, nullptr)) {}

    looks_at_its_end& operator=(looks_at_its_end&&) = delete;

    ~looks_at_its_end() {
        if (seen_ != nullptr) *seen_ = number.get() != nullptr ? *number.get() : -1;
    }

private:
    int* seen_;
};

edo::task<> wait_with(looks_at_its_end, std::reference_wrapper<event> e) {
    co_await e.get().wait();
}

TEST_P(task_local_in_any_runtime, has_its_value_in_destructors_of_what_ends) {
    const auto made = make();
    auto& rt = *made;
    int seen = 0;
    rt.block_on([&]() -> edo::task<> {
        event already;
        already.raise();
        co_await number.scope(5, wait_with(looks_at_its_end(seen), std::ref(already)));
    });
    EXPECT_EQ(seen, 5);
}

TEST_P(task_local_in_any_runtime, has_its_value_in_destructors_of_what_is_dropped) {
    const auto made = make();
    auto& rt = *made;
    int seen = 0;
    event never;
    rt.block_on([&]() -> edo::task<> {
        const auto late = co_await edo::timeout(
            1ms, number.scope(6, wait_with(looks_at_its_end(seen), std::ref(never))));
        EXPECT_FALSE(late.has_value());
    });
    EXPECT_EQ(seen, 6);
}

TEST_P(task_local_in_any_runtime, has_its_value_in_destructors_of_a_cancelled_task) {
    const auto made = make();
    auto& rt = *made;
    int seen = 0;
    event never;
    rt.block_on([&]() -> edo::task<> {
        auto waiting = edo::spawn([&]() -> edo::task<> {
            co_await number.scope(8, wait_with(looks_at_its_end(seen), std::ref(never)));
        });
        while (!never.has_waiter())
            co_await edo::yield_now();
        co_await waiting.cancel();
    });
    EXPECT_EQ(seen, 8);
}

TEST_P(task_local_in_any_runtime, that_was_never_polled_is_dropped_with_its_value) {
    const auto made = make();
    auto& rt = *made;
    int seen = 0;
    event never;
    rt.block_on([&]() -> edo::task<> {
        {
            auto unused = number.scope(9, wait_with(looks_at_its_end(seen), std::ref(never)));
        }
        co_return;
    });
    EXPECT_EQ(seen, 9);
}

TEST_P(task_local_in_any_runtime, lets_a_task_in_a_variable_go_on_in_another_scope) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        event go_on;
        auto twice = [](event& e) -> edo::task<int> {
            const int before = number.value();
            co_await e.wait();
            co_return 10 * before + number.value();
        };
        auto work = twice(go_on);
        const auto late = co_await edo::timeout(1ms, number.scope(1, work));
        EXPECT_FALSE(late.has_value());
        go_on.raise();
        const int both = co_await number.scope(2, work);
        EXPECT_EQ(both, 12);
    });
}

// ---- inheritance

TEST_P(task_local_in_any_runtime, is_not_seen_by_spawned_tasks) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto spawns = []() -> edo::task<int> {
            co_return co_await edo::spawn(number_or, -1).join();
        };
        const int seen = co_await number.scope(1, spawns());
        EXPECT_EQ(seen, -1);
    });
}

TEST_P(task_local_in_any_runtime, made_with_inherited_is_copied_into_spawned_tasks) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto spawns = []() -> edo::task<> {
            auto child = edo::spawn(tenant_here);
            tenant.value() = "later";  // the child has its own
            const std::string seen = co_await std::move(child).join();
            EXPECT_EQ(seen, "shop");
        };
        co_await tenant.scope("shop", spawns());
        const std::string outside = co_await edo::spawn(tenant_here).join();
        EXPECT_EQ(outside, "nobody");
    });
}

TEST_P(task_local_in_any_runtime, is_inherited_by_children_of_groups_and_by_their_children) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto parent = []() -> edo::task<> {
            edo::task_group group;
            auto child = group.spawn([]() -> edo::task<std::string> {
                co_return co_await edo::spawn(tenant_here).join();
            });
            const auto joined = co_await group.join();
            EXPECT_TRUE(joined.has_value());
            EXPECT_EQ(child.take(), "shop");
        };
        co_await tenant.scope("shop", parent());
    });
}

TEST_P(task_local_in_any_runtime, passes_on_the_innermost_value_of_each_key) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto look = []() -> edo::task<> {
            EXPECT_EQ(tenant.value(), "inner");
            EXPECT_EQ(*shared.value(), 1);
            EXPECT_EQ(number.get(), nullptr);
            co_return;
        };
        auto inner = [&]() -> edo::task<> { co_await edo::spawn(look).join(); };
        auto outer = [&]() -> edo::task<> { co_await tenant.scope("inner", inner()); };
        co_await shared.scope(std::make_shared<int>(1),
                              number.scope(2, tenant.scope("outer", outer())));
    });
}

TEST_P(task_local_in_any_runtime, is_freed_with_a_task_that_has_inherited_it) {
    const auto made = make();
    auto& rt = *made;
    auto counted = std::make_shared<int>(1);
    rt.block_on([&]() -> edo::task<> {
        event never;
        auto spawns = [](event& e) -> edo::task<> {
            auto waiting = edo::spawn(
                [](std::reference_wrapper<event> until) -> edo::task<> {
                    co_await until.get().wait();
                },
                std::ref(e));
            while (!e.has_waiter())
                co_await edo::yield_now();
            EXPECT_EQ(shared.value().use_count(), 3);
            co_await waiting.cancel();
        };
        co_await shared.scope(counted, spawns(never));
    });
    EXPECT_EQ(counted.use_count(), 1);
}

struct throws_when_copied {
    throws_when_copied() = default;

    throws_when_copied(throws_when_copied&&) noexcept {}

    throws_when_copied(const throws_when_copied&) { throw std::runtime_error("no copy"); }
};

edo::task_local<throws_when_copied> fragile{edo::inherited};

TEST_P(task_local_in_any_runtime, that_cannot_be_copied_makes_spawn_throw_and_nothing_else) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto spawns = []() -> edo::task<> {
            EXPECT_THROW(static_cast<void>(edo::spawn(tenant_here)), std::runtime_error);
            co_return;
        };
        co_await shared.scope(std::make_shared<int>(1),
                              fragile.scope(throws_when_copied(), spawns()));
    });
}

TEST_P(task_local_in_any_runtime, of_the_task_that_waits_is_not_seen_by_one_polled_meanwhile) {
    const auto made = make();
    auto& rt = *made;
    rt.block_on([]() -> edo::task<> {
        auto joins = []() -> edo::task<> {
            // On a worker the join polls the new task here and now.
            const int seen = co_await edo::spawn(number_or, -1).join();
            EXPECT_EQ(seen, -1);
            EXPECT_EQ(number.value(), 4);
        };
        co_await number.scope(4, joins());
    });
}

TEST(task_local_death_test, says_where_a_value_is_missing) {
    EXPECT_DEATH(static_cast<void>(number.value()), "outside of its scopes.*key.scope");
}

}  // namespace
