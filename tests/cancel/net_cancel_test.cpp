// Sockets: every byte and every connection is with one side or the other.

#include "cancel_case.h"
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <edo/edo.h>

namespace {

using namespace std::chrono_literals;
using edo::result;
using edo::task;
using edo::task_group;
using namespace edo::testing;

// A round of the cases that fill a socket moves megabytes; each round of the others leaves a port
// in TIME_WAIT for a minute, and a machine has some 28,000.
constexpr std::uint64_t heavy_rounds = 40;
constexpr std::uint64_t socket_rounds = 150;
constexpr std::uint64_t few_rounds = 60;

struct socket_pair {
    edo::net::tcp_stream near_end;
    edo::net::tcp_stream far_end;

    socket_pair(edo::net::tcp_stream a, edo::net::tcp_stream b)
        : near_end(std::move(a)), far_end(std::move(b)) {}
};

task<socket_pair> connected() {
    auto listener = edo::net::tcp_listener::bind(edo::net::socket_addr::loopback_v4(0)).value();
    auto to = listener.local_addr().value();
    auto both = co_await edo::join(edo::net::tcp_stream::connect(to), listener.accept());
    auto near_end = std::move(std::get<0>(both)).value();
    auto far_end = std::move(std::get<1>(both)).value();
    co_return socket_pair(std::move(near_end), std::move(far_end.stream));
}

// Reads until `n` bytes have come, `have` of which came before.
task<std::string> read_rest(edo::net::tcp_stream& from, std::size_t n) {
    std::string text(n, '?');
    auto got =
        co_await from.read_exact(std::as_writable_bytes(std::span(text.data(), text.size())));
    MUST(got.has_value());
    co_return text;
}

task<> drop_read(dropper& d) {
    auto pair = co_await connected();
    std::array<std::byte, 8> buffer;
    std::string got;
    auto attempt = [](dropper& by, socket_pair& p, std::array<std::byte, 8>& b,
                      std::string& out) -> task<> {
        auto r = co_await by.run(p.near_end.read(b));
        if (r) out.assign(reinterpret_cast<const char*>(b.data()), r->value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto sent = co_await pair.far_end.write_all("abc");
        MUST(sent.has_value());
    };
    co_await beside(d, attempt(d, pair, buffer, got), complete);
    std::string rest = co_await read_rest(pair.near_end, 3 - got.size());
    MUST(got + rest == "abc");
}

task<> drop_peek(dropper& d) {
    auto pair = co_await connected();
    std::array<std::byte, 8> buffer;
    auto attempt = [](dropper& by, socket_pair& p, std::array<std::byte, 8>& b) -> task<> {
        co_await by.run(p.near_end.peek(b));
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto sent = co_await pair.far_end.write_all("abc");
        MUST(sent.has_value());
    };
    co_await beside(d, attempt(d, pair, buffer), complete);
    std::string all = co_await read_rest(pair.near_end, 3);
    MUST(all == "abc");
}

task<> drop_readable(dropper& d) {
    auto pair = co_await connected();
    std::array<std::byte, 1> none;
    MUST(!pair.near_end.try_read(none).has_value());  // so that it is known not to be readable
    auto attempt = [](dropper& by, socket_pair& p) -> task<> {
        co_await by.run(p.near_end.readable());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto sent = co_await pair.far_end.write_all("xy");
        MUST(sent.has_value());
    };
    co_await beside(d, attempt(d, pair), complete);
    std::string all = co_await read_rest(pair.near_end, 2);
    MUST(all == "xy");
}

// A read_exact that is dropped half-way says how much of its buffer is filled.
task<> drop_read_exact(dropper& d) {
    auto pair = co_await connected();
    std::string text(6, '?');
    std::size_t taken = 0;
    auto attempt = [](dropper& by, socket_pair& p, std::string& t, std::size_t& n) -> task<> {
        auto op = p.near_end.read_exact(std::as_writable_bytes(std::span(t.data(), t.size())));
        co_await edo::select(op, by.when_dropped());
        n = op.transferred();
    };
    auto complete = [&]() -> task<> {
        for (const char* part : {"ab", "cd", "ef"}) {
            co_await d.shift();
            auto sent = co_await pair.far_end.write_all(part);
            MUST(sent.has_value());
        }
    };
    co_await beside(d, attempt(d, pair, text, taken), complete);
    std::string rest = co_await read_rest(pair.near_end, 6 - taken);
    MUST(text.substr(0, taken) + rest == "abcdef");
}

// Fills the socket first, so that a write has to wait until the far end reads.
task<std::size_t> fill(edo::net::tcp_stream& stream) {
    std::vector<std::byte> block(65536, std::byte{'f'});
    std::size_t sum = 0;
    for (;;) {
        auto n = stream.try_write(block);
        if (!n) break;
        sum += *n;
    }
    co_return sum;
}

task<std::size_t> drain_to_end(edo::net::tcp_stream& stream) {
    std::vector<std::byte> block(65536);
    std::size_t sum = 0;
    for (;;) {
        auto n = co_await stream.read(block);
        MUST(n.has_value());
        if (*n == 0) break;
        sum += *n;
    }
    co_return sum;
}

task<> drop_write(dropper& d) {
    auto pair = co_await connected();
    std::size_t sent = co_await fill(pair.near_end);
    std::size_t received = 0;
    auto attempt = [](dropper& by, socket_pair& p, std::size_t& n) -> task<> {
        auto r = co_await by.run(p.near_end.write("12345"));
        if (r) n += r->value();
        MUST(p.near_end.shutdown(edo::net::shutdown_how::write).has_value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        received = co_await drain_to_end(pair.far_end);
    };
    co_await beside(d, attempt(d, pair, sent), complete);
    MUST(sent == received);
}

task<> drop_write_all(dropper& d) {
    auto pair = co_await connected();
    std::size_t sent = co_await fill(pair.near_end);
    std::size_t received = 0;
    auto attempt = [](dropper& by, socket_pair& p, std::size_t& n) -> task<> {
        std::vector<std::byte> big(3'000'000, std::byte{'w'});
        auto op = p.near_end.write_all(big);
        co_await edo::select(op, by.when_dropped());
        n += op.transferred();
        MUST(p.near_end.shutdown(edo::net::shutdown_how::write).has_value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        received = co_await drain_to_end(pair.far_end);
    };
    co_await beside(d, attempt(d, pair, sent), complete);
    MUST(sent == received);
}

// Every connection that the kernel made is accepted by the dropped accept, or by the next one.
task<> drop_accept(dropper& d) {
    auto listener = edo::net::tcp_listener::bind(edo::net::socket_addr::loopback_v4(0)).value();
    auto to = listener.local_addr().value();
    int accepted = 0;
    std::vector<edo::net::tcp_stream> clients;
    auto attempt = [](dropper& by, edo::net::tcp_listener& l, int& n) -> task<> {
        auto r = co_await by.run(l.accept());
        if (r) n += r->has_value() ? 1 : 0;
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto c = co_await edo::net::tcp_stream::connect(to);
        clients.push_back(std::move(c).value());
    };
    co_await beside(d, attempt(d, listener, accepted), complete);
    if (accepted == 0) {
        auto next = co_await listener.accept();
        MUST(next.has_value());
    }
    auto none = listener.try_accept();
    MUST(!none && none.error() == edo::errc::would_block);
}

task<> drop_connect(dropper& d) {
    auto listener = edo::net::tcp_listener::bind(edo::net::socket_addr::loopback_v4(0)).value();
    auto to = listener.local_addr().value();
    auto attempt = [](dropper& by, edo::net::socket_addr addr) -> task<> {
        auto r = co_await by.run(edo::net::tcp_stream::connect(addr));
        if (r) MUST(r->has_value());
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d, to), complete);
    auto both = co_await edo::join(edo::net::tcp_stream::connect(to), listener.accept());
    MUST(std::get<0>(both).has_value() && std::get<1>(both).has_value());
}

task<> drop_writable(dropper& d) {
    auto pair = co_await connected();
    const std::size_t sent = co_await fill(pair.near_end);
    std::size_t received = 0;
    auto attempt = [](dropper& by, socket_pair& p) -> task<> {
        auto r = co_await by.run(p.near_end.writable());
        if (r) MUST(r->has_value());
        MUST(p.near_end.shutdown(edo::net::shutdown_how::write).has_value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        received = co_await drain_to_end(pair.far_end);
    };
    co_await beside(d, attempt(d, pair), complete);
    MUST(sent == received);
}

task<> drop_read_vectored(dropper& d) {
    auto pair = co_await connected();
    std::string text(6, '?');
    const std::span<std::byte> room = std::as_writable_bytes(std::span(text.data(), text.size()));
    const std::array<std::span<std::byte>, 2> into{room.first(2), room.subspan(2)};
    std::size_t got = 0;
    auto attempt = [](dropper& by, socket_pair& p, const auto& buffers, std::size_t& n) -> task<> {
        auto r = co_await by.run(p.near_end.read_vectored(buffers));
        if (r) n = r->value();
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto sent = co_await pair.far_end.write_all("abcdef");
        MUST(sent.has_value());
    };
    co_await beside(d, attempt(d, pair, into, got), complete);
    std::string rest = co_await read_rest(pair.near_end, 6 - got);
    MUST(text.substr(0, got) + rest == "abcdef");
}

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

task<> drop_write_vectored(dropper& d) {
    auto pair = co_await connected();
    std::size_t sent = co_await fill(pair.near_end);
    std::size_t received = 0;
    auto attempt = [](dropper& by, socket_pair& p, std::size_t& n) -> task<> {
        const std::array<std::span<const std::byte>, 2> data{bytes_of("12"), bytes_of("345")};
        auto r = co_await by.run(p.near_end.write_vectored(data));
        if (r) n += r->value();
        MUST(p.near_end.shutdown(edo::net::shutdown_how::write).has_value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        received = co_await drain_to_end(pair.far_end);
    };
    co_await beside(d, attempt(d, pair, sent), complete);
    MUST(sent == received);
}

task<> drop_write_all_vectored(dropper& d) {
    auto pair = co_await connected();
    std::size_t sent = co_await fill(pair.near_end);
    std::size_t received = 0;
    auto attempt = [](dropper& by, socket_pair& p, std::size_t& n) -> task<> {
        const std::vector<std::byte> big(1'500'000, std::byte{'w'});
        const std::array<std::span<const std::byte>, 2> data{std::span(big), std::span(big)};
        auto op = p.near_end.write_all_vectored(data);
        co_await edo::select(op, by.when_dropped());
        n += op.transferred();
        MUST(p.near_end.shutdown(edo::net::shutdown_how::write).has_value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        received = co_await drain_to_end(pair.far_end);
    };
    co_await beside(d, attempt(d, pair, sent), complete);
    MUST(sent == received);
}

// The first address refuses, so there is one connection that fails on the way to one that does not.
task<> drop_connect_list(dropper& d) {
    auto listener = edo::net::tcp_listener::bind(edo::net::socket_addr::loopback_v4(0)).value();
    std::vector<edo::net::socket_addr> addrs;
    {
        auto gone = edo::net::tcp_listener::bind(edo::net::socket_addr::loopback_v4(0)).value();
        addrs.push_back(gone.local_addr().value());
    }
    addrs.push_back(listener.local_addr().value());
    auto attempt = [](dropper& by, std::span<const edo::net::socket_addr> to) -> task<> {
        auto r = co_await by.run(edo::net::tcp_stream::connect(to));
        if (r) MUST(r->has_value());
    };
    auto complete = [&]() -> task<> { co_await d.shift(); };
    co_await beside(d, attempt(d, addrs), complete);
    auto both = co_await edo::join(edo::net::tcp_stream::connect(addrs), listener.accept());
    MUST(std::get<0>(both).has_value() && std::get<1>(both).has_value());
}

task<> drop_half_read(dropper& d) {
    auto pair = co_await connected();
    auto halves = std::move(pair.near_end).into_split();
    std::array<std::byte, 8> buffer;
    std::string got;
    auto attempt = [](dropper& by, edo::net::tcp_read_half& from, std::array<std::byte, 8>& b,
                      std::string& out) -> task<> {
        auto r = co_await by.run(from.read(b));
        if (r) out.assign(reinterpret_cast<const char*>(b.data()), r->value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto sent = co_await pair.far_end.write_all("abc");
        MUST(sent.has_value());
    };
    co_await beside(d, attempt(d, halves.reader, buffer, got), complete);
    auto whole = edo::net::reunite(std::move(halves.reader), std::move(halves.writer)).value();
    std::string rest = co_await read_rest(whole, 3 - got.size());
    MUST(got + rest == "abc");
}

task<> drop_half_write_all(dropper& d) {
    auto pair = co_await connected();
    std::size_t sent = co_await fill(pair.near_end);
    std::size_t received = 0;
    auto halves = std::move(pair.near_end).into_split();
    auto attempt = [](dropper& by, edo::net::tcp_write_half to, std::size_t& n) -> task<> {
        const std::vector<std::byte> big(3'000'000, std::byte{'w'});
        auto op = to.write_all(big);
        co_await edo::select(op, by.when_dropped());
        n += op.transferred();
    };  // the end of the half ends our side
    auto complete = [&]() -> task<> {
        co_await d.shift();
        received = co_await drain_to_end(pair.far_end);
    };
    co_await beside(d, attempt(d, std::move(halves.writer), sent), complete);
    MUST(sent == received);
}

task<result<std::size_t>> read_or_return(edo::net::tcp_stream& from, std::span<std::byte> buffer) {
    const std::size_t n = co_await edo::or_return(from.read(buffer));
    co_return n;
}

task<> drop_or_return_of_read(dropper& d) {
    auto pair = co_await connected();
    std::array<std::byte, 8> buffer;
    std::string got;
    auto attempt = [](dropper& by, socket_pair& p, std::array<std::byte, 8>& b,
                      std::string& out) -> task<> {
        auto r = co_await by.run(read_or_return(p.near_end, b));
        if (r) out.assign(reinterpret_cast<const char*>(b.data()), r->value());
    };
    auto complete = [&]() -> task<> {
        co_await d.shift();
        auto sent = co_await pair.far_end.write_all("abc");
        MUST(sent.has_value());
    };
    co_await beside(d, attempt(d, pair, buffer, got), complete);
    std::string rest = co_await read_rest(pair.near_end, 3 - got.size());
    MUST(got + rest == "abc");
}

// ---- copying: what was read and not yet written is lost, and said so; everything else arrives

constexpr std::size_t copy_buffer = 16 * 1024;

task<> drop_copy(dropper& d) {
    auto from = co_await connected();
    auto to = co_await connected();
    std::size_t moved = 0;
    constexpr std::size_t size = 30'000;
    auto attempt = [](dropper& by, socket_pair& source, socket_pair& sink,
                      std::size_t& n) -> task<> {
        auto op = edo::io::copy(source.far_end, sink.near_end);
        co_await edo::select(op, by.when_dropped());
        n = op.transferred();
        MUST(sink.near_end.shutdown(edo::net::shutdown_how::write).has_value());
    };
    auto complete = [&]() -> task<> {
        const std::string part(size / 3, 'c');
        for (int i = 0; i < 3; ++i) {
            co_await d.shift();
            auto sent = co_await from.near_end.write_all(part);
            MUST(sent.has_value());
        }
        MUST(from.near_end.shutdown(edo::net::shutdown_how::write).has_value());
    };
    co_await beside(d, attempt(d, from, to, moved), complete);
    const std::size_t arrived = co_await drain_to_end(to.far_end);
    const std::size_t rest = co_await drain_to_end(from.far_end);
    MUST(arrived == moved);
    MUST(arrived + rest <= size && size - (arrived + rest) <= copy_buffer);
}

task<> drop_copy_bidirectional(dropper& d) {
    auto left = co_await connected();
    auto right = co_await connected();
    std::uint64_t there = 0;
    std::uint64_t back = 0;
    auto attempt = [](dropper& by, socket_pair& a, socket_pair& b, std::uint64_t& to_b,
                      std::uint64_t& to_a) -> task<> {
        auto op = edo::io::copy_bidirectional(a.far_end, b.near_end);
        co_await edo::select(op, by.when_dropped());
        to_b = op.transferred().a_to_b;
        to_a = op.transferred().b_to_a;
        static_cast<void>(b.near_end.shutdown_write());  // may have been ended already
        static_cast<void>(a.far_end.shutdown_write());
    };
    auto complete = [&]() -> task<> {
        for (int i = 0; i < 2; ++i) {
            co_await d.shift();
            auto sent = co_await left.near_end.write_all("abc");
            MUST(sent.has_value());
            co_await d.shift();
            sent = co_await right.far_end.write_all("vwxyz");
            MUST(sent.has_value());
        }
        MUST(left.near_end.shutdown_write().has_value());
        MUST(right.far_end.shutdown_write().has_value());
    };
    co_await beside(d, attempt(d, left, right, there, back), complete);
    const std::size_t at_right = co_await drain_to_end(right.far_end);
    const std::size_t at_left = co_await drain_to_end(left.near_end);
    MUST(at_right == there && at_left == back);
}

const operation_case operations[] = {
    {"read", &drop_read, socket_rounds},
    {"peek", &drop_peek, socket_rounds},
    {"readable", &drop_readable, socket_rounds},
    {"read_exact", &drop_read_exact, heavy_rounds},
    {"write", &drop_write, heavy_rounds},
    {"write_all", &drop_write_all, heavy_rounds},
    {"accept", &drop_accept, socket_rounds},
    {"connect", &drop_connect, socket_rounds},
    {"writable", &drop_writable, heavy_rounds},
    {"read_vectored", &drop_read_vectored, few_rounds},
    {"write_vectored", &drop_write_vectored, heavy_rounds},
    {"write_all_vectored", &drop_write_all_vectored, heavy_rounds},
    {"connect_list", &drop_connect_list, few_rounds},
    {"half_read", &drop_half_read, few_rounds},
    {"half_write_all", &drop_half_write_all, heavy_rounds},
    {"or_return_of_read", &drop_or_return_of_read, few_rounds},
    {"copy", &drop_copy, few_rounds},
    {"copy_bidirectional", &drop_copy_bidirectional, few_rounds},
};

INSTANTIATE_TEST_SUITE_P(net, cancel_everywhere, settings_of(operations), &name_of_setting);

}  // namespace
