#include <edo/net/tcp_stream.h>

#include "../support/event.h"
#include "io_loop.h"
#include "pairs.h"
#include <array>
#include <fcntl.h>
#include <numeric>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/error.h>
#include <edo/base/seam/fault.h>
#include <edo/base/seam/sys.h>
#include <edo/task/or_return.h>
#include <edo/task/select.h>
#include <edo/task/yield.h>

namespace edo::testing {
namespace {

using net::tcp_stream;
using buffer = std::array<std::byte, 4096>;

class tcp_stream_test : public each_reactor {
protected:
    tcp_stream_test() {
        half_plain_pair made = make_pair();
        stream = std::move(made.stream);
        peer = std::move(made.peer);
    }

    /// Fills the kernel's buffers until a write would wait.
    std::size_t stuff() {
        std::vector<std::byte> chunk(1 << 16);
        std::size_t sum = 0;
        for (;;) {
            const auto n = stream.try_write(chunk);
            if (!n) {
                EXPECT_EQ(n.error(), errc::would_block);
                return sum;
            }
            sum += *n;
        }
    }

    tcp_stream stream;
    plain_socket peer;
};

EDO_ON_EACH_REACTOR(tcp_stream_test);

task<result<std::string>> read_text(tcp_stream& s) {
    buffer b;
    const auto n = co_await s.read(b);
    if (!n) co_return n.error();
    co_return std::string(text_of(std::span(b).first(*n)));
}

task<result<std::string>> read_exactly(tcp_stream& s, std::size_t size) {
    std::vector<std::byte> b(size);
    co_await or_return(s.read_exact(b));
    co_return std::string(text_of(b));
}

task<result<void>> write_text(tcp_stream& s, std::string text) {
    co_return co_await s.write_all(text);
}

TEST_P(tcp_stream_test, read_takes_what_is_there) {
    peer.send("hello");

    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "hello");
}

TEST_P(tcp_stream_test, read_waits_for_data) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    EXPECT_FALSE(reader.is_finished());

    peer.send("late");
    loop.turn();

    EXPECT_EQ(loop.join(std::move(reader)).value(), "late");
}

TEST_P(tcp_stream_test, read_after_a_short_read_sees_what_comes_next) {
    for (int i = 0; i < 100; ++i) {
        auto reader = loop.spawn(read_text, std::ref(stream));
        loop.run_ready();
        peer.send("x" + std::to_string(i));
        EXPECT_EQ(loop.join(std::move(reader)).value(), "x" + std::to_string(i));
    }
}

TEST_P(tcp_stream_test, read_answers_zero_at_the_end_every_time) {
    peer.send("tail");
    peer.end_writing();

    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "tail");
    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "");
    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "");
}

TEST_P(tcp_stream_test, read_that_waits_sees_the_end) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();

    peer.end_writing();
    loop.turn();

    EXPECT_EQ(loop.join(std::move(reader)).value(), "");
}

TEST_P(tcp_stream_test, data_and_end_in_one_event_are_both_seen) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    peer.send("last words");
    peer.close();

    loop.turn();

    EXPECT_EQ(loop.join(std::move(reader)).value(), "last words");
    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "");
}

TEST_P(tcp_stream_test, read_into_an_empty_buffer_answers_zero_at_once) {
    auto nothing = [](tcp_stream& s) -> task<result<std::size_t>> {
        co_return co_await s.read(std::span<std::byte>());
    };

    EXPECT_EQ(loop.block_on(nothing(stream)).value(), 0u);
}

TEST_P(tcp_stream_test, write_of_nothing_answers_zero_at_once) {
    auto nothing = [](tcp_stream& s) -> task<result<std::size_t>> {
        co_return co_await s.write(std::span<const std::byte>());
    };

    EXPECT_EQ(loop.block_on(nothing(stream)).value(), 0u);
    EXPECT_TRUE(loop.block_on(write_text(stream, "")));
}

TEST_P(tcp_stream_test, peek_leaves_the_data_where_it_is) {
    peer.send("look");
    auto look = [](tcp_stream& s) -> task<result<std::string>> {
        buffer b;
        const auto n = co_await s.peek(b);
        co_return std::string(text_of(std::span(b).first(n.value())));
    };

    EXPECT_EQ(loop.block_on(look(stream)).value(), "look");
    EXPECT_EQ(loop.block_on(look(stream)).value(), "look");
    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "look");
}

TEST_P(tcp_stream_test, read_exact_puts_pieces_together) {
    auto reader = loop.spawn(read_exactly, std::ref(stream), std::size_t{6});
    for (const char* piece : {"ab", "cd", "ef"}) {
        loop.run_ready();
        EXPECT_FALSE(reader.is_finished());
        peer.send(piece);
        loop.turn();
    }

    EXPECT_EQ(loop.join(std::move(reader)).value(), "abcdef");
}

TEST_P(tcp_stream_test, read_exact_fails_at_an_early_end_and_says_how_far_it_came) {
    peer.send("abc");
    peer.end_writing();
    auto read = [](tcp_stream& s) -> task<std::pair<std::error_code, std::size_t>> {
        std::array<std::byte, 6> b;
        auto op = s.read_exact(b);
        const auto done = co_await op;
        co_return std::pair(done.error(), op.transferred());
    };

    EXPECT_EQ(loop.block_on(read(stream)), std::pair(make_error_code(errc::unexpected_eof), 3ul));
}

TEST_P(tcp_stream_test, write_all_gets_everything_through_a_full_pipe) {
    const std::size_t before = stuff();
    std::string text(3 << 20, '\0');
    std::iota(text.begin(), text.end(), 0);
    auto writer = loop.spawn(write_text, std::ref(stream), text);
    loop.run_ready();
    EXPECT_FALSE(writer.is_finished());

    std::string got;
    std::thread draining([&] {
        peer.receive(before);
        got = peer.receive(text.size());
    });
    loop.run_until([&] { return writer.is_finished(); });
    draining.join();

    EXPECT_TRUE(loop.join(std::move(writer)));
    EXPECT_TRUE(got == text);
}

TEST_P(tcp_stream_test, write_all_that_is_dropped_says_how_much_was_taken) {
    stuff();
    std::vector<std::byte> data(1 << 20);
    auto write = [](tcp_stream& s, std::span<const std::byte> d) -> task<std::size_t> {
        auto op = s.write_all(d);
        co_await select_biased(op, yield_now());
        co_return op.transferred();
    };

    EXPECT_LT(loop.block_on(write(stream, data)), data.size());
}

TEST_P(tcp_stream_test, vectored_transfers_keep_order_and_totals) {
    auto send = [](tcp_stream& s) -> task<result<std::size_t>> {
        const std::array pieces{bytes_of("one "), bytes_of(""), bytes_of("two "),
                                bytes_of("three")};
        co_return co_await s.write_vectored(pieces);
    };
    EXPECT_EQ(loop.block_on(send(stream)).value(), 13u);
    EXPECT_EQ(peer.receive(13), "one two three");

    peer.send("abcdefg");
    auto receive = [](tcp_stream& s) -> task<result<std::string>> {
        std::array<std::byte, 3> first;
        std::array<std::byte, 8> second;
        const std::array<std::span<std::byte>, 3> parts{first, std::span<std::byte>(), second};
        const auto n = co_await s.read_vectored(parts);
        co_return std::string(text_of(first)) + "|" +
            std::string(text_of(std::span(second).first(n.value() - 3)));
    };
    EXPECT_EQ(loop.block_on(receive(stream)).value(), "abc|defg");
}

TEST_P(tcp_stream_test, vectored_write_takes_1024_buffers_at_once_and_write_all_any_number) {
    auto send = [](tcp_stream& s, bool all) -> task<result<std::size_t>> {
        const std::vector pieces(1025, bytes_of("x"));
        if (!all) co_return co_await s.write_vectored(pieces);
        auto op = s.write_all_vectored(pieces);
        const auto done = co_await op;
        if (!done) co_return done.error();
        co_return op.transferred();
    };

    EXPECT_EQ(loop.block_on(send(stream, false)).value(), 1024u);
    EXPECT_EQ(loop.block_on(send(stream, true)).value(), 1025u);
    EXPECT_EQ(peer.receive(2049), std::string(2049, 'x'));
}

TEST_P(tcp_stream_test, vectored_transfer_of_no_buffers_answers_zero) {
    auto both = [](tcp_stream& s) -> task<std::size_t> {
        const auto w = co_await s.write_vectored(std::span<const std::span<const std::byte>>());
        const auto r = co_await s.read_vectored(std::span<const std::span<std::byte>>());
        const auto a = co_await s.write_all_vectored(std::span<const std::span<const std::byte>>());
        co_return w.value() + r.value() + (a ? 0u : 1u);
    };

    EXPECT_EQ(loop.block_on(both(stream)), 0u);
}

TEST_P(tcp_stream_test, short_transfers_lose_nothing) {
    detail::enable_faults(7, 1);
    std::string text(20'000, '\0');
    std::iota(text.begin(), text.end(), 1);
    auto writer = loop.spawn(write_text, std::ref(stream), text);
    loop.run_until([&] { return writer.is_finished(); });
    EXPECT_EQ(peer.receive(text.size()), text);

    peer.send(text);
    EXPECT_TRUE(loop.block_on(read_exactly(stream, text.size())).value() == text);
    EXPECT_GT(detail::faults_fired(), 1000u);
    detail::enable_faults(0, 0);
}

TEST_P(tcp_stream_test, reset_is_an_error_value) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();

    peer.reset();
    loop.turn();

    EXPECT_EQ(loop.join(std::move(reader)).error(),
              std::error_code(ECONNRESET, std::system_category()));
}

TEST_P(tcp_stream_test, reset_at_each_byte_of_a_message_ends_read_exact) {
    const std::string text = "a message of some length";
    for (std::size_t sent = 0; sent < text.size(); ++sent) {
        half_plain_pair pair = make_pair();
        pair.peer.send(text.substr(0, sent));
        auto reader = loop.spawn(read_exactly, std::ref(pair.stream), text.size());
        loop.run_ready();

        pair.peer.reset();
        loop.run_until([&] { return reader.is_finished(); });

        EXPECT_EQ(loop.join(std::move(reader)).error(),
                  std::error_code(ECONNRESET, std::system_category()));
    }
}

TEST_P(tcp_stream_test, writing_to_a_peer_that_is_gone_is_an_error_and_no_signal) {
    peer.reset();
    auto write_twice = [](tcp_stream& s) -> task<result<void>> {
        static_cast<void>(co_await s.write_all("x"));
        co_return co_await s.write_all("y");
    };

    const auto done = loop.block_on(write_twice(stream));

    EXPECT_EQ(done.error(), std::error_code(EPIPE, std::system_category()));
}

TEST_P(tcp_stream_test, half_close_leaves_the_other_direction_open) {
    EXPECT_TRUE(stream.shutdown(net::shutdown_how::write));
    EXPECT_TRUE(peer.is_at_end());

    peer.send("still here");

    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "still here");
}

TEST_P(tcp_stream_test, all_data_is_read_after_the_peer_has_half_closed_while_we_go_on_writing) {
    peer.send("before");
    peer.end_writing();

    EXPECT_TRUE(loop.block_on(write_text(stream, "after")));
    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "before");
    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "");
    EXPECT_TRUE(loop.block_on(write_text(stream, "more")));
    EXPECT_EQ(peer.receive(9), "aftermore");
}

TEST_P(tcp_stream_test, two_readers_of_one_stream_share_the_bytes) {
    auto first = loop.spawn(read_text, std::ref(stream));
    auto second = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();

    peer.send("one");
    loop.run_until([&] { return first.is_finished() || second.is_finished(); });
    EXPECT_NE(first.is_finished(), second.is_finished());
    peer.send("two");
    loop.run_until([&] { return first.is_finished() && second.is_finished(); });

    const std::string a = loop.join(std::move(first)).value();
    const std::string b = loop.join(std::move(second)).value();
    EXPECT_THAT((std::array{a, b}), ::testing::UnorderedElementsAre("one", "two"));
}

TEST_P(tcp_stream_test, dropped_read_loses_nothing) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    peer.send("kept");
    loop.reactor().poll(duration::max());  // woken, but not polled
    reader.request_cancel();
    loop.run_ready();

    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "kept");
}

TEST_P(tcp_stream_test, dropped_read_leaves_the_byte_to_another_waiting_reader) {
    auto first = loop.spawn(read_text, std::ref(stream));
    auto second = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    peer.send("x");
    loop.reactor().poll(duration::max());
    first.request_cancel();
    loop.run_until([&] { return second.is_finished(); });

    EXPECT_EQ(loop.join(std::move(second)).value(), "x");
}

TEST_P(tcp_stream_test, reader_learns_that_the_stream_was_destroyed_and_not_how_it_has_ended) {
    struct restore {
        ~restore() { detail::sys::current = {}; }
    } restored;

    static tcp_stream* owner = nullptr;
    ASSERT_TRUE(stream.set_linger(duration::zero()));  // so it ends with a reset
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    owner = &stream;
    detail::sys::current.recv = [](int fd, void* data, std::size_t size, int flags) noexcept {
        *owner = tcp_stream();  // another thread does, between the reader's look and its call
        return detail::sys::kernel::recv(fd, data, size, flags);
    };
    peer.send("x");

    EXPECT_EQ(loop.join(std::move(reader)).error(), errc::closed);
}

TEST_P(tcp_stream_test, waiting_reader_learns_that_the_stream_was_destroyed) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();

    stream = tcp_stream();
    loop.run_ready();

    EXPECT_EQ(loop.join(std::move(reader)).error(), make_error_code(errc::closed));
    EXPECT_TRUE(peer.is_at_end());
}

task<result<std::string>> read_without_budget(tcp_stream& from) {
    while (detail::current_execution()->line->charge()) {
    }
    co_return co_await read_text(from);
}

TEST_P(tcp_stream_test, reader_whose_first_poll_is_put_off_learns_that_the_stream_was_destroyed) {
    auto reader = loop.spawn(read_without_budget, std::ref(stream));
    ASSERT_TRUE(loop.executor().run_one());

    stream = tcp_stream();
    loop.run_ready();

    EXPECT_EQ(loop.join(std::move(reader)).error(), make_error_code(errc::closed));
    EXPECT_TRUE(peer.is_at_end());
}

task<> read_until(net::read_operation& op, event& stop) {
    co_await edo::select(op, stop.wait());
}

task<result<std::size_t>> finish_read(net::read_operation& op) {
    co_return co_await op;
}

TEST_P(tcp_stream_test, read_in_a_variable_outlives_the_task_that_polled_it) {
    std::array<std::byte, 8> bytes;
    auto op = stream.read(bytes);
    event stop;
    {
        auto first = loop.spawn(read_until, std::ref(op), std::ref(stop));
        loop.run_ready();
        stop.raise();
        loop.run_ready();
        ASSERT_TRUE(first.is_finished());
    }
    event other;  // the second task has the memory of the first
    auto idle = stream.peek(bytes);
    auto second = loop.spawn([](event& e, net::read_operation&) -> task<> { co_await e.wait(); },
                             std::ref(other), std::ref(idle));
    loop.run_ready();

    peer.send("x");
    auto third = loop.spawn(finish_read, std::ref(op));
    EXPECT_EQ(loop.join(std::move(third)).value(), 1u);
    loop.cancel(std::move(second));
}

TEST_P(tcp_stream_test, reused_descriptor_number_is_not_taken_for_its_predecessor) {
    const int number = stream.native_handle();
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    peer.send("for the old one");
    {
        tcp_stream gone = std::move(stream);
    }
    // The number is busy as long as the waiting reader has not let go.
    half_plain_pair other = make_pair();
    EXPECT_NE(other.stream.native_handle(), number);
    loop.run_ready();
    EXPECT_EQ(loop.join(std::move(reader)).error(), make_error_code(errc::closed));
    unique_fd same(::fcntl(other.stream.native_handle(), F_DUPFD_CLOEXEC, number));
    EXPECT_EQ(same.get(), number);
    other.stream = tcp_stream::adopt(std::move(same)).value();

    auto waiting = loop.spawn(read_text, std::ref(other.stream));
    loop.run_ready();
    other.peer.send("for the new one");
    loop.turn();

    EXPECT_EQ(loop.join(std::move(waiting)).value(), "for the new one");
}

TEST_P(tcp_stream_test, closing_ends_the_connection_at_once) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    loop.look();  // the reactor knows the descriptor
    loop.cancel(std::move(reader));

    stream = tcp_stream();

    EXPECT_TRUE(peer.is_at_end());  // before the reactor had another turn
}

TEST_P(tcp_stream_test, zero_linger_resets) {
    EXPECT_TRUE(stream.set_linger(duration::zero()));

    stream = tcp_stream();

    char byte = 0;
    EXPECT_EQ(::recv(peer.fd(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
}

TEST_P(tcp_stream_test, linger_that_would_block_is_refused) {
    EXPECT_EQ(stream.set_linger(std::chrono::seconds(3)).error(),
              std::error_code(EINVAL, std::system_category()));
}

TEST_P(tcp_stream_test, stream_that_was_moved_from_is_not_connected) {
    tcp_stream other = std::move(stream);

    EXPECT_FALSE(stream);  // NOLINT: that is the point
    EXPECT_EQ(loop.block_on(read_text(stream)).error(), make_error_code(errc::not_connected));
    EXPECT_EQ(loop.block_on(write_text(stream, "x")).error(), make_error_code(errc::not_connected));
    EXPECT_EQ(loop.block_on(write_text(stream, "")).error(), make_error_code(errc::not_connected));
    EXPECT_EQ(stream.peer_addr().error(), make_error_code(errc::not_connected));
    EXPECT_EQ(stream.set_nodelay(true).error(), make_error_code(errc::not_connected));
    EXPECT_EQ(stream.try_write("x").error(), make_error_code(errc::not_connected));
    EXPECT_EQ(stream.shutdown(net::shutdown_how::both).error(),
              make_error_code(errc::not_connected));
}

TEST_P(tcp_stream_test, try_read_never_waits) {
    buffer b;
    EXPECT_EQ(stream.try_read(b).error(), make_error_code(errc::would_block));
    peer.send("now");
    EXPECT_EQ(stream.try_read(b).value(), 3u);
    EXPECT_EQ(stream.try_read(b).error(), make_error_code(errc::would_block));
    peer.close();
    EXPECT_EQ(stream.try_read(b).value(), 0u);
}

TEST_P(tcp_stream_test, readable_and_try_read_make_a_loop) {
    auto read = [](tcp_stream& s) -> task<std::string> {
        std::string all;
        buffer b;
        for (;;) {
            const auto ready = co_await s.readable();
            EXPECT_TRUE(ready.has_value());
            const auto n = s.try_read(b);
            if (!n && n.error() == errc::would_block) continue;
            if (!n || *n == 0) co_return all;
            all += text_of(std::span(b).first(*n));
        }
    };
    auto reader = loop.spawn(read, std::ref(stream));
    loop.run_ready();
    EXPECT_FALSE(reader.is_finished());
    const std::size_t polls = loop.executor().polls();
    peer.send("abc");
    loop.turn();
    peer.send("def");
    loop.turn();
    peer.close();

    EXPECT_EQ(loop.join(std::move(reader)), "abcdef");
    EXPECT_LT(loop.executor().polls() - polls, 20u);  // it waited, it did not spin
}

TEST_P(tcp_stream_test, writable_waits_for_room) {
    const std::size_t left = stuff();
    auto wait = [](tcp_stream& s) -> task<result<void>> { co_return co_await s.writable(); };
    auto waiting = loop.spawn(wait, std::ref(stream));
    loop.run_ready();
    EXPECT_FALSE(waiting.is_finished());

    std::thread draining([&] { peer.receive(left); });
    loop.run_until([&] { return waiting.is_finished(); });
    draining.join();

    EXPECT_TRUE(loop.join(std::move(waiting)));
}

TEST_P(tcp_stream_test, halves_work_apart_and_close_together) {
    auto halves = std::move(stream).into_split();
    auto read = [](net::tcp_read_half r) -> task<std::string> {
        buffer b;
        const auto n = co_await r.read(b);
        co_return std::string(text_of(std::span(b).first(n.value())));
    };
    auto reader = loop.spawn(read, std::move(halves.reader));
    loop.run_ready();
    {
        net::tcp_write_half writer = std::move(halves.writer);
        EXPECT_EQ(writer.try_write("out").value(), 3u);
    }
    EXPECT_EQ(peer.receive(3), "out");
    EXPECT_TRUE(peer.is_at_end());  // the writing half is gone, the reading one still waits
    peer.send("in");

    EXPECT_EQ(loop.join(std::move(reader)), "in");
}

TEST_P(tcp_stream_test, forgotten_writing_half_does_not_end_our_side) {
    auto halves = std::move(stream).into_split();
    std::move(halves.writer).forget();
    char byte = 0;
    EXPECT_EQ(::recv(peer.fd(), &byte, 1, MSG_DONTWAIT), -1);

    halves.reader = net::tcp_read_half();

    EXPECT_TRUE(peer.is_at_end());
}

TEST_P(tcp_stream_test, halves_of_one_connection_can_be_reunited) {
    half_plain_pair other = make_pair();
    auto mine = std::move(stream).into_split();
    auto others = std::move(other.stream).into_split();

    EXPECT_EQ(net::reunite(std::move(mine.reader), std::move(others.writer)).error(),
              std::error_code(EINVAL, std::system_category()));
    auto whole = net::reunite(std::move(mine.reader), std::move(mine.writer));

    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->try_write("whole").value(), 5u);
    EXPECT_EQ(peer.receive(5), "whole");
}

TEST_P(tcp_stream_test, stream_outlives_its_reactor) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    loop.look();

    loop.shut_down_reactor();
    loop.run_ready();

    EXPECT_EQ(loop.join(std::move(reader)).error(), make_error_code(errc::runtime_shutdown));
    peer.send("x");
    buffer b;
    EXPECT_EQ(stream.try_read(b).value(), 1u);
    EXPECT_EQ(stream.try_write("y").value(), 1u);
    EXPECT_EQ(loop.block_on(read_text(stream)).error(), make_error_code(errc::runtime_shutdown));
    stream = tcp_stream();
    EXPECT_EQ(peer.receive(1), "y");
    EXPECT_TRUE(peer.is_at_end());
}

TEST_P(tcp_stream_test, wait_in_a_runtime_that_has_shut_down_is_an_error) {
    loop.shut_down_reactor();

    EXPECT_EQ(loop.block_on(read_text(stream)).error(), make_error_code(errc::runtime_shutdown));
}

TEST_P(tcp_stream_test, released_descriptor_stays_open) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    peer.send("x");
    loop.turn();
    static_cast<void>(loop.join(std::move(reader)));

    unique_fd fd = std::move(stream).release();

    EXPECT_FALSE(stream);  // NOLINT: that is the point
    ASSERT_EQ(::send(fd.get(), "raw", 3, 0), 3);
    EXPECT_EQ(peer.receive(3), "raw");
    auto again = tcp_stream::adopt(std::move(fd));
    ASSERT_TRUE(again);
    auto second = loop.spawn(read_text, std::ref(*again));
    loop.run_ready();
    peer.send("adopted");
    loop.run_until([&] { return second.is_finished(); });
    EXPECT_EQ(loop.join(std::move(second)).value(), "adopted");
}

TEST_P(tcp_stream_test, what_is_no_connected_tcp_socket_is_not_adopted) {
    const auto error_of = [](int fd) { return tcp_stream::from_fd(fd).error().value(); };
    EXPECT_EQ(error_of(-1), EBADF);
    EXPECT_EQ(error_of(9999), EBADF);
    plain_socket directory(::open("/", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(error_of(directory.fd()), ENOTSOCK);
    plain_socket udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(error_of(udp.fd()), EPROTOTYPE);
    plain_socket local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(error_of(local.fd()), EAFNOSUPPORT);
    plain_socket idle(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(error_of(idle.fd()), ENOTCONN);
}

TEST_P(tcp_stream_test, descriptor_closed_behind_our_back_is_an_error_and_the_reactor_goes_on) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    loop.look();
    const int number = stream.native_handle();
    plain_socket taken(::fcntl(number, F_DUPFD_CLOEXEC, 100));
    ::close(number);

    // A duplicate keeps the file open, so the event still comes; the call then meets the closed
    // number.
    peer.send("x");
    loop.turn();
    EXPECT_EQ(loop.join(std::move(reader)).error().value(), EBADF);
    stream = tcp_stream();

    half_plain_pair other = make_pair();
    other.peer.send("fine");
    EXPECT_EQ(loop.block_on(read_text(other.stream)).value(), "fine");
}

TEST_P(tcp_stream_test, options_are_set_and_asked) {
    EXPECT_TRUE(stream.set_nodelay(true));
    EXPECT_TRUE(stream.nodelay().value());
    EXPECT_TRUE(stream.set_keepalive(tcp_stream::keepalive_options{}));
    EXPECT_TRUE(stream.keepalive().value());
    EXPECT_TRUE(stream.set_keepalive({}));
    EXPECT_FALSE(stream.keepalive().value());
    EXPECT_TRUE(stream.take_error());
    EXPECT_EQ(stream.local_addr().value().ip_string(), "127.0.0.1");
    EXPECT_NE(stream.peer_addr().value().port(), 0);
}

int calls = 0;

TEST_P(tcp_stream_test, message_costs_one_receive_and_one_send) {
    struct restore {
        ~restore() { detail::sys::current = {}; }
    } restored;

    detail::sys::current.recv = [](int fd, void* data, std::size_t size, int flags) noexcept {
        ++calls;
        return detail::sys::kernel::recv(fd, data, size, flags);
    };
    detail::sys::current.send = [](int fd, const void* data, std::size_t size, int flags) noexcept {
        ++calls;
        return detail::sys::kernel::send(fd, data, size, flags);
    };
    const auto echo = [](tcp_stream& s) -> task<result<void>> {
        buffer b;
        for (;;) {
            const std::size_t n = co_await or_return(s.read(b));
            if (n == 0) co_return {};
            co_await or_return(s.write_all(std::span(b).first(n)));
        }
    };
    auto echoing = loop.spawn(echo, std::ref(stream));
    loop.run_ready();
    loop.look();
    calls = 0;

    for (int i = 0; i < 50; ++i) {
        peer.send("ping");
        loop.turn();
        EXPECT_EQ(peer.receive(4), "ping");
    }

    EXPECT_EQ(calls, 2 * 50);
    peer.end_writing();
    EXPECT_TRUE(loop.join(std::move(echoing)));
}

TEST_P(tcp_stream_test, operations_that_were_never_awaited_are_free) {
    buffer b;
    {
        auto r = stream.read(b);
        auto w = stream.write_all("never sent");
        auto e = stream.read_exact(b);
    }
    peer.send("x");

    EXPECT_EQ(loop.block_on(read_text(stream)).value(), "x");
    EXPECT_LE(sizeof(net::read_operation), 80u);
    EXPECT_LE(sizeof(net::write_all_operation), 80u);
}

TEST_P(tcp_stream_test, stream_of_a_foreign_thread_is_closed_by_the_owners_next_turn) {
    auto reader = loop.spawn(read_text, std::ref(stream));
    loop.run_ready();
    loop.look();
    reader.request_cancel();
    loop.run_ready();

    std::thread([s = std::move(stream)]() mutable { s = tcp_stream(); }).join();

    EXPECT_TRUE(peer.is_at_end());
    loop.look();
}

// On io_uring this is a documented limit.
TEST(tcp_stream_on_epoll, data_behind_urgent_data_is_not_left_lying) {
    io_loop loop{reactor_kind::epoll};
    half_plain_pair pair = make_pair();
    auto reader = loop.spawn(read_exactly, std::ref(pair.stream), std::size_t{6});
    loop.run_ready();
    pair.peer.send("abc");
    ASSERT_EQ(::send(pair.peer.fd(), "!", 1, MSG_OOB), 1);
    pair.peer.send("def");

    EXPECT_EQ(loop.join(std::move(reader)).value(), "abcdef");
}

}  // namespace
}  // namespace edo::testing
