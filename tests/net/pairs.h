#pragma once

#include <cstring>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include <edo/net/tcp_listener.h>
#include <edo/net/tcp_stream.h>

namespace edo::testing {

/// A blocking socket of a peer that knows nothing of Edo.
class plain_socket {
public:
    explicit plain_socket(int fd = -1) : fd_(fd) {}

    plain_socket(plain_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

    plain_socket& operator=(plain_socket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }

    ~plain_socket() { close(); }

    int fd() const { return fd_; }

    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

    void send(std::string_view text) {
        ASSERT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }

    /// Exactly `size` bytes, or less at the end of the stream.
    std::string receive(std::size_t size) {
        std::string text(size, '\0');
        std::size_t done = 0;
        while (done < size) {
            const ssize_t n = ::recv(fd_, text.data() + done, size - done, 0);
            if (n <= 0) break;
            done += static_cast<std::size_t>(n);
        }
        text.resize(done);
        return text;
    }

    /// True when the peer has ended its side and nothing else is left to be read.
    bool is_at_end() {
        char byte = 0;
        return ::recv(fd_, &byte, 1, 0) == 0;
    }

    void end_writing() { ::shutdown(fd_, SHUT_WR); }

    /// Closes with a reset instead of an orderly end.
    void reset() {
        const linger now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }

private:
    int fd_;
};

inline plain_socket connect_plainly(const net::socket_addr& to) {
    plain_socket s(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in addr{};
    addr.sin_family = AF_INET;
    addr.sin_port = htons(to.port());
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(s.fd(), reinterpret_cast<sockaddr*>(&addr), sizeof addr), 0)
        << std::strerror(errno);
    return s;
}

/// One end of a connection in Edo's hands, the other in the test's.
struct half_plain_pair {
    net::tcp_stream stream;
    plain_socket peer;
};

inline half_plain_pair make_pair() {
    auto listener = net::tcp_listener::bind(net::socket_addr::loopback_v4(0)).value();
    plain_socket peer = connect_plainly(listener.local_addr().value());
    // On loopback the connection is in the queue when connect() has returned.
    auto taken = listener.try_accept();
    EXPECT_TRUE(taken) << taken.error().message();
    return {std::move(taken->stream), std::move(peer)};
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace edo::testing
