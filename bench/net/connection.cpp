#include "connection.h"
#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <sys/socket.h>
#include <utility>

namespace bench {

void connection::send_batch(instant started) {
    started_ = started;
    missing_ = depth_;
    unsent_ = talk_->next_batch();
    continue_sending();
}

void connection::continue_sending() {
    while (!unsent_.empty()) {
        const ssize_t sent = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN) return;
            throw_last_error("send");
        }
        unsent_.remove_prefix(static_cast<std::size_t>(sent));
    }
}

unsigned connection::receive(std::span<char> scratch) {
    unsigned answers = 0;
    for (;;) {
        const ssize_t received = ::recv(socket_.get(), scratch.data(), scratch.size(), 0);
        if (received < 0) {
            if (errno == EAGAIN) return answers;
            throw_last_error("recv");
        }
        if (received == 0) throw std::runtime_error{"the server closed a connection"};
        const auto size = static_cast<std::size_t>(received);
        const unsigned completed = talk_->take({scratch.data(), size});
        if (completed > missing_) throw std::runtime_error{"an answer came without a request"};
        missing_ -= completed;
        answers += completed;
        // A short read has emptied the socket; what comes later raises a new edge.
        if (size < scratch.size()) return answers;
    }
}

void connection::replace_socket(descriptor socket) {
    socket_ = std::move(socket);
    missing_ = 0;
    unsent_ = {};
}

}  // namespace bench
