// Channels, locks and tokens: every message and every permit has one owner.

#include "cancel_case.h"
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include <edo/edo.h>

namespace {

using namespace std::chrono_literals;
using edo::result;
using edo::task;
using edo::task_group;
using namespace edo::testing;

task<> drop_oneshot(dropper& d) {
    auto channel = edo::sync::oneshot::channel<std::unique_ptr<int>>();
    bool got = false;
    auto attempt = [](dropper& by, auto& rx, bool& yes) -> task<> {
        auto r = co_await by.run(rx.recv());
        yes = r.has_value();
        if (!r) {
            auto late = co_await rx.recv();
            yes = late.has_value();
        }
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto sent = std::move(channel.first).send(std::make_unique<int>(1));
        MUST(sent.has_value());
    };
    co_await beside(d, attempt(d, channel.second, got), complete);
    MUST(got);
}

task<> drop_mpsc_recv(dropper& d) {
    auto channel = edo::sync::mpsc::channel<std::unique_ptr<int>>(2);
    int received = 0;
    auto attempt = [](dropper& by, auto& rx, int& n) -> task<> {
        auto r = co_await by.run(rx.recv());
        if (r) n += r->has_value() ? 1 : 0;
        while (auto more = co_await rx.recv())
            ++n;
    };
    auto complete = [&]() -> task<> {
        auto tx = std::move(channel.first);
        for (int i = 0; i < 5; ++i) {
            co_await d.shift();
            auto sent = co_await tx.send(std::make_unique<int>(i));
            MUST(sent.has_value());
        }
    };
    co_await beside(d, attempt(d, channel.second, received), complete);
    MUST(received == 5);
}

// A dropped send has sent or not; nothing arrives twice, and the place in the channel is free
// again.
task<> drop_mpsc_send(dropper& d) {
    auto channel = edo::sync::mpsc::channel<int>(1);
    auto full = co_await channel.first.send(0);
    MUST(full.has_value());
    bool sent = false;
    std::vector<int> received;
    auto attempt = [](dropper& by, auto tx, bool& yes) -> task<> {
        auto r = co_await by.run(tx.send(1));
        yes = r.has_value();
        auto last = co_await tx.send(2);
        MUST(last.has_value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        while (auto m = co_await channel.second.recv())
            received.push_back(*m);
    };
    co_await beside(d, attempt(d, std::move(channel.first), sent), complete);
    const bool arrived = received == std::vector<int>{0, 1, 2};
    MUST(arrived || (!sent && received == std::vector<int>{0, 2}));
}

task<> drop_lock(dropper& d) {
    edo::sync::mutex<int> m(0);
    auto held = co_await m.lock();
    auto attempt = [](dropper& by, edo::sync::mutex<int>& lock) -> task<> {
        auto r = co_await by.run(lock.lock());
        if (r) ++**r;
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto gone = std::move(held);
    };
    co_await beside(d, attempt(d, m), complete);
    auto again = co_await m.lock();
    MUST(*again == (d.has_completed() ? 1 : 0));
}

task<> drop_acquire(dropper& d) {
    edo::sync::semaphore s(3);
    auto held = co_await s.acquire(2);
    auto attempt = [](dropper& by, edo::sync::semaphore& sem) -> task<> {
        co_await by.run(sem.acquire(3));
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto gone = std::move(held);
    };
    co_await beside(d, attempt(d, s), complete);
    auto all = co_await s.acquire(3);
    MUST(!s.try_acquire(1).has_value());
}

// A permit that was given to a dropped waiter goes to the next one.
task<> drop_notified(dropper& d) {
    edo::sync::notify n;
    auto attempt = [](dropper& by, edo::sync::notify& from) -> task<> {
        auto r = co_await by.run(from.notified());
        if (!r) co_await from.notified();
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        n.notify_one();
    };
    co_await beside(d, attempt(d, n), complete);
}

task<> drop_cancelled(dropper& d) {
    edo::sync::cancellation_token stop;
    auto attempt = [](dropper& by, edo::sync::cancellation_token& token) -> task<> {
        co_await by.run(token.child_token().cancelled());
        co_await token.cancelled();
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        stop.cancel();
    };
    co_await beside(d, attempt(d, stop), complete);
}

task<> drop_oneshot_closed(dropper& d) {
    auto channel = edo::sync::oneshot::channel<int>();
    co_await drop_and_repeat(
        d, [&] { return channel.first.closed(); }, [&] { channel.second.close(); });
}

task<> drop_mpsc_closed(dropper& d) {
    auto channel = edo::sync::mpsc::channel<int>(1);
    co_await drop_and_repeat(
        d, [&] { return channel.first.closed(); }, [&] { channel.second.close(); });
}

task<> drop_watch_changed(dropper& d) {
    auto channel = edo::sync::watch::channel<int>(0);
    auto attempt = [](dropper& by, auto& rx) -> task<> {
        auto r = co_await by.run(rx.changed());
        if (!r) static_cast<void>(co_await rx.changed());
        MUST(*rx.borrow() == 1);
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        MUST(channel.first.send(1).has_value());
    };
    co_await beside(d, attempt(d, channel.second), complete);
}

task<> drop_watch_wait_for(dropper& d) {
    auto channel = edo::sync::watch::channel<int>(0);
    co_await drop_and_repeat(
        d, [&] { return channel.second.wait_for([](int n) { return n == 1; }); },
        [&] { MUST(channel.first.send(1).has_value()); });
}

task<> drop_watch_closed(dropper& d) {
    auto channel = edo::sync::watch::channel<int>(0);
    co_await drop_and_repeat(
        d, [&] { return channel.first.closed(); }, [&] { auto gone = std::move(channel.second); });
}

task<> drop_broadcast_closed(dropper& d) {
    auto channel = edo::sync::broadcast::channel<int>(2);
    co_await drop_and_repeat(
        d, [&] { return channel.first.closed(); }, [&] { auto gone = std::move(channel.second); });
}

task<> drop_broadcast_recv(dropper& d) {
    auto channel = edo::sync::broadcast::channel<int>(4);
    int sum = 0;
    auto attempt = [](dropper& by, auto& rx, int& n) -> task<> {
        auto r = co_await by.run(rx.recv());
        for (int left = r ? 2 : 3; left != 0; --left) {
            auto more = co_await rx.recv();
            n += *more;
        }
        if (r) n += **r;
    };
    auto complete = [&]() -> task<> {
        for (int i = 1; i <= 3; ++i) {
            co_await d.shift();
            MUST(channel.first.send(i).has_value());
        }
    };
    co_await beside(d, attempt(d, channel.second, sum), complete);
    MUST(sum == 6);
}

// The permit of a dropped reserve is room for the next.
task<> drop_mpsc_reserve(dropper& d) {
    auto channel = edo::sync::mpsc::channel<int>(1);
    MUST(channel.first.try_send(1).has_value());
    co_await drop_and_repeat(
        d, [&] { return channel.first.reserve(); },
        [&] { MUST(channel.second.try_recv().has_value()); });
    MUST(channel.first.try_send(2).has_value());
}

// Both waits are made before the call, so both hear of it, whenever they are polled.
task<> drop_notify_waiters(dropper& d) {
    edo::sync::notify n;
    auto first = n.notified();
    auto second = n.notified();
    auto attempt = [](dropper& by, auto& dropped, auto& kept) -> task<> {
        co_await by.run(std::move(dropped));
        co_await kept;
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        n.notify_waiters();
    };
    co_await beside(d, attempt(d, first, second), complete);
}

task<> drop_run_until_cancelled(dropper& d) {
    edo::sync::cancellation_token stop;
    auto channel = edo::sync::mpsc::channel<int>(2);
    int received = 0;
    auto attempt = [](dropper& by, edo::sync::cancellation_token& token, auto& rx,
                      int& n) -> task<> {
        auto r = co_await by.run(token.run_until_cancelled(rx.recv()));
        if (r && r->has_value() && r->value()) ++n;
        while (auto more = co_await rx.recv())
            ++n;
    };
    auto complete = [&]() -> task<> {
        auto tx = std::move(channel.first);
        co_await d.shift();
        MUST(tx.try_send(1).has_value());
        stop.cancel();
    };
    co_await beside(d, attempt(d, stop, channel.second, received), complete);
    MUST(received == 1);
}

const operation_case operations[] = {
    {"oneshot_recv", &drop_oneshot, racing_rounds},
    {"mpsc_recv", &drop_mpsc_recv, racing_rounds},
    {"mpsc_send", &drop_mpsc_send, racing_rounds},
    {"lock", &drop_lock, racing_rounds},
    {"acquire", &drop_acquire, racing_rounds},
    {"notified", &drop_notified, racing_rounds},
    {"cancelled", &drop_cancelled, racing_rounds},
    {"oneshot_closed", &drop_oneshot_closed, short_rounds},
    {"mpsc_closed", &drop_mpsc_closed, short_rounds},
    {"mpsc_reserve", &drop_mpsc_reserve, short_rounds},
    {"watch_changed", &drop_watch_changed, short_rounds},
    {"watch_wait_for", &drop_watch_wait_for, short_rounds},
    {"watch_closed", &drop_watch_closed, short_rounds},
    {"broadcast_recv", &drop_broadcast_recv, short_rounds},
    {"broadcast_closed", &drop_broadcast_closed, short_rounds},
    {"notify_waiters", &drop_notify_waiters, short_rounds},
    {"run_until_cancelled", &drop_run_until_cancelled, short_rounds},
};

INSTANTIATE_TEST_SUITE_P(sync, cancel_everywhere, settings_of(operations), &name_of_setting);

}  // namespace
