// The promise of the library: any wait can be dropped, at any of its suspension points, with its
// completion racing, and nothing is lost, leaked or touched afterwards. One table of operations;
// each entry is a coroutine that sets things up, runs the operation through the dropper, and checks
// what is conserved. A new operation joins by one coroutine and one line in `operations`.

#include "dropper.h"
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edo/edo.h>

namespace {

using namespace std::chrono_literals;
using edo::result;
using edo::task;
using edo::task_group;
using edo::testing::dropper;

#define MUST(cond) EDO_CHECK(cond, "cancel everywhere: " #cond)

// ---- what the cases need

struct socket_pair {
    edo::net::tcp_stream near_end;
    edo::net::tcp_stream far_end;

    socket_pair(edo::net::tcp_stream a, edo::net::tcp_stream b)
        : near_end(std::move(a)), far_end(std::move(b)) {}
};

task<socket_pair> connected() {
    auto listener = edo::net::tcp_listener::bind(edo::net::socket_addr::loopback_v4(0)).value();
    auto to = listener.local_addr().value();
    auto both = co_await edo::join(edo::net::tcp_stream::connect(to), listener.accept());
    auto near_end = std::move(std::get<0>(both)).value();
    auto far_end = std::move(std::get<1>(both)).value();
    co_return socket_pair(std::move(near_end), std::move(far_end.stream));
}

// Reads until `n` bytes have come, `have` of which came before.
task<std::string> read_rest(edo::net::tcp_stream& from, std::size_t n) {
    std::string text(n, '?');
    auto got =
        co_await from.read_exact(std::as_writable_bytes(std::span(text.data(), text.size())));
    MUST(got.has_value());
    co_return text;
}

// Runs the operation's completion and its drop beside each other.
template <class Complete>
task<> beside(dropper& d, task<> attempt, Complete complete) {
    task_group group;
    group.spawn([&complete]() -> task<> { co_await complete(); });
    group.spawn([&d]() -> task<> { co_await d.drop_later(); });
    co_await std::move(attempt);
    auto all = co_await group.join();
    MUST(all.has_value());
}

// ---- net

task<> drop_read(dropper& d) {
    auto pair = co_await connected();
    std::array<std::byte, 8> buffer;
    std::string got;
    auto attempt = [](dropper& by, socket_pair& p, std::array<std::byte, 8>& b,
                      std::string& out) -> task<> {
        auto r = co_await by.run(p.near_end.read(b));
        if (r) out.assign(reinterpret_cast<const char*>(b.data()), r->value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto sent = co_await pair.far_end.write_all("abc");
        MUST(sent.has_value());
    };
    co_await beside(d, attempt(d, pair, buffer, got), complete);
    std::string rest = co_await read_rest(pair.near_end, 3 - got.size());
    MUST(got + rest == "abc");
}

task<> drop_peek(dropper& d) {
    auto pair = co_await connected();
    std::array<std::byte, 8> buffer;
    auto attempt = [](dropper& by, socket_pair& p, std::array<std::byte, 8>& b) -> task<> {
        co_await by.run(p.near_end.peek(b));
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto sent = co_await pair.far_end.write_all("abc");
        MUST(sent.has_value());
    };
    co_await beside(d, attempt(d, pair, buffer), complete);
    std::string all = co_await read_rest(pair.near_end, 3);
    MUST(all == "abc");
}

task<> drop_readable(dropper& d) {
    auto pair = co_await connected();
    std::array<std::byte, 1> none;
    MUST(!pair.near_end.try_read(none).has_value());  // so that it is known not to be readable
    auto attempt = [](dropper& by, socket_pair& p) -> task<> {
        co_await by.run(p.near_end.readable());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto sent = co_await pair.far_end.write_all("xy");
        MUST(sent.has_value());
    };
    co_await beside(d, attempt(d, pair), complete);
    std::string all = co_await read_rest(pair.near_end, 2);
    MUST(all == "xy");
}

// A read_exact that is dropped half-way says how much of its buffer is filled.
task<> drop_read_exact(dropper& d) {
    auto pair = co_await connected();
    std::string text(6, '?');
    std::size_t taken = 0;
    auto attempt = [](dropper& by, socket_pair& p, std::string& t, std::size_t& n) -> task<> {
        auto op = p.near_end.read_exact(std::as_writable_bytes(std::span(t.data(), t.size())));
        co_await edo::select(op, by.when_dropped());
        n = op.transferred();
    };
    auto complete = [&]() -> task<> {
        for (const char* part : {"ab", "cd", "ef"}) {
            co_await d.shift();
            auto sent = co_await pair.far_end.write_all(part);
            MUST(sent.has_value());
        }
    };
    co_await beside(d, attempt(d, pair, text, taken), complete);
    std::string rest = co_await read_rest(pair.near_end, 6 - taken);
    MUST(text.substr(0, taken) + rest == "abcdef");
}

// Fills the socket first, so that a write has to wait until the far end reads.
task<std::size_t> fill(edo::net::tcp_stream& stream) {
    std::vector<std::byte> block(65536, std::byte{'f'});
    std::size_t sum = 0;
    for (;;) {
        auto n = stream.try_write(block);
        if (!n) break;
        sum += *n;
    }
    co_return sum;
}

task<std::size_t> drain_to_end(edo::net::tcp_stream& stream) {
    std::vector<std::byte> block(65536);
    std::size_t sum = 0;
    for (;;) {
        auto n = co_await stream.read(block);
        MUST(n.has_value());
        if (*n == 0) break;
        sum += *n;
    }
    co_return sum;
}

task<> drop_write(dropper& d) {
    auto pair = co_await connected();
    std::size_t sent = co_await fill(pair.near_end);
    std::size_t received = 0;
    auto attempt = [](dropper& by, socket_pair& p, std::size_t& n) -> task<> {
        auto r = co_await by.run(p.near_end.write("12345"));
        if (r) n += r->value();
        MUST(p.near_end.shutdown(edo::net::shutdown_how::write).has_value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        received = co_await drain_to_end(pair.far_end);
    };
    co_await beside(d, attempt(d, pair, sent), complete);
    MUST(sent == received);
}

task<> drop_write_all(dropper& d) {
    auto pair = co_await connected();
    std::size_t sent = co_await fill(pair.near_end);
    std::size_t received = 0;
    auto attempt = [](dropper& by, socket_pair& p, std::size_t& n) -> task<> {
        std::vector<std::byte> big(3'000'000, std::byte{'w'});
        auto op = p.near_end.write_all(big);
        co_await edo::select(op, by.when_dropped());
        n += op.transferred();
        MUST(p.near_end.shutdown(edo::net::shutdown_how::write).has_value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        received = co_await drain_to_end(pair.far_end);
    };
    co_await beside(d, attempt(d, pair, sent), complete);
    MUST(sent == received);
}

// Every connection that the kernel made is accepted by the dropped accept, or by the next one.
task<> drop_accept(dropper& d) {
    auto listener = edo::net::tcp_listener::bind(edo::net::socket_addr::loopback_v4(0)).value();
    auto to = listener.local_addr().value();
    int accepted = 0;
    std::vector<edo::net::tcp_stream> clients;
    auto attempt = [](dropper& by, edo::net::tcp_listener& l, int& n) -> task<> {
        auto r = co_await by.run(l.accept());
        if (r) n += r->has_value() ? 1 : 0;
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto c = co_await edo::net::tcp_stream::connect(to);
        clients.push_back(std::move(c).value());
    };
    co_await beside(d, attempt(d, listener, accepted), complete);
    if (accepted == 0) {
        auto next = co_await listener.accept();
        MUST(next.has_value());
    }
    auto none = listener.try_accept();
    MUST(!none && none.error() == edo::errc::would_block);
}

task<> drop_connect(dropper& d) {
    auto listener = edo::net::tcp_listener::bind(edo::net::socket_addr::loopback_v4(0)).value();
    auto to = listener.local_addr().value();
    auto attempt = [](dropper& by, edo::net::socket_addr addr) -> task<> {
        auto r = co_await by.run(edo::net::tcp_stream::connect(addr));
        if (r) MUST(r->has_value());
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d, to), complete);
    auto both = co_await edo::join(edo::net::tcp_stream::connect(to), listener.accept());
    MUST(std::get<0>(both).has_value() && std::get<1>(both).has_value());
}

// ---- timers

task<> drop_sleep(dropper& d) {
    auto attempt = [](dropper& by) -> task<> { co_await by.run(edo::sleep(50us)); };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

task<> drop_tick(dropper& d) {
    auto ticks = edo::interval(20us, edo::missed_tick::burst);
    auto first = co_await ticks.tick();
    auto attempt = [](dropper& by, auto& t, edo::instant start) -> task<> {
        auto r = co_await by.run(t.tick());
        auto next = co_await t.tick();
        // A dropped tick is not lost: the next one yields it.
        MUST(next == start + (r ? 40us : 20us));
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d, ticks, first), complete);
}

task<> drop_timeout(dropper& d) {
    edo::testing::event e;
    auto attempt = [](dropper& by, edo::testing::event& inner) -> task<> {
        co_await by.run(edo::timeout(30us, inner.wait()));
        MUST(!inner.has_waiter());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        e.raise();
    };
    co_await beside(d, attempt(d, e), complete);
}

// ---- channels and locks

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

// ---- tasks

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

task<> drop_yield(dropper& d) {
    auto attempt = [](dropper& by) -> task<> { co_await by.run(edo::yield_now()); };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
}

// ---- waits whose drop has nothing of its own to lose: afterwards a second one completes

// `make` makes the wait, `happen` what it waits for.
template <class Make, class Happen>
task<> drop_and_repeat(dropper& d, Make make, Happen happen) {
    auto attempt = [](dropper& by, Make& made) -> task<> {
        co_await by.run(made());
        static_cast<void>(co_await made());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        happen();
    };
    co_await beside(d, attempt(d, make), complete);
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

// ---- groups and combinators

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

task<> drop_timeout_at(dropper& d) {
    edo::testing::event e;
    auto attempt = [](dropper& by, edo::testing::event& inner) -> task<> {
        co_await by.run(edo::timeout_at(edo::now() + 30us, inner.wait()));
        MUST(!inner.has_waiter());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        e.raise();
    };
    co_await beside(d, attempt(d, e), complete);
}

task<> drop_interval_at(dropper& d) {
    auto attempt = [](dropper& by) -> task<> {
        const edo::instant start = edo::now() + 20us;
        auto ticks = edo::interval_at(start, 20us);
        auto r = co_await by.run(ticks.tick());
        auto next = co_await ticks.tick();
        MUST(next == (r ? start + 20us : start));
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d), complete);
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

// ---- the table

// Per operation, back end and number of workers: 30,000 in all. A round of the cases that fill a
// socket moves megabytes, so they have fewer.
constexpr std::uint64_t racing_rounds = 400;
constexpr std::uint64_t heavy_rounds = 40;
constexpr std::uint64_t short_rounds = 100;
// Each round of these leaves a port in TIME_WAIT for a minute, and a machine has some 28,000.
constexpr std::uint64_t socket_rounds = 150;

struct operation_case {
    const char* name;
    task<> (*round)(dropper& d);
    std::uint64_t rounds = racing_rounds;
};

const operation_case operations[] = {
    {"read", &drop_read, socket_rounds},
    {"peek", &drop_peek, socket_rounds},
    {"readable", &drop_readable, socket_rounds},
    {"read_exact", &drop_read_exact, heavy_rounds},
    {"write", &drop_write, heavy_rounds},
    {"write_all", &drop_write_all, heavy_rounds},
    {"accept", &drop_accept, socket_rounds},
    {"connect", &drop_connect, socket_rounds},
    {"sleep", &drop_sleep},
    {"tick", &drop_tick},
    {"timeout", &drop_timeout},
    {"oneshot_recv", &drop_oneshot},
    {"mpsc_recv", &drop_mpsc_recv},
    {"mpsc_send", &drop_mpsc_send},
    {"lock", &drop_lock},
    {"acquire", &drop_acquire},
    {"notified", &drop_notified},
    {"cancelled", &drop_cancelled},
    {"join", &drop_join},
    {"cancel", &drop_cancel},
    {"group", &drop_group},
    {"select", &drop_nested_select},
    {"spawn_blocking", &drop_spawn_blocking},
    {"yield_now", &drop_yield},
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
    {"group_handle_join", &drop_group_handle_join, short_rounds},
    {"group_join", &drop_group_join, short_rounds},
    {"has_room", &drop_has_room, short_rounds},
    {"timeout_with_group", &drop_timeout_with_group, short_rounds},
    {"timeout_at", &drop_timeout_at, short_rounds},
    {"interval_at", &drop_interval_at, short_rounds},
    {"join_combinator", &drop_join_combinator, short_rounds},
    {"try_join", &drop_try_join, short_rounds},
    {"select_biased", &drop_select_biased, short_rounds},
    {"or_return", &drop_or_return, short_rounds},
};

constexpr unsigned suspension_points = 4;  // no operation here has more before it must complete

std::uint64_t seed() {
    const char* given = std::getenv("EDO_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : 1;
}

task<> all_rounds(const operation_case& op, std::uint64_t& completed, std::uint64_t& dropped) {
    for (unsigned point = 1; point <= suspension_points; ++point) {
        auto d = dropper::at_suspension(point);
        co_await op.round(d);
        ++(d.has_completed() ? completed : dropped);
    }
    for (std::uint64_t i = 0; i < op.rounds; ++i) {
        auto d = dropper::racing(seed() * 1'000'003 + i);
        co_await op.round(d);
        ++(d.has_completed() ? completed : dropped);
    }
}

using setting = std::tuple<std::size_t, edo::reactor_kind, unsigned>;

class cancel_everywhere : public ::testing::TestWithParam<setting> {};

TEST_P(cancel_everywhere, loses_nothing) {
    const operation_case& op = operations[std::get<0>(GetParam())];
    std::uint64_t completed = 0, dropped = 0;

    auto rt = edo::runtime::builder()
                  .worker_threads(std::get<2>(GetParam()))
                  .reactor(std::get<1>(GetParam()))
                  .build()
                  .value();
    rt.block_on(all_rounds(op, completed, dropped));
    const auto report = rt.shutdown(10s);

    EXPECT_TRUE(report.is_clean()) << report.to_string();
    RecordProperty("completed", std::to_string(completed));
    RecordProperty("dropped", std::to_string(dropped));
    EXPECT_GT(dropped, 0u) << "the drop never won; EDO_SEED=" << seed();
}

std::string name_of_setting(const ::testing::TestParamInfo<setting>& info) {
    return std::string(operations[std::get<0>(info.param)].name) + "_" +
           edo::name_of(std::get<1>(info.param)) + "_" + std::to_string(std::get<2>(info.param));
}

INSTANTIATE_TEST_SUITE_P(everything,
                         cancel_everywhere,
                         ::testing::Combine(::testing::Range<std::size_t>(0, std::size(operations)),
                                            ::testing::Values(edo::reactor_kind::epoll,
                                                              edo::reactor_kind::io_uring),
                                            ::testing::Values(1u, 2u)),
                         &name_of_setting);

}  // namespace
