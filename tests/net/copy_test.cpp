#include <edo/io/copy.h>

#include "io_loop.h"
#include "pairs.h"
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/error.h>
#include <edo/net/tcp_stream.h>
#include <edo/task/or_return.h>

namespace edo::testing {
namespace {

using net::tcp_stream;

/// A proxy between two plain peers: a talks to `left`, b to `right`.
class copy_test : public each_reactor {
protected:
    copy_test() {
        half_plain_pair l = make_pair();
        half_plain_pair r = make_pair();
        left = std::move(l.stream);
        right = std::move(r.stream);
        a = std::move(l.peer);
        b = std::move(r.peer);
    }

    tcp_stream left;
    tcp_stream right;
    plain_socket a;
    plain_socket b;
};

EDO_ON_EACH_REACTOR(copy_test);

task<result<std::uint64_t>> copy_all(tcp_stream& from, tcp_stream& to) {
    co_return co_await io::copy(from, to);
}

task<result<io::copied>> copy_both(tcp_stream& x, tcp_stream& y) {
    co_return co_await io::copy_bidirectional(x, y);
}

TEST_P(copy_test, copies_up_to_the_end_and_counts) {
    a.send("hello ");
    auto copying = loop.spawn(copy_all, std::ref(left), std::ref(right));
    loop.run_ready();
    a.send("world");
    a.end_writing();

    EXPECT_EQ(loop.join(std::move(copying)).value(), 11u);
    EXPECT_EQ(b.receive(11), "hello world");
}

TEST_P(copy_test, copy_of_much_through_full_pipes_is_complete) {
    std::string text(5 << 20, '\0');
    for (std::size_t i = 0; i < text.size(); ++i)
        text[i] = static_cast<char>(i * 31 >> 3);
    std::string got;
    std::thread sending([&] {
        a.send(text);
        a.end_writing();
    });
    std::thread receiving([&] { got = b.receive(text.size()); });

    const auto moved = loop.block_on(copy_all(left, right));
    sending.join();
    receiving.join();

    EXPECT_EQ(moved.value(), text.size());
    EXPECT_TRUE(got == text);
}

TEST_P(copy_test, copy_reports_the_readers_error) {
    auto copying = loop.spawn(copy_all, std::ref(left), std::ref(right));
    loop.run_ready();
    a.reset();

    EXPECT_EQ(loop.join(std::move(copying)).error(),
              std::error_code(ECONNRESET, std::system_category()));
}

TEST_P(copy_test, both_directions_flow_and_half_close_is_passed_on) {
    auto copying = loop.spawn(copy_both, std::ref(left), std::ref(right));
    a.send("request");
    a.end_writing();
    std::thread peer([&] {
        EXPECT_EQ(b.receive(7), "request");
        EXPECT_TRUE(b.is_at_end());  // a's end has come through, our answer still can
        b.send("a longer answer");
        b.end_writing();
    });
    const auto moved = loop.join(std::move(copying));
    peer.join();

    EXPECT_EQ(moved.value().a_to_b, 7u);
    EXPECT_EQ(moved.value().b_to_a, 15u);
    EXPECT_EQ(a.receive(100), "a longer answer");
}

TEST_P(copy_test, half_close_in_the_other_order_works_too) {
    auto copying = loop.spawn(copy_both, std::ref(left), std::ref(right));
    b.send("banner");
    b.end_writing();
    std::thread peer([&] {
        EXPECT_EQ(a.receive(6), "banner");
        EXPECT_TRUE(a.is_at_end());
        a.send("bye");
        a.end_writing();
    });
    const auto moved = loop.join(std::move(copying));
    peer.join();

    EXPECT_EQ(moved.value().a_to_b, 3u);
    EXPECT_EQ(moved.value().b_to_a, 6u);
    EXPECT_EQ(b.receive(100), "bye");
}

TEST_P(copy_test, reset_of_one_side_ends_both_directions_and_the_counts_stay) {
    auto copy = [](tcp_stream& x, tcp_stream& y, io::copied& counts) -> task<std::error_code> {
        auto op = io::copy_bidirectional(x, y);
        const auto done = co_await op;
        counts = op.transferred();
        co_return done.error();
    };
    io::copied counts(0, 0);
    b.send("data");
    auto copying = loop.spawn(copy, std::ref(left), std::ref(right), std::ref(counts));
    loop.run_ready();
    EXPECT_EQ(a.receive(4), "data");
    a.reset();

    EXPECT_EQ(loop.join(std::move(copying)), std::error_code(ECONNRESET, std::system_category()));
    EXPECT_EQ(counts.a_to_b, 0u);
    EXPECT_EQ(counts.b_to_a, 4u);
}

TEST_P(copy_test, stalled_side_holds_up_only_its_own_direction) {
    std::string flood(8 << 20, 'x');
    auto copying = loop.spawn(copy_both, std::ref(left), std::ref(right));
    std::thread flooding([&] {  // b does not read: a's direction fills up
        a.send(flood);
        a.end_writing();
    });
    b.send("other way");
    std::string got;
    std::thread reading([&] {
        got = a.receive(9);
        b.end_writing();
        EXPECT_EQ(b.receive(flood.size()).size(), flood.size());
    });
    const auto moved = loop.join(std::move(copying));
    flooding.join();
    reading.join();

    EXPECT_EQ(got, "other way");
    EXPECT_EQ(moved.value().a_to_b, flood.size());
}

TEST_P(copy_test, dropped_copy_leaves_both_streams_usable) {
    auto copying = loop.spawn(copy_both, std::ref(left), std::ref(right));
    loop.run_ready();
    loop.cancel(std::move(copying));

    EXPECT_EQ(left.try_write("still").value(), 5u);
    EXPECT_EQ(right.try_write("here").value(), 4u);
    EXPECT_EQ(a.receive(5), "still");
    EXPECT_EQ(b.receive(4), "here");
}

}  // namespace
}  // namespace edo::testing
