#pragma once

#include "exchange.h"
#include "socket.h"
#include <chrono>
#include <memory>
#include <span>
#include <string_view>

namespace bench {

using instant = std::chrono::steady_clock::time_point;

/// One client connection: at most one batch of requests is on its way at a time.
class connection {
public:
    connection(descriptor socket, std::unique_ptr<exchange> talk, unsigned depth)
        : socket_(std::move(socket)), talk_(std::move(talk)), depth_(depth) {}

    int socket() const noexcept { return socket_.get(); }

    bool is_waiting() const noexcept { return missing_ > 0; }

    /// When the batch on its way was, or should have been, sent.
    instant started() const noexcept { return started_; }

    /// Sends the next batch. The start is the caller's, because under a fixed rate it is the time
    /// at which the batch was due.
    void send_batch(instant started);

    /// Sends what the kernel did not take earlier; to be called when the socket becomes writable.
    void continue_sending();

    /// Reads what is there, with `scratch` as the buffer.
    /// Returns: how many answers were completed; unchecked bytes throw std::runtime_error.
    unsigned receive(std::span<char> scratch);

    /// Goes on over another socket. The batch on its way is forgotten.
    void replace_socket(descriptor socket);

private:
    descriptor socket_;
    std::unique_ptr<exchange> talk_;
    unsigned depth_;
    unsigned missing_ = 0;
    std::string_view unsent_;
    instant started_;
};

}  // namespace bench
