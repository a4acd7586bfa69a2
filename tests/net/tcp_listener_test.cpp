#include <edo/net/tcp_listener.h>

#include "io_loop.h"
#include "pairs.h"
#include <array>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/error.h>
#include <edo/base/seam/sys.h>
#include <edo/task/or_return.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;
using net::socket_addr;
using net::tcp_listener;
using net::tcp_stream;

/// Puts an entry of the table of system calls back.
class restored_calls {
public:
    ~restored_calls() { detail::sys::current = {}; }
};

class tcp_listener_test : public each_reactor {
protected:
    socket_addr address() { return listener.local_addr().value(); }

    tcp_listener listener = tcp_listener::bind(socket_addr::loopback_v4(0)).value();
};

EDO_ON_EACH_REACTOR(tcp_listener_test);

task<result<socket_addr>> accept_one(tcp_listener& l) {
    auto taken = co_await l.accept();
    if (!taken) co_return taken.error();
    co_return taken->peer;
}

TEST_P(tcp_listener_test, accept_takes_a_connection_that_waits) {
    plain_socket client = connect_plainly(address());

    EXPECT_EQ(loop.block_on(accept_one(listener)).value().ip_string(), "127.0.0.1");
}

TEST_P(tcp_listener_test, accept_waits_for_a_connection) {
    auto accepting = loop.spawn(accept_one, std::ref(listener));
    loop.run_ready();
    EXPECT_FALSE(accepting.is_finished());

    plain_socket client = connect_plainly(address());
    loop.turn();

    EXPECT_TRUE(loop.join(std::move(accepting)));
}

TEST_P(tcp_listener_test, accepted_stream_knows_both_ends) {
    auto both = [](tcp_listener& l) -> task<result<void>> {
        auto taken = co_await or_return(l.accept());
        EXPECT_EQ(taken.stream.peer_addr().value(), taken.peer);
        EXPECT_EQ(taken.stream.local_addr().value(), l.local_addr().value());
        co_return {};
    };
    plain_socket client = connect_plainly(address());

    EXPECT_TRUE(loop.block_on(both(listener)));
}

TEST_P(tcp_listener_test, each_of_several_waiting_tasks_gets_a_connection) {
    std::vector<join_handle<result<socket_addr>>> waiting;
    for (int i = 0; i < 5; ++i)
        waiting.push_back(loop.spawn(accept_one, std::ref(listener)));
    loop.run_ready();
    std::vector<plain_socket> clients;
    for (int i = 0; i < 5; ++i)
        clients.push_back(connect_plainly(address()));

    for (auto& one : waiting)
        EXPECT_TRUE(loop.join(std::move(one)));
}

TEST_P(tcp_listener_test, dropped_accept_leaves_the_connection_to_the_next) {
    auto accepting = loop.spawn(accept_one, std::ref(listener));
    loop.run_ready();
    plain_socket client = connect_plainly(address());
    loop.reactor().poll(duration::max());  // woken, but not polled
    accepting.request_cancel();
    loop.run_ready();

    EXPECT_TRUE(loop.block_on(accept_one(listener)));
}

TEST_P(tcp_listener_test, waiting_accept_learns_that_the_listener_was_destroyed) {
    auto accepting = loop.spawn(accept_one, std::ref(listener));
    loop.run_ready();

    listener = tcp_listener();
    loop.run_ready();

    EXPECT_EQ(loop.join(std::move(accepting)).error(), make_error_code(errc::closed));
}

TEST_P(tcp_listener_test, port_is_free_when_the_listener_is_gone) {
    auto accepting = loop.spawn(accept_one, std::ref(listener));
    loop.run_ready();
    loop.look();
    const socket_addr addr = address();
    loop.cancel(std::move(accepting));

    listener = tcp_listener();

    EXPECT_TRUE(tcp_listener::bind(addr));
}

TEST_P(tcp_listener_test, port_is_free_when_the_listener_was_destroyed_on_a_foreign_thread) {
    auto accepting = loop.spawn(accept_one, std::ref(listener));
    loop.run_ready();
    loop.look();
    const socket_addr addr = address();
    loop.cancel(std::move(accepting));

    std::thread([gone = std::move(listener)]() mutable { gone = tcp_listener(); }).join();

    EXPECT_TRUE(tcp_listener::bind(addr));
    loop.look();
}

TEST_P(tcp_listener_test, address_in_use_is_an_error) {
    EXPECT_EQ(tcp_listener::bind(address()).error(),
              std::error_code(EADDRINUSE, std::system_category()));
}

TEST_P(tcp_listener_test, listeners_share_a_port_if_all_say_so) {
    const auto options = tcp_listener::options().reuse_port(true);
    tcp_listener first = tcp_listener::bind(socket_addr::loopback_v4(0), options).value();

    EXPECT_TRUE(tcp_listener::bind(first.local_addr().value(), options));
    EXPECT_FALSE(tcp_listener::bind(first.local_addr().value()));
}

TEST_P(tcp_listener_test, or_return_takes_the_result_of_bind) {
    auto bind = [](socket_addr addr) -> task<result<bool>> {
        auto made = co_await or_return(tcp_listener::bind(addr));
        co_return static_cast<bool>(made);
    };

    EXPECT_TRUE(loop.block_on(bind(socket_addr::loopback_v4(0))).value());
    EXPECT_FALSE(loop.block_on(bind(address())));
}

TEST_P(tcp_listener_test, try_accept_never_waits) {
    EXPECT_EQ(listener.try_accept().error(), make_error_code(errc::would_block));
    plain_socket client = connect_plainly(address());
    EXPECT_TRUE(listener.try_accept());
    EXPECT_EQ(tcp_listener().try_accept().error(), make_error_code(errc::not_connected));
}

TEST_P(tcp_listener_test, listener_that_was_moved_from_is_not_connected) {
    tcp_listener other = std::move(listener);

    EXPECT_EQ(loop.block_on(accept_one(listener)).error(), make_error_code(errc::not_connected));
    EXPECT_EQ(listener.local_addr().error(), make_error_code(errc::not_connected));
}

TEST_P(tcp_listener_test, only_listening_sockets_are_adopted) {
    plain_socket idle(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(tcp_listener::from_fd(idle.fd()).error().value(), EINVAL);
    EXPECT_EQ(tcp_listener::from_fd(-1).error().value(), EBADF);
    EXPECT_EQ(tcp_stream::from_fd(listener.native_handle()).error().value(), ENOTCONN);

    auto again = tcp_listener::adopt(std::move(listener).release());

    ASSERT_TRUE(again);
    plain_socket client = connect_plainly(again->local_addr().value());
    EXPECT_TRUE(loop.block_on(accept_one(*again)));
}

// What accept4 answers until the script is used up.
std::vector<int> script;

int scripted_accept4(int fd, sockaddr* addr, socklen_t* size, int flags) noexcept {
    if (script.empty()) return detail::sys::kernel::accept4(fd, addr, size, flags);
    const int answer = script.back();
    script.pop_back();
    return answer;
}

TEST_P(tcp_listener_test, accept_passes_over_what_concerns_one_connection) {
    restored_calls restored;
    detail::sys::current.accept4 = scripted_accept4;
    script = {-ECONNABORTED, -EPROTO, -EPERM,        -ENETDOWN,    -ENOPROTOOPT,
              -EHOSTDOWN,    -ENONET, -EHOSTUNREACH, -ENETUNREACH, -EINTR};
    plain_socket client = connect_plainly(address());

    EXPECT_TRUE(loop.block_on(accept_one(listener)));
    EXPECT_THAT(script, ::testing::IsEmpty());
}

TEST_P(tcp_listener_test, accept_reports_what_is_wrong_with_the_listener) {
    restored_calls restored;
    detail::sys::current.accept4 = scripted_accept4;
    script = {-EINVAL};

    EXPECT_EQ(loop.block_on(accept_one(listener)).error(),
              std::error_code(EINVAL, std::system_category()));
}

TEST_P(tcp_listener_test, accept_pauses_when_nothing_is_left_and_goes_on_afterwards) {
    for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
        restored_calls restored;
        detail::sys::current.accept4 = scripted_accept4;
        script.assign(3, -error);
        plain_socket client = connect_plainly(address());
        auto accepting = loop.spawn(accept_one, std::ref(listener));
        loop.run_ready();

        // 5, 10 and 20 ms: no try before each is over.
        for (const duration pause : {5ms, 10ms, 20ms}) {
            const std::size_t left = script.size();
            loop.advance(pause - 1ms);
            EXPECT_EQ(script.size(), left);
            EXPECT_FALSE(accepting.is_finished());
            loop.advance(1ms);
        }

        EXPECT_TRUE(loop.join(std::move(accepting)));
    }
}

TEST_P(tcp_listener_test, pauses_of_accept_grow_to_a_second) {
    restored_calls restored;
    detail::sys::current.accept4 = scripted_accept4;
    script.assign(100, -EMFILE);
    auto accepting = loop.spawn(accept_one, std::ref(listener));
    loop.run_ready();
    for (int i = 0; i < 100; ++i)
        loop.advance(100ms);

    // 5 + 10 + ... + 640 ms is 1.275 s; one try each second after that.
    EXPECT_EQ(100u - script.size(), 1u + 8u + 8u);
    loop.cancel(std::move(accepting));
}

TEST_P(tcp_listener_test, accept_that_pauses_learns_that_the_listener_was_destroyed) {
    restored_calls restored;
    detail::sys::current.accept4 = scripted_accept4;
    script = {-EMFILE};
    plain_socket client = connect_plainly(address());
    auto accepting = loop.spawn(accept_one, std::ref(listener));
    loop.run_ready();

    listener = tcp_listener();
    loop.advance(5ms);

    EXPECT_EQ(loop.join(std::move(accepting)).error(), make_error_code(errc::closed));
}

TEST_P(tcp_listener_test, accept_that_pauses_can_be_dropped) {
    restored_calls restored;
    detail::sys::current.accept4 = scripted_accept4;
    script = {-EMFILE};
    plain_socket client = connect_plainly(address());
    auto accepting = loop.spawn(accept_one, std::ref(listener));
    loop.run_ready();
    loop.cancel(std::move(accepting));

    EXPECT_TRUE(loop.block_on(accept_one(listener)));
}

}  // namespace
}  // namespace edo::testing
