#include "io_loop.h"
#include "local_pair.h"
#include "pairs.h"
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/error.h>
#include <edo/base/random.h>
#include <edo/base/seam/atomic.h>
#include <edo/io/copy.h>
#include <edo/net/tcp_listener.h>
#include <edo/net/tcp_stream.h>
#include <edo/runtime/runtime.h>
#include <edo/task/or_return.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using net::socket_addr;
using net::tcp_listener;
using net::tcp_stream;

/// Sockets through a whole runtime: each back end with one thread, one worker and four.
class runtime_net : public ::testing::TestWithParam<std::tuple<reactor_kind, unsigned>> {
protected:
    static constexpr unsigned current_thread = 0;

    runtime_net() {
        const auto [kind, workers] = GetParam();
        if (workers == current_thread) {
            local.emplace(runtime::builder().reactor(kind).build_current_thread().value());
        } else {
            threads.emplace(
                runtime::builder().reactor(kind).worker_threads(workers).build().value());
        }
    }

    template <class T>
    T block_on(task<T> what) {
        return threads ? threads->block_on(std::move(what)) : local->block_on(std::move(what));
    }

    void end_runtime() {
        threads.reset();
        local.reset();
    }

    std::optional<runtime> threads;
    std::optional<current_thread_runtime> local;
};

INSTANTIATE_TEST_SUITE_P(reactors,
                         runtime_net,
                         ::testing::Combine(::testing::ValuesIn(reactors_here()),
                                            ::testing::Values(0u, 1u, 4u)),
                         [](const auto& made) {
                             const unsigned workers = std::get<1>(made.param);
                             return std::string(name_of(std::get<0>(made.param))) +
                                    (workers == 0 ? "_current_thread"
                                                  : "_workers_" + std::to_string(workers));
                         });

task<result<void>> echo(tcp_stream stream) {
    std::array<std::byte, 1024> buffer;
    for (;;) {
        const std::size_t n = co_await or_return(stream.read(buffer));
        if (n == 0) co_return {};
        co_await or_return(stream.write_all(std::span(buffer).first(n)));
    }
}

task<result<void>> serve(std::shared_ptr<tcp_listener> listener, int connections) {
    task_group clients(independent);
    for (int i = 0; i < connections; ++i) {
        auto taken = co_await or_return(listener->accept());
        auto started = clients.spawn(echo, std::move(taken.stream));
    }
    co_return co_await clients.join();
}

task<result<int>> ask(socket_addr to, int requests) {
    auto stream = co_await or_return(tcp_stream::connect(to));
    int good = 0;
    for (int i = 0; i < requests; ++i) {
        const std::string text = "request " + std::to_string(i);
        co_await or_return(stream.write_all(text));
        std::array<std::byte, 64> answer;
        const std::span<std::byte> part = std::span(answer).first(text.size());
        co_await or_return(stream.read_exact(part));
        if (text_of(part) == text) ++good;
    }
    co_return good;
}

task<int> many_clients(std::shared_ptr<tcp_listener> listener, int clients, int requests) {
    auto server = spawn(serve, listener, clients);
    const socket_addr to = listener->local_addr().value();
    std::vector<join_handle<result<int>>> asking;
    for (int i = 0; i < clients; ++i)
        asking.push_back(spawn(ask, to, requests));
    int good = 0;
    for (auto& one : asking) {
        auto answers = co_await std::move(one).join();
        EXPECT_TRUE(answers) << answers.error().message();
        if (answers) good += *answers;
    }
    auto served = co_await std::move(server).join();
    EXPECT_TRUE(served);
    co_return good;
}

std::shared_ptr<tcp_listener> listen() {
    return std::make_shared<tcp_listener>(tcp_listener::bind(socket_addr::loopback_v4(0)).value());
}

TEST_P(runtime_net, echo_server_answers_many_clients) {
    EXPECT_EQ(block_on(many_clients(listen(), 50, 40)), 50 * 40);
}

TEST_P(runtime_net, connections_that_come_and_go_leave_nothing_behind) {
    auto listener = listen();
    for (int round = 0; round < 10; ++round)
        EXPECT_EQ(block_on(many_clients(listener, 30, 1)), 30);
}

task<std::uint64_t> receive_all(net::tcp_read_half from) {
    std::vector<std::byte> buffer(8192);
    std::uint64_t sum = 0;
    for (;;) {
        const auto n = co_await from.read(buffer);
        if (!n || *n == 0) co_return sum;
        for (std::size_t i = 0; i < *n; ++i)
            sum += static_cast<std::uint8_t>(buffer[i]);
    }
}

task<result<std::uint64_t>> send_all(net::tcp_write_half to, std::size_t bytes) {
    std::vector<std::byte> data(5000);
    std::uint64_t sum = 0;
    for (std::size_t sent = 0; sent < bytes; sent += data.size()) {
        for (std::size_t i = 0; i < data.size(); ++i)
            sum += static_cast<std::uint8_t>(data[i] = static_cast<std::byte>((sent + i) * 7));
        co_await or_return(to.write_all(data));
    }
    co_return sum;
}

task<std::pair<tcp_stream, tcp_stream>> connected() {
    auto listener = listen();
    auto connecting = spawn(
        [](socket_addr to) -> task<result<tcp_stream>> {
            co_return co_await tcp_stream::connect(to);
        },
        listener->local_addr().value());
    auto taken = co_await listener->accept();
    auto made = co_await std::move(connecting).join();
    co_return std::pair(std::move(made).value(), std::move(taken.value().stream));
}

task<> both_directions_at_once() {
    auto pair = co_await connected();
    auto near = std::move(pair.first).into_split();
    auto far = std::move(pair.second).into_split();
    constexpr std::size_t bytes = 2'000'000;
    auto there = spawn(send_all, std::move(near.writer), bytes);
    auto back = spawn(send_all, std::move(far.writer), bytes);
    auto at_far = spawn(receive_all, std::move(far.reader));
    auto at_near = spawn(receive_all, std::move(near.reader));
    auto sent_there = co_await std::move(there).join();
    auto sent_back = co_await std::move(back).join();
    const std::uint64_t got_far = co_await std::move(at_far).join();
    const std::uint64_t got_near = co_await std::move(at_near).join();
    EXPECT_EQ(sent_there.value(), got_far);
    EXPECT_EQ(sent_back.value(), got_near);
}

TEST_P(runtime_net, halves_on_different_workers_carry_all_bytes) {
    block_on(both_directions_at_once());
}

TEST_P(runtime_net, streams_outlive_their_runtime) {
    auto pair = std::make_unique<std::pair<tcp_stream, tcp_stream>>(block_on(connected()));
    auto read = [](tcp_stream& from) -> task<result<std::size_t>> {
        std::array<std::byte, 8> b;
        co_return co_await from.read(b);
    };
    auto read_one = [](auto reading, tcp_stream& from, tcp_stream& to) -> task<> {
        auto waiting = spawn(reading, std::ref(from));
        co_await yield_now();
        auto sent = co_await to.write_all("x");
        EXPECT_TRUE(sent);
        auto got = co_await std::move(waiting).join();
        EXPECT_EQ(got.value(), 1u);
    };
    block_on(read_one(read, pair->first, pair->second));

    end_runtime();

    EXPECT_EQ(pair->first.try_write("late").value(), 4u);
    std::array<std::byte, 8> b;
    EXPECT_EQ(pair->second.try_read(b).value(), 4u);
    current_thread_runtime other;
    EXPECT_EQ(other.block_on(read(pair->first)).error(), make_error_code(errc::runtime_shutdown));
    pair.reset();
}

task<io::copied> proxied(std::size_t bytes) {
    auto client = co_await connected();
    auto server = co_await connected();
    auto proxy = spawn(
        [](tcp_stream a, tcp_stream b) -> task<result<io::copied>> {
            co_return co_await io::copy_bidirectional(a, b);
        },
        std::move(client.second), std::move(server.first));
    auto mine = std::move(client.first).into_split();
    auto theirs = std::move(server.second).into_split();
    auto sending = spawn(send_all, std::move(mine.writer), bytes);
    auto answering = spawn(send_all, std::move(theirs.writer), bytes / 2);
    auto receiving = spawn(receive_all, std::move(theirs.reader));
    auto answers = spawn(receive_all, std::move(mine.reader));
    auto sent = co_await std::move(sending).join();
    auto answered = co_await std::move(answering).join();
    const std::uint64_t received = co_await std::move(receiving).join();
    const std::uint64_t got = co_await std::move(answers).join();
    EXPECT_EQ(sent.value(), received);
    EXPECT_EQ(answered.value(), got);
    auto moved = co_await std::move(proxy).join();
    co_return moved.value();
}

TEST_P(runtime_net, proxy_carries_everything_both_ways) {
    const io::copied moved = block_on(proxied(1'000'000));

    EXPECT_EQ(moved.a_to_b, 1'000'000u);
    EXPECT_EQ(moved.b_to_a, 500'000u);
}

class one_worker : public ::testing::TestWithParam<reactor_kind> {};

INSTANTIATE_TEST_SUITE_P(reactors,
                         one_worker,
                         ::testing::ValuesIn(reactors_here()),
                         [](const auto& made) { return std::string(name_of(made.param)); });

task<result<void>> note_each_byte(std::reference_wrapper<const local_pair> pair,
                                  std::size_t number,
                                  std::reference_wrapper<std::vector<std::size_t>> order) {
    for (;;) {
        const std::size_t n = co_await or_return(read_byte(pair.get().handle));
        if (n == 0) co_return {};
        order.get().push_back(number);
    }
}

// More than a worker's ring has room for become ready while it runs others.
TEST_P(one_worker, serves_sockets_in_the_order_in_which_they_became_ready) {
    constexpr std::size_t sockets = 600;
    std::vector<local_pair> pairs(sockets);
    std::vector<std::size_t> order;  // the only worker's
    runtime rt = runtime::builder()
                     .reactor(GetParam())
                     .worker_threads(1)
                     .blocked_after(duration::zero())
                     .build()
                     .value();
    for (std::size_t i = 0; i < sockets; ++i)
        rt.spawn(note_each_byte, std::cref(pairs[i]), i, std::ref(order)).detach();
    const auto all_have_read = [&](std::size_t times) -> task<> {
        while (order.size() < times * sockets)
            co_await yield_now();
    };
    const auto send_to_all = [&]() -> task<> {
        for (local_pair& pair : pairs)
            pair.send_byte();
        co_return;
    };
    rt.block_on(send_to_all());
    rt.block_on(all_have_read(1));  // and now all wait
    // The worker parks, and so tells the kernel of the waits that it has only noted so far.
    rt.block_on(edo::sleep(std::chrono::milliseconds(1)));

    rt.block_on(send_to_all());
    rt.block_on(all_have_read(2));

    std::vector<std::size_t> as_sent(sockets);
    std::iota(as_sent.begin(), as_sent.end(), 0U);
    order.erase(order.begin(), order.begin() + sockets);
    EXPECT_EQ(order, as_sent);
}

/// Says when an operation has been polled for the first time.
template <class Op>
class announced {
public:
    announced(Op op, std::atomic<bool>& waits) : op_(std::move(op)), waits_(&waits) {}

    bool poll(context& cx) noexcept {
        const bool done = op_.poll(cx);
        waits_->store(true);
        return done;
    }

    auto take() noexcept { return op_.take(); }

private:
    Op op_;
    std::atomic<bool>* waits_;
};

class destroyed_stream : public ::testing::TestWithParam<reactor_kind> {};

EDO_ON_EACH_REACTOR(destroyed_stream);

TEST_P(destroyed_stream, never_harms_a_reader_that_waits_on_another_thread) {
    runtime rt = runtime::builder().reactor(GetParam()).worker_threads(2).build().value();
    detail::random coin(42);
    // From no time at all to about a millisecond, each scale as often as the others.
    const auto pause = [&coin](int round) {
        for (std::uint32_t i = coin.below(2U << (round % 16)); i != 0; --i)
            detail::spin_hint();
    };
    int with_data = 0;
    int closed = 0;
    for (int round = 0; round < 400; ++round) {
        half_plain_pair pair = make_pair();
        // Closing resets, so that hundreds of rounds leave no port waiting for its old connection.
        ASSERT_TRUE(pair.stream.set_linger(duration::zero()));
        std::atomic<bool> waits{false};
        const auto read = [](tcp_stream* from,
                             std::atomic<bool>* flag) -> task<result<std::size_t>> {
            std::array<std::byte, 8> b;
            announced op(from->read(b), *flag);
            co_return co_await op;
        };
        auto reading = rt.spawn(read, &pair.stream, &waits);
        while (!waits)
            std::this_thread::yield();
        // In every other round the byte has to come from a new thread: sometimes it is first,
        // sometimes the end is.
        const auto send_byte = [&] { ::send(pair.peer.fd(), "x", 1, MSG_NOSIGNAL); };
        std::thread sending;
        if (round % 2 == 0) {
            send_byte();
        } else {
            sending = std::thread(send_byte);
        }
        pause(round / 2);
        pair.stream = tcp_stream();
        if (sending.joinable()) sending.join();

        const auto got = rt.block_on([](auto h) -> task<result<std::size_t>> {
            co_return co_await std::move(h).join();
        }(std::move(reading)));
        if (got) {
            EXPECT_EQ(*got, 1u);
            ++with_data;
        } else {
            EXPECT_EQ(got.error(), make_error_code(errc::closed));
            ++closed;
        }
    }
    EXPECT_GT(with_data, 0);
    EXPECT_GT(closed, 0);
}

}  // namespace
}  // namespace edo::testing
