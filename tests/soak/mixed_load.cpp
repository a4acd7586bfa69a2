#include "mixed_load.h"
#include "support/echo_traffic.h"
#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <edo/net/tcp_listener.h>
#include <edo/net/tcp_stream.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/oneshot.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/interval.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>
#include <edo/timer/timeout.h>

namespace edo::soak {

using shared_notes = std::reference_wrapper<notes>;

void notes::count_request(duration took) {
    requests_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard guard(lock_);
    latencies_[latency_count_++ % latencies_.size()] = took;
}

duration notes::take_p99() {
    const std::lock_guard guard(lock_);
    const std::size_t count = std::min(std::exchange(latency_count_, 0U), latencies_.size());
    if (count == 0) return duration::zero();
    const auto found = latencies_.begin() + static_cast<std::ptrdiff_t>(count * 99 / 100);
    std::nth_element(latencies_.begin(), found,
                     latencies_.begin() + static_cast<std::ptrdiff_t>(count));
    return *found;
}

namespace {

using namespace std::chrono_literals;
using net::socket_addr;
using net::tcp_listener;
using net::tcp_stream;
using testing::exchange;
using testing::send_back;

std::error_code unexpected() {
    return std::make_error_code(std::errc::protocol_error);
}

// ---- sockets

// A client that is cancelled resets its connection. Every other one sees for itself what fails.
task<> serve_one(tcp_stream client) {
    [[maybe_unused]] const auto ended = co_await send_back(std::move(client));
}

task<result<void>> serve(std::shared_ptr<tcp_listener> at) {
    task_group clients;
    for (;;) {
        auto taken = co_await or_return(at->accept());
        clients.spawn(serve_one, std::move(taken.stream));
    }
}

task<result<void>> timed_exchange(std::reference_wrapper<const tcp_stream> with,
                                  std::uint64_t number,
                                  shared_notes shared) {
    const instant begun = edo::now();
    co_await or_return(exchange(with, number));
    shared.get().count_request(edo::now() - begun);
    co_return {};
}

task<result<void>> talk_on_one_connection(socket_addr to, shared_notes shared) {
    const tcp_stream stream = co_await or_return(tcp_stream::connect(to));
    for (std::uint64_t i = 0; !shared.get().is_over(); ++i) {
        co_await or_return(timed_exchange(std::cref(stream), i, shared));
        if (i % 16 == 0) co_await edo::sleep(1ms);
    }
    co_return {};
}

// Not too often: a port stays in use for a minute after its connection.
task<result<void>> talk_on_new_connections(socket_addr to, shared_notes shared) {
    for (std::uint64_t i = 0; !shared.get().is_over(); ++i) {
        const tcp_stream stream = co_await or_return(tcp_stream::connect(to));
        co_await or_return(timed_exchange(std::cref(stream), i, shared));
        co_await edo::sleep(10ms);
    }
    co_return {};
}

// A read that is given up loses nothing: the next message comes back whole.
task<result<void>> time_out_now_and_then(socket_addr to, shared_notes shared) {
    const tcp_stream stream = co_await or_return(tcp_stream::connect(to));
    for (std::uint64_t i = 0; !shared.get().is_over(); ++i) {
        std::array<std::byte, 64> buffer;
        const auto late = co_await edo::timeout(1ms, stream.read(buffer));
        if (late != errc::timed_out) co_return unexpected();
        auto in_time = co_await edo::timeout(1min, timed_exchange(std::cref(stream), i, shared));
        co_await or_return(in_time);
    }
    co_return {};
}

// ---- tasks

task<result<void>> wait_in_some_way(socket_addr to, std::uint64_t how) {
    const tcp_stream stream = co_await or_return(tcp_stream::connect(to));
    std::array<std::byte, 64> buffer;
    auto [tx, rx] = sync::mpsc::channel<std::string>(1);
    co_await or_return(stream.write_all("will come back to nobody"));
    co_await tx.send("to be left there");
    switch (how % 3) {
        case 0:
            for (;;)
                co_await or_return(stream.read(buffer));
        case 1:
            co_await tx.send("no room");
            break;
        default:
            co_await edo::sleep(1h);
    }
    co_return unexpected();
}

// By turns: asked to go and waited for, or dropped; before they begin or when they wait.
task<result<void>> cancel_tasks(socket_addr to, shared_notes shared) {
    for (std::uint64_t i = 0; !shared.get().is_over(); ++i) {
        auto victim = spawn(wait_in_some_way, to, i);
        if (i % 4 != 0) co_await edo::sleep(2ms);
        if (i % 2 != 0) co_await victim.cancel();
        co_await edo::sleep(10ms);  // each takes a port for a minute
    }
    co_return {};
}

task<std::uint64_t> sum_of_leaves(unsigned depth) {
    if (depth == 0) co_return 1;
    task_group halves;
    auto left = halves.spawn(sum_of_leaves, depth - 1);
    auto right = halves.spawn(sum_of_leaves, depth - 1);
    const auto ended = co_await halves.join();
    if (!ended) co_return 0;
    co_return left.take() + right.take();
}

task<result<void>> fork_and_join(shared_notes shared) {
    while (!shared.get().is_over()) {
        const std::uint64_t sum = co_await sum_of_leaves(6);
        if (sum != 64) co_return unexpected();
        co_await edo::sleep(1ms);
    }
    co_return {};
}

// ---- blocking calls

std::string repeat(std::string text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i)
        all += text;
    return all;
}

task<result<void>> make_blocking_calls(shared_notes shared) {
    for (std::size_t i = 1; !shared.get().is_over(); ++i) {
        const std::string all = co_await spawn_blocking(repeat, std::string("abc"), i % 100);
        if (all.size() != i % 100 * 3) co_return unexpected();
        // One that is given up goes on; nobody sees its end.
        if (i % 8 == 0) co_await edo::select(spawn_blocking(repeat, all, 10U), yield_now());
        co_await edo::sleep(500us);
    }
    co_return {};
}

// ---- channels

task<result<void>> send_numbers(sync::mpsc::sender<std::vector<int>> to, int count) {
    for (int i = 1; i <= count; ++i) {
        const auto sent = co_await to.send(std::vector<int>(10, i));
        if (!sent) co_return unexpected();
    }
    co_return {};
}

task<result<void>> send_once(sync::oneshot::sender<std::string> to) {
    if (!std::move(to).send("sent once")) co_return unexpected();
    co_return {};
}

task<result<void>> pass_messages(shared_notes shared) {
    while (!shared.get().is_over()) {
        auto [tx, rx] = sync::mpsc::channel<std::vector<int>>(4);
        task_group senders;
        senders.spawn(send_numbers, tx, 50);
        senders.spawn(send_numbers, std::move(tx), 50);
        int sum = 0;
        while (auto got = co_await rx.recv())
            sum = std::accumulate(got->begin(), got->end(), sum);
        if (sum != 2 * 10 * 50 * 51 / 2) co_return unexpected();
        auto [answer, answered] = sync::oneshot::channel<std::string>();
        senders.spawn(send_once, std::move(answer));
        co_await or_return(senders.join());
        const auto text = co_await answered.recv();
        if (!text || *text != "sent once") co_return unexpected();
        co_await edo::sleep(1ms);
    }
    co_return {};
}

// ---- timers

task<result<void>> watch_timers(duration period, shared_notes shared) {
    interval ticks(period);
    instant last = co_await ticks.tick();
    while (!shared.get().is_over()) {
        const instant due = co_await ticks.tick();
        if (due - last != period || edo::now() < due) co_return unexpected();
        last = due;
    }
    co_return {};
}

// ---- all of it

task<result<void>> fail() {
    co_return unexpected();
}

using failures = std::vector<failure>;

/// Ends the load when its part has failed.
task<> note_failure(std::string part,
                    task<result<void>> load,
                    shared_notes shared,
                    std::reference_wrapper<std::pair<std::mutex, failures>> to) {
    const auto ended = co_await std::move(load);
    if (ended) co_return;
    shared.get().end();
    const std::lock_guard guard(to.get().first);
    to.get().second.push_back({std::move(part), ended.error().message()});
}

}  // namespace

task<std::vector<failure>> run_mixed_load(shared_notes shared) {
    auto listener =
        std::make_shared<tcp_listener>(tcp_listener::bind(socket_addr::loopback_v4(0)).value());
    const socket_addr here = listener->local_addr().value();
    std::pair<std::mutex, failures> failed;
    task_group parts;
    const auto add = [&](std::string_view name, task<result<void>> part) {
        parts.spawn(note_failure, std::string(name), std::move(part), shared, std::ref(failed));
    };
    auto server = spawn(serve, listener);
    for (int i = 0; i < 8; ++i)
        add("talk_on_one_connection", talk_on_one_connection(here, shared));
    for (int i = 1; i <= 2; ++i) {
        add("talk_on_new_connections", talk_on_new_connections(here, shared));
        add("time_out_now_and_then", time_out_now_and_then(here, shared));
        add("cancel_tasks", cancel_tasks(here, shared));
        add("fork_and_join", fork_and_join(shared));
        add("make_blocking_calls", make_blocking_calls(shared));
        add("pass_messages", pass_messages(shared));
        add("watch_timers", watch_timers(i * 700us, shared));
    }
    if (shared.get().is_to_fail()) add("planted", fail());
    [[maybe_unused]] const auto ended = co_await parts.join();  // each has noted its failure
    if (server.is_finished()) failed.second.push_back({"serve", "ended"});
    co_await server.cancel();
    co_return std::move(failed.second);
}

}  // namespace edo::soak
