// TCP and copying, where others have had surprises.

#include "conformance/at_end.h"
#include "net/io_loop.h"
#include "net/pairs.h"
#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/io/copy.h>
#include <edo/net/tcp_listener.h>
#include <edo/net/tcp_stream.h>
#include <edo/task/spawn.h>

namespace edo::testing {
namespace {

using net::socket_addr;
using net::tcp_listener;
using net::tcp_stream;

class tcp_behaviour : public each_reactor {};

class copy_behaviour : public each_reactor {};

EDO_ON_EACH_REACTOR(tcp_behaviour);
EDO_ON_EACH_REACTOR(copy_behaviour);

// The buffer is the caller's, so a frame that reads into a large one is not large.
static_assert(sizeof(net::read_operation) <= 80);
static_assert(sizeof(net::write_operation) <= 80);

task<std::error_code> error_of_read(tcp_stream& from) {
    std::array<std::byte, 16> buffer;
    const auto got = co_await from.read(buffer);
    co_return got.error();
}

task<bool> accept_one(tcp_listener& at) {
    const auto taken = co_await at.accept();
    co_return taken.has_value();
}

TEST_P(tcp_behaviour, accept_is_polled_once_until_there_is_a_connection_and_once_then) {
    tcp_listener listener = tcp_listener::bind(socket_addr::loopback_v4(0)).value();
    const std::size_t before = loop.executor().polls();
    auto accepting = loop.spawn(accept_one, std::ref(listener));
    loop.run_ready();
    for (int i = 0; i < 3; ++i)
        loop.look();
    EXPECT_EQ(loop.executor().polls() - before, 1U);

    const plain_socket client = connect_plainly(listener.local_addr().value());
    loop.turn();

    EXPECT_EQ(loop.executor().polls() - before, 2U);
    EXPECT_TRUE(loop.join(std::move(accepting)));
}

TEST_P(tcp_behaviour, shutdown_after_a_reset_is_an_error_value) {
    half_plain_pair pair = make_pair();
    pair.peer.reset();
    EXPECT_EQ(loop.block_on(error_of_read(pair.stream)), std::errc::connection_reset);

    const auto ended = pair.stream.shutdown(net::shutdown_how::write);

    EXPECT_EQ(ended.error(), std::errc::not_connected);
}

TEST_P(tcp_behaviour, side_may_be_ended_several_times) {
    half_plain_pair pair = make_pair();

    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(pair.stream.shutdown_write());

    EXPECT_TRUE(pair.peer.is_at_end());
}

/// Reads a byte; who is first lets go of all handles.
task<> read_and_drop_all(tcp_stream& from,
                         std::vector<join_handle<void>>& handles,
                         int& read,
                         int& ended) {
    const at_end note([&] { ++ended; });
    std::array<std::byte, 1> buffer;
    const auto got = co_await from.read(buffer);
    EXPECT_EQ(got.value_or(0), 1U);
    ++read;
    handles.clear();
}

TEST_P(tcp_behaviour, task_that_was_woken_may_drop_others_that_were_woken_with_it) {
    std::vector<half_plain_pair> pairs;
    std::vector<join_handle<void>> handles;
    int read = 0, ended = 0;
    for (int i = 0; i < 10; ++i)
        pairs.push_back(make_pair());
    for (half_plain_pair& each : pairs)
        handles.push_back(loop.spawn(read_and_drop_all, std::ref(each.stream), std::ref(handles),
                                     std::ref(read), std::ref(ended)));
    loop.run_ready();
    for (half_plain_pair& each : pairs)
        each.peer.send("x");

    loop.run_until([&] { return ended == 10; });

    EXPECT_EQ(read, 1);
}

// ---- copying

task<result<std::uint64_t>> copy_all(tcp_stream& from, tcp_stream& to) {
    co_return co_await io::copy(from, to);
}

TEST_P(copy_behaviour, what_was_read_is_written_while_the_reader_waits_for_more) {
    half_plain_pair left = make_pair(), right = make_pair();
    auto copying = loop.spawn(copy_all, std::ref(left.stream), std::ref(right.stream));
    loop.run_ready();

    left.peer.send("so far");
    loop.turn();

    std::array<char, 16> got{};
    EXPECT_EQ(::recv(right.peer.fd(), got.data(), got.size(), MSG_DONTWAIT), 6);
    EXPECT_FALSE(copying.is_finished());
    loop.cancel(std::move(copying));
}

/// Gives a byte whenever it is asked, and ends after a number of them.
class ready_reader {
public:
    explicit ready_reader(int bytes) noexcept : left_(bytes) {}

    class read_operation {
    public:
        explicit read_operation(int& left) noexcept : left_(left) {}

        bool poll(context&) noexcept { return true; }

        result<std::size_t> take() noexcept { return left_-- > 0 ? std::size_t{1} : 0; }

    private:
        int& left_;
    };

    read_operation read(std::span<std::byte>) noexcept { return read_operation(left_); }

private:
    int left_;
};

/// Takes whatever it is given.
class ready_writer {
public:
    class write_operation {
    public:
        write_operation() noexcept {}

        bool poll(context&) noexcept { return true; }

        result<void> take() noexcept { return {}; }
    };

    write_operation write_all(std::span<const std::byte>) noexcept {
        ++writes;
        return {};
    }

    int writes = 0;
};

TEST(copy_behaviour_in_memory, copy_that_never_waits_lets_others_run) {
    manual_executor ex;
    ready_reader from(1'000);
    ready_writer to;
    std::optional<int> writes_before_others;
    auto copying = ex.spawn([&]() -> task<> {
        const auto moved = co_await io::copy(from, to);
        EXPECT_EQ(moved, 1'000U);
    });
    auto other = ex.spawn([&]() -> task<> {
        writes_before_others = to.writes;
        co_return;
    });

    ex.run_until_idle();

    EXPECT_TRUE(copying.is_finished());
    EXPECT_LT(writes_before_others.value(), 200);
}

}  // namespace
}  // namespace edo::testing
