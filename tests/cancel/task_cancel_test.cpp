// Tasks, groups and combinators.

#include "cancel_case.h"
#include <atomic>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include <gtest/gtest.h>

#include <edo/edo.h>

namespace {

using namespace std::chrono_literals;
using edo::result;
using edo::task;
using edo::task_group;
using namespace edo::testing;

// Takes nothing by reference: a dropped join ends its task, but does not wait for that.
task<int> delayed(std::uint64_t turns, int n) {
    for (std::uint64_t i = turns % 5; i != 0; --i)
        co_await edo::yield_now();
    co_return n;
}

task<> drop_join(dropper& d) {
    auto attempt = [](dropper& by) -> task<> {
        auto h = edo::spawn(delayed, by.seed(), 3);
        auto r = co_await by.run(std::move(h).join());
        if (r) MUST(*r == 3);
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

task<> drop_cancel(dropper& d) {
    auto attempt = [](dropper& by) -> task<> {
        auto h = edo::spawn(delayed, by.seed(), 3);
        co_await by.run(h.cancel());
        auto end = co_await std::move(h).try_join();
        MUST(end.has_value() || end.is_cancelled());
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

// A branch that owns children on other workers: they are gone when the drop returns.
task<> with_children(dropper& d, std::atomic<int>& alive) {
    struct child {
        static task<> run(dropper& by, std::atomic<int>& n) {
            struct life {
                std::atomic<int>& count;

                explicit life(std::atomic<int>& c) : count(c) { ++count; }

                ~life() { --count; }
            } mine(n);

            co_await by.shift();
            co_await edo::sleep(20us);
        }
    };

    task_group group;
    for (int i = 0; i < 3; ++i)
        group.spawn(&child::run, std::ref(d), std::ref(alive));
    auto all = co_await group.join();
    MUST(all.has_value());
}

task<> drop_group(dropper& d) {
    std::atomic<int> alive{0};
    auto attempt = [](dropper& by, std::atomic<int>& n) -> task<> {
        co_await by.run(with_children(by, n));
        MUST(n.load() == 0);
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d, alive), complete);
}

task<> drop_nested_select(dropper& d) {
    edo::testing::event a, b;
    auto attempt = [](dropper& by, edo::testing::event& x, edo::testing::event& y) -> task<> {
        co_await by.run(
            edo::select(edo::select(x.wait(), edo::sleep(40us)), edo::timeout(60us, y.wait())));
        MUST(!x.has_waiter() && !y.has_waiter());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        b.raise();
    };
    co_await beside(d, attempt(d, a, b), complete);
}

task<> drop_spawn_blocking(dropper& d) {
    static std::atomic<int> ran;
    auto attempt = [](dropper& by) -> task<> {
        auto r = co_await by.run(edo::spawn_blocking(
            [](std::unique_ptr<int> n) { return ++ran, *n; }, std::make_unique<int>(4)));
        if (r) MUST(*r == 4);
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

// With one thread most calls wait in line when they are dropped; with the round the pool goes too.
task<> drop_pool_spawn(dropper& d) {
    static std::atomic<int> ran;
    edo::blocking_pool pool("dropped", edo::blocking_pool_options().max_threads(1));
    const auto call = [](std::unique_ptr<int> n) { return ++ran, *n; };
    auto attempt = [&](dropper& by) -> task<> {
        auto ahead = pool.try_spawn(call, std::make_unique<int>(3));
        MUST(ahead.has_value());
        auto r = co_await by.run(pool.spawn(call, std::make_unique<int>(4)));
        if (r) MUST(*r == 4);
        const int first = co_await std::move(*ahead);
        MUST(first == 3);
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
    const edo::blocking_pool_metrics at_end = pool.metrics();
    MUST(at_end.queued == 0 && at_end.refused == 0);
}

task<> drop_yield(dropper& d) {
    auto attempt = [](dropper& by) -> task<> { co_await by.run(edo::yield_now()); };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

task<> drop_group_handle_join(dropper& d) {
    auto attempt = [](dropper& by) -> task<> {
        task_group group;
        auto child = group.spawn(delayed, by.seed(), 3);
        auto r = co_await by.run(std::move(child).join());
        if (r) MUST(*r == 3);
        auto all = co_await group.join();
        MUST(all.has_value());
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

task<> drop_group_join(dropper& d) {
    auto attempt = [](dropper& by) -> task<> {
        task_group group;
        group.spawn(delayed, by.seed(), 3);
        co_await by.run(group.join());
        auto all = co_await group.join();
        MUST(all.has_value());
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

task<> drop_has_room(dropper& d) {
    auto attempt = [](dropper& by) -> task<> {
        task_group group;
        group.max_children(1);
        group.spawn(delayed, by.seed(), 3);
        co_await by.run(group.has_room());
        co_await group.has_room();
        group.spawn(delayed, by.seed(), 4);
        auto all = co_await group.join();
        MUST(all.has_value());
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

task<> drop_timeout_with_group(dropper& d) {
    std::atomic<int> alive{0};
    auto attempt = [](dropper& by, std::atomic<int>& n) -> task<> {
        co_await by.run(edo::timeout(50us, with_children(by, n)));
        MUST(n.load() == 0);
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d, alive), complete);
}

// Runs a combinator of two waits; afterwards nobody waits any more.
template <class Combine>
task<> drop_combined(dropper& d, Combine combine) {
    edo::testing::event a, b;
    auto attempt = [](dropper& by, Combine& with, edo::testing::event& x,
                      edo::testing::event& y) -> task<> {
        co_await by.run(with(x, y));
        MUST(!x.has_waiter() && !y.has_waiter());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        a.raise();
        co_await d.shift();
        b.raise();
    };
    co_await beside(d, attempt(d, combine, a, b), complete);
}

task<> wait_on(edo::testing::event& e) {
    co_await e.wait();
}

task<> drop_join_combinator(dropper& d) {
    co_await drop_combined(d, [](auto& x, auto& y) { return edo::join(x.wait(), wait_on(y)); });
}

task<> drop_try_join(dropper& d) {
    co_await drop_combined(d, [](auto& x, auto& y) { return edo::try_join(x.wait(), wait_on(y)); });
}

task<> drop_select_biased(dropper& d) {
    co_await drop_combined(
        d, [](auto& x, auto& y) { return edo::select_biased(x.wait(), wait_on(y)); });
}

task<result<int>> recv_or_return(edo::sync::oneshot::receiver<int>& rx) {
    int n = co_await edo::or_return(rx.recv());
    co_return n;
}

task<> drop_or_return(dropper& d) {
    auto channel = edo::sync::oneshot::channel<int>();
    bool got = false;
    auto attempt = [](dropper& by, auto& rx, bool& yes) -> task<> {
        auto r = co_await by.run(recv_or_return(rx));
        if (r) yes = r->has_value();
        if (r) co_return;
        auto later = co_await rx.recv();
        yes = later.has_value();
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        MUST(channel.first.send(1).has_value());
    };
    co_await beside(d, attempt(d, channel.second, got), complete);
    MUST(got);
}

// A child that nobody has polled yet is polled in the middle of the poll of who joins it, and the
// order to end may come just then.
task<int> join_child(std::uint64_t seed) {
    const int n = co_await edo::spawn(delayed, seed, 3).join();
    co_return n;
}

task<> drop_join_of_new_task(dropper& d) {
    auto attempt = [](dropper& by) -> task<> {
        auto joining = edo::spawn(&join_child, by.seed());
        co_await by.when_dropped();
        co_await joining.cancel();
        auto end = co_await std::move(joining).try_join();
        MUST(end.has_value() || end.is_cancelled());
        by.note(end.has_value());
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

// An event of another library: whoever sets it resumes who waits, there and then, on any thread.
class foreign_event {
public:
    class awaiter {
    public:
        explicit awaiter(foreign_event& awaited) noexcept : event_(awaited) {}

        awaiter(const awaiter&) = delete;
        awaiter& operator=(const awaiter&) = delete;

        ~awaiter() {
            const std::lock_guard guard(event_.lock_);
            event_.waiting_ = nullptr;
        }

        bool await_ready() const noexcept { return false; }

        bool await_suspend(std::coroutine_handle<> waiting) {
            const std::lock_guard guard(event_.lock_);
            if (!event_.is_set_) event_.waiting_ = waiting;
            return !event_.is_set_;
        }

        void await_resume() const noexcept {}

    private:
        foreign_event& event_;
    };

    awaiter operator co_await() noexcept { return awaiter(*this); }

    void set() {
        const std::lock_guard guard(lock_);
        is_set_ = true;
        if (waiting_) std::exchange(waiting_, nullptr).resume();
    }

    bool has_waiter() {
        const std::lock_guard guard(lock_);
        return waiting_ != nullptr;
    }

private:
    std::mutex lock_;
    bool is_set_ = false;
    std::coroutine_handle<> waiting_;
};

task<> await_foreign(foreign_event& event) {
    co_await event;
}

task<> drop_foreign(dropper& d) {
    foreign_event e;
    auto attempt = [](dropper& by, foreign_event& event) -> task<> {
        co_await by.run(await_foreign(event));
        MUST(!event.has_waiter());
        co_await event;
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        e.set();
    };
    co_await beside(d, attempt(d, e), complete);
}

task<> drop_unconstrained(dropper& d) {
    edo::testing::event e;
    auto attempt = [](dropper& by, edo::testing::event& x) -> task<> {
        auto inner = [](edo::testing::event& y) -> task<> {
            for (int i = 0; i < 200; ++i)
                co_await edo::consume_budget();
            co_await y.wait();
        };
        co_await by.run(edo::unconstrained(inner(x)));
        MUST(!x.has_waiter());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        e.raise();
    };
    co_await beside(d, attempt(d, e), complete);
}

edo::task_local<int> level;

task<> drop_scope_of_task_local(dropper& d) {
    edo::testing::event e;
    auto attempt = [](dropper& by, edo::testing::event& x) -> task<> {
        auto inner = [](edo::testing::event& y) -> task<> {
            co_await y.wait();
            MUST(level.value() == 1);
        };
        co_await by.run(level.scope(1, inner(x)));
        MUST(!x.has_waiter());
        MUST(level.get() == nullptr);
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        e.raise();
    };
    co_await beside(d, attempt(d, e), complete);
}

const operation_case operations[] = {
    {"join", &drop_join, racing_rounds},
    {"join_of_new_task", &drop_join_of_new_task, short_rounds},
    {"foreign", &drop_foreign, short_rounds},
    {"cancel", &drop_cancel, racing_rounds},
    {"group", &drop_group, racing_rounds},
    {"select", &drop_nested_select, racing_rounds},
    {"spawn_blocking", &drop_spawn_blocking, racing_rounds},
    {"blocking_pool", &drop_pool_spawn, racing_rounds},
    {"yield_now", &drop_yield, racing_rounds},
    {"unconstrained", &drop_unconstrained, short_rounds},
    {"task_local_scope", &drop_scope_of_task_local, short_rounds},
    {"group_handle_join", &drop_group_handle_join, short_rounds},
    {"group_join", &drop_group_join, short_rounds},
    {"has_room", &drop_has_room, short_rounds},
    {"timeout_with_group", &drop_timeout_with_group, short_rounds},
    {"join_combinator", &drop_join_combinator, short_rounds},
    {"try_join", &drop_try_join, short_rounds},
    {"select_biased", &drop_select_biased, short_rounds},
    {"or_return", &drop_or_return, short_rounds},
};

INSTANTIATE_TEST_SUITE_P(task, cancel_everywhere, settings_of(operations), &name_of_setting);

}  // namespace
