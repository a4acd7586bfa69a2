#include "io_loop.h"
#include "pairs.h"
#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/error.h>
#include <edo/base/seam/sys.h>
#include <edo/net/tcp_listener.h>
#include <edo/net/tcp_stream.h>
#include <edo/task/or_return.h>

namespace edo::testing {
namespace {

using net::socket_addr;
using net::tcp_listener;
using net::tcp_stream;

class connect_test : public each_reactor {
protected:
    /// An address where nobody listens: its listener is gone.
    static socket_addr deserted() {
        return tcp_listener::bind(socket_addr::loopback_v4(0)).value().local_addr().value();
    }

    tcp_listener listener = tcp_listener::bind(socket_addr::loopback_v4(0)).value();
    socket_addr address = listener.local_addr().value();
};

EDO_ON_EACH_REACTOR(connect_test);

task<result<socket_addr>> connect_to(socket_addr addr) {
    auto stream = co_await or_return(tcp_stream::connect(addr));
    co_return stream.peer_addr();
}

task<result<socket_addr>> connect_to_any(std::vector<socket_addr> addrs) {
    auto stream = co_await or_return(tcp_stream::connect(addrs));
    co_return stream.peer_addr();
}

TEST_P(connect_test, reaches_a_listener) {
    EXPECT_EQ(loop.block_on(connect_to(address)).value(), address);
    EXPECT_TRUE(listener.try_accept());
}

TEST_P(connect_test, reaches_an_ipv6_listener) {
    auto v6 = tcp_listener::bind(socket_addr::loopback_v6(0)).value();

    EXPECT_EQ(loop.block_on(connect_to(v6.local_addr().value())).value(), v6.local_addr().value());
}

TEST_P(connect_test, bytes_go_both_ways_between_two_streams) {
    auto client = [](socket_addr to) -> task<result<std::string>> {
        auto stream = co_await or_return(tcp_stream::connect(to));
        co_await or_return(stream.write_all("ping"));
        std::array<std::byte, 4> b;
        co_await or_return(stream.read_exact(b));
        co_return std::string(text_of(b));
    };
    auto server = [](tcp_listener& l) -> task<result<void>> {
        auto taken = co_await or_return(l.accept());
        std::array<std::byte, 4> b;
        co_await or_return(taken.stream.read_exact(b));
        EXPECT_EQ(text_of(b), "ping");
        co_return co_await taken.stream.write_all("pong");
    };
    auto serving = loop.spawn(server, std::ref(listener));

    EXPECT_EQ(loop.block_on(client(address)).value(), "pong");
    EXPECT_TRUE(loop.join(std::move(serving)));
}

TEST_P(connect_test, refused_is_an_error) {
    EXPECT_EQ(loop.block_on(connect_to(deserted())).error(),
              std::error_code(ECONNREFUSED, std::system_category()));
}

TEST_P(connect_test, tries_each_address_until_one_answers) {
    const auto reached = loop.block_on(connect_to_any({deserted(), deserted(), address}));

    EXPECT_EQ(reached.value(), address);
}

TEST_P(connect_test, reports_the_error_of_the_last_address) {
    EXPECT_EQ(
        loop.block_on(connect_to_any({socket_addr::any_v4(0).with_port(0), deserted()})).error(),
        std::error_code(ECONNREFUSED, std::system_category()));
}

TEST_P(connect_test, empty_list_is_an_invalid_address) {
    EXPECT_EQ(loop.block_on(connect_to_any({})).error(), make_error_code(errc::invalid_address));
}

TEST_P(connect_test, wait_for_an_answer_can_be_dropped) {
    // A listener without room answers nobody: the handshake of the next client is not completed.
    auto full =
        tcp_listener::bind(socket_addr::loopback_v4(0), tcp_listener::options().backlog(0)).value();
    std::vector<join_handle<result<socket_addr>>> waiting;
    for (int i = 0; i < 4; ++i)
        waiting.push_back(loop.spawn(connect_to, full.local_addr().value()));
    loop.run_ready();
    loop.look();
    EXPECT_FALSE(waiting.back().is_finished());

    for (auto& one : waiting)
        loop.cancel(std::move(one));

    EXPECT_EQ(loop.block_on(connect_to(address)).value(), address);
}

TEST_P(connect_test, connection_to_itself_counts_as_refused) {
    // Bound to the port it connects to, a socket meets itself; the kernel may choose such a port
    // too.
    struct restore {
        ~restore() { detail::sys::current = {}; }
    } restored;

    detail::sys::current.connect = [](int fd, const sockaddr* addr, socklen_t size) noexcept {
        detail::sys::kernel::bind(fd, addr, size);
        return detail::sys::kernel::connect(fd, addr, size);
    };

    EXPECT_EQ(loop.block_on(connect_to(deserted())).error(),
              std::error_code(ECONNREFUSED, std::system_category()));
}

TEST_P(connect_test, no_descriptor_left_is_an_error) {
    struct restore {
        ~restore() { detail::sys::current = {}; }
    } restored;

    detail::sys::current.socket = [](int, int, int) noexcept { return -EMFILE; };

    EXPECT_EQ(loop.block_on(connect_to(address)).error(),
              std::error_code(EMFILE, std::system_category()));
}

TEST_P(connect_test, interrupted_connect_goes_on) {
    struct restore {
        ~restore() { detail::sys::current = {}; }
    } restored;

    detail::sys::current.connect = [](int fd, const sockaddr* addr, socklen_t size) noexcept {
        detail::sys::kernel::connect(fd, addr, size);
        return -EINTR;
    };

    EXPECT_EQ(loop.block_on(connect_to(address)).value(), address);
}

}  // namespace
}  // namespace edo::testing
