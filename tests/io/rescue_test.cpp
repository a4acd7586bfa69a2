// Sockets that are watched for a reactor that nobody polls.

#include <edo/io/rescue/rescue.h>

#include "net/io_loop.h"
#include "net/pairs.h"
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sys.h>
#include <edo/net/tcp_stream.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using detail::rescue;
using detail::rescue_station;
using detail::sys::current;
namespace kernel = detail::sys::kernel;

task<std::size_t> read_once(net::tcp_stream stream) {
    std::array<std::byte, 64> buffer;
    const auto n = co_await stream.read(buffer);
    co_return n ? *n : 0;
}

class rescues : public each_reactor {
protected:
    ~rescues() override { current.epoll_ctl = &kernel::epoll_ctl; }

    join_handle<std::size_t> begin_to_read() {
        half_plain_pair made = make_pair();
        peers.push_back(std::move(made.peer));
        auto handle = loop.spawn(read_once, std::move(made.stream));
        loop.run_ready();
        return handle;
    }

    /// Takes one wait's worth of events; the reactor itself is not asked.
    void serve() {
        EXPECT_TRUE(station.serve(20s));
        loop.run_ready();
    }

    std::vector<plain_socket> peers;
    rescue_station station;
};

EDO_ON_EACH_REACTOR(rescues);

TEST_P(rescues, members_are_served) {
    auto reading = begin_to_read();
    rescue standing_in(station, loop.reactor().home());
    ASSERT_EQ(standing_in.watch_all(), 0);

    peers[0].send("abc");
    while (!reading.is_finished())
        serve();

    EXPECT_EQ(loop.join(std::move(reading)), 3U);
}

TEST_P(rescues, what_came_before_is_told_too) {
    auto reading = begin_to_read();
    peers[0].send("abc");
    rescue standing_in(station, loop.reactor().home());
    ASSERT_EQ(standing_in.watch_all(), 0);

    while (!reading.is_finished())
        serve();

    EXPECT_EQ(loop.join(std::move(reading)), 3U);
}

TEST_P(rescues, those_that_join_are_served) {
    auto first = begin_to_read();
    rescue standing_in(station, loop.reactor().home());
    ASSERT_EQ(standing_in.watch_all(), 0);
    auto second = begin_to_read();

    peers[1].send("abcd");
    while (!second.is_finished())
        serve();

    EXPECT_FALSE(first.is_finished());
    EXPECT_EQ(loop.join(std::move(second)), 4U);
    loop.cancel(std::move(first));
}

int adds_left = 0;

int no_room_after_some(int epoll, int operation, int fd, epoll_event* event) noexcept {
    if (operation == EPOLL_CTL_ADD && adds_left-- <= 0) return -ENOSPC;
    return kernel::epoll_ctl(epoll, operation, fd, event);
}

TEST_P(rescues, those_that_found_no_room_are_served_as_soon_as_there_is_some) {
    std::vector<join_handle<std::size_t>> all;
    for (int i = 0; i < 5; ++i)
        all.push_back(begin_to_read());
    rescue standing_in(station, loop.reactor().home());
    current.epoll_ctl = &no_room_after_some;
    int attempts = 0;
    for (int answer = -ENOSPC; answer != 0; ++attempts) {
        adds_left = 2;
        answer = standing_in.watch_all();
    }
    current.epoll_ctl = &kernel::epoll_ctl;
    EXPECT_GT(attempts, 2);

    for (plain_socket& peer : peers)
        peer.send("x");
    for (auto& each : all)
        while (!each.is_finished())
            serve();
    for (auto& each : all)
        EXPECT_EQ(loop.join(std::move(each)), 1U);
}

TEST_P(rescues, one_that_finds_no_room_when_it_joins_is_watched_next_time) {
    auto first = begin_to_read();
    rescue standing_in(station, loop.reactor().home());
    ASSERT_EQ(standing_in.watch_all(), 0);
    half_plain_pair made = make_pair();
    peers.push_back(std::move(made.peer));
    auto second = loop.spawn(read_once, std::move(made.stream));
    adds_left = GetParam() == reactor_kind::epoll ? 1 : 0;  // the reactor's own
    current.epoll_ctl = &no_room_after_some;
    loop.run_ready();
    current.epoll_ctl = &kernel::epoll_ctl;

    ASSERT_EQ(standing_in.watch_all(), 0);
    peers[1].send("abcd");
    while (!second.is_finished())
        serve();

    EXPECT_EQ(loop.join(std::move(second)), 4U);
    loop.cancel(std::move(first));
}

TEST_P(rescues, one_that_left_is_not_told_of) {
    auto first = begin_to_read();
    auto second = begin_to_read();
    rescue standing_in(station, loop.reactor().home());
    ASSERT_EQ(standing_in.watch_all(), 0);
    loop.cancel(std::move(first));
    peers[0].close();

    auto third = begin_to_read();  // may have the number of the first
    peers[2].send("abc");
    while (!third.is_finished())
        serve();

    EXPECT_EQ(loop.join(std::move(third)), 3U);
    loop.cancel(std::move(second));
}

TEST_P(rescues, ends_before_its_members) {
    auto reading = begin_to_read();
    {
        rescue standing_in(station, loop.reactor().home());
        ASSERT_EQ(standing_in.watch_all(), 0);
    }
    station.close();
    rescue again(station, loop.reactor().home());
    ASSERT_EQ(again.watch_all(), 0);

    peers[0].send("abc");
    while (!reading.is_finished())
        serve();
    EXPECT_EQ(loop.join(std::move(reading)), 3U);
}

TEST_P(rescues, home_that_closes_takes_all_out) {
    auto reading = begin_to_read();
    rescue standing_in(station, loop.reactor().home());
    ASSERT_EQ(standing_in.watch_all(), 0);

    loop.shut_down_reactor();
    loop.run_ready();

    EXPECT_TRUE(reading.is_finished());
    EXPECT_EQ(standing_in.watch_all(), 0);
}

TEST(rescue_station, has_nothing_to_wait_with_before_a_socket_is_watched) {
    rescue_station station;

    EXPECT_FALSE(station.serve(0s));
    station.wake();
}

}  // namespace
}  // namespace edo::testing
