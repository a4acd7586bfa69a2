// Accepts and connects that are dropped at every moment: each connection is with somebody, and no
// descriptor is left.

#include "net/io_loop.h"
#include "net/pairs.h"
#include "runtime/flavors.h"
#include "support/open_files.h"
#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/base/seam/sanitizer.h>
#include <edo/runtime/runtime.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/yield.h>

namespace edo::testing {
namespace {

using net::socket_addr;
using net::tcp_listener;
using net::tcp_stream;

constexpr int rounds = EDO_SANITIZED ? 300 : 2'000;

/// How many rounds ended in which way. Where one never did, nothing raced.
struct outcomes {
    int completed = 0;
    int dropped = 0;
};

/// Ends after so many turns, and a moment more.
task<> turns(std::uint32_t count, std::uint32_t spins) {
    for (; count > 0; --count)
        co_await yield_now();
    for (; spins > 0; --spins)
        edo::detail::spin_hint();
}

// A peer that resets its connections leaves no port in TIME_WAIT, of which a machine has too few
// for so many rounds.
task<plain_socket> connect_later(socket_addr to, std::uint32_t count) {
    co_await turns(count, 0);
    co_return connect_plainly(to);
}

task<outcomes> drop_accepts(std::uint64_t seed) {
    const auto listener = tcp_listener::bind(socket_addr::loopback_v4(0)).value();
    detail::random moments(seed);
    outcomes seen;
    for (int round = 0; round < rounds; ++round) {
        auto connecting = spawn(connect_later, listener.local_addr().value(), moments.below(3));
        auto first =
            co_await select(listener.accept(), turns(moments.below(6), moments.below(500)));
        plain_socket peer = co_await std::move(connecting).join();
        if (first.index() == 0) {
            ++seen.completed;
            EXPECT_TRUE(std::get<0>(first));
        } else {
            // It was not lost with the accept that was dropped.
            const auto next = co_await listener.accept();
            ++seen.dropped;
            EXPECT_TRUE(next);
        }
        peer.reset();
    }
    co_return seen;
}

/// Takes what has come, and resets it.
int take_all(const tcp_listener& from) {
    int count = 0;
    for (;;) {
        const auto taken = from.try_accept();
        if (!taken) return count;
        EXPECT_TRUE(taken->stream.set_linger(duration::zero()));
        ++count;
    }
}

// With its queue full a listener answers no more: the connect waits. Else the connection is there
// at once, on loopback.
task<outcomes> drop_connects(std::uint64_t seed) {
    detail::random moments(seed);
    outcomes seen;
    for (int round = 0; round < rounds; ++round) {
        auto listener =
            tcp_listener::bind(socket_addr::loopback_v4(0), tcp_listener::options().backlog(1));
        EXPECT_TRUE(listener);
        const socket_addr to = listener->local_addr().value();
        std::vector<plain_socket> before;
        if (round % 2 == 1)
            for (int i = 0; i < 2; ++i)
                before.push_back(connect_plainly(to));
        auto first =
            co_await select(tcp_stream::connect(to), turns(moments.below(4), moments.below(500)));
        if (first.index() == 0) {
            ++seen.completed;
            EXPECT_TRUE(std::get<0>(first));
            if (std::get<0>(first)) {
                EXPECT_TRUE(std::get<0>(first)->set_linger(duration::zero()));
            }
        } else {
            ++seen.dropped;
        }
        for (plain_socket& each : before)
            each.reset();
        take_all(*listener);
    }
    co_return seen;
}

class dropped_connection : public runtime_of_any_kind {
protected:
    void drop_on_each_reactor(task<outcomes> (*dropping)(std::uint64_t seed)) {
        for (const reactor_kind kind : reactors_here()) {
            const std::ptrdiff_t before = count_open_files();
            auto made = make(runtime::builder().reactor(kind));

            const outcomes seen = made->block_on(dropping(7));

            EXPECT_GT(seen.completed, 0);
            EXPECT_GT(seen.dropped, 0);
            made.reset();
            EXPECT_EQ(count_open_files(), before) << "with " << name_of(kind);
        }
    }
};

TEST_P(dropped_connection, each_of_thousands_of_dropped_accepts_leaves_its_connection_to_the_next) {
    drop_on_each_reactor(&drop_accepts);
}

TEST_P(dropped_connection, each_of_thousands_of_dropped_connects_closes_its_descriptor) {
    drop_on_each_reactor(&drop_connects);
}

EDO_IN_ALL_RUNTIMES(dropped_connection);

}  // namespace
}  // namespace edo::testing
