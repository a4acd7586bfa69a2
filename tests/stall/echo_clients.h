#pragma once

#include "net/pairs.h"
#include "stall/spans.h"
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/clock.h>
#include <edo/net/socket_addr.h>

namespace edo::testing {

/// Clients of an echo server that know nothing of Edo: a thread and a blocking socket each. Again
/// and again each sends a message, waits until it has come back, and pauses.
class echo_clients {
public:
    /// Returns when each has had an echo, so that the server waits for all of them.
    echo_clients(const net::socket_addr& server, unsigned count, duration pause) : pause_(pause) {
        for (unsigned i = 0; i < count; ++i) {
            sockets_.push_back(connect_plainly(server));
            EXPECT_TRUE(has_echo(sockets_.back(), "hello"));
        }
        found_.resize(count);
        for (unsigned i = 0; i < count; ++i)
            threads_.emplace_back([this, i] { talk(i); });
    }

    echo_clients(const echo_clients&) = delete;

    ~echo_clients() { end(); }

    /// What is sent from now on counts as late if it is.
    void begin_measuring() { is_measured_ = true; }

    void end_measuring() { is_measured_ = false; }

    /// Ends the clients; whose echo never comes, hangs here. Called again it does nothing.
    void end() {
        is_over_ = true;
        for (std::thread& each : threads_)
            each.join();
        threads_.clear();
        sockets_.clear();
    }

    /// From send to echo. Requires: end() was called.
    spans measured() const { return sum(&found::measured); }

    /// The same of what was sent at another time.
    spans others() const { return sum(&found::others); }

private:
    struct found {
        spans measured, others;
    };

    static bool has_echo(plain_socket& at, const std::string& message) {
        at.send(message);
        return at.receive(message.size()) == message;
    }

    void talk(unsigned me) {
        for (unsigned number = 0; !is_over_; ++number) {
            const std::string message =
                "message " + std::to_string(number) + " of client " + std::to_string(me);
            const bool is_measured = is_measured_;
            const instant sent = detail::monotonic_clock::read();
            if (!has_echo(sockets_[me], message)) {
                ADD_FAILURE() << message << " has not come back";
                return;
            }
            (is_measured ? found_[me].measured : found_[me].others)
                .add(detail::monotonic_clock::read() - sent);
            std::this_thread::sleep_for(pause_);
        }
    }

    spans sum(spans found::* which) const {
        spans all;
        for (const found& each : found_)
            all.add(each.*which);
        return all;
    }

    const duration pause_;
    std::atomic<bool> is_measured_ = false, is_over_ = false;
    std::vector<plain_socket> sockets_;
    std::vector<found> found_;
    std::vector<std::thread> threads_;
};

}  // namespace edo::testing
