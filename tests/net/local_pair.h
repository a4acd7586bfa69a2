#pragma once

#include <array>
#include <cstddef>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <edo/base/result.h>
#include <edo/base/unique_fd.h>
#include <edo/io/wait/io_handle.h>
#include <edo/net/tcp/transfer.h>
#include <edo/task/task.h>

namespace edo::testing {

/// A registered end of a local socket pair, and its raw peer. What the peer sends has arrived when
/// the call returns, which cannot be said of TCP.
class local_pair {
public:
    local_pair() {
        std::array<int, 2> ends{-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()),
                  0);
        handle = detail::io_handle(detail::registration::create(ends[0], detail::farewell::stream));
        peer.reset(ends[1]);
    }

    void send_byte() { ASSERT_EQ(::send(peer.get(), "x", 1, MSG_NOSIGNAL), 1); }

    detail::io_handle handle;
    unique_fd peer;
};

inline task<result<std::size_t>> read_byte(const detail::io_handle& from) {
    std::array<std::byte, 8> b;
    net::read_operation op(from.record(), b, net::read_operation::mode::take);
    co_return co_await op;
}

}  // namespace edo::testing
