// A chat room: what a guest says reaches all others, through a broadcast channel.
//   build/release/bin/chat --port 7002            then, in two terminals: nc 127.0.0.1 7002
// Expect to be asked for a name. Who reads too slowly is told how much was missed; Ctrl-D leaves.
#include "support/server.h"
#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace {

using namespace std::chrono_literals;
namespace broadcast = edo::sync::broadcast;

struct line {
    std::string from;  // empty: the room itself
    std::string text;
};

/// Who is here, and what is said. A name belongs to a guest until its seat is destroyed.
class room {
public:
    class seat {
    public:
        seat(room& place, std::string taken)
            : heard(place.said_.subscribe()), name(std::move(taken)), place_(place) {
            place_.say({.from = {}, .text = "* " + name + " is here\n"});
        }

        seat(const seat&) = delete;

        ~seat() {
            place_.free_name(name);
            place_.say({.from = {}, .text = "* " + name + " has left\n"});
        }

        broadcast::receiver<line> heard;
        const std::string name;

    private:
        room& place_;
    };

    bool take_name(const std::string& name) {
        const std::scoped_lock lock(lock_);
        return !name.empty() && names_.insert(name).second;
    }

    void say(line what) { said_.send(std::move(what)); }  // nobody else is here: no failure

private:
    void free_name(const std::string& name) {
        const std::scoped_lock lock(lock_);
        names_.erase(name);
    }

    std::mutex lock_;  // held for a few instructions, never across a co_await
    std::set<std::string> names_;
    broadcast::sender<line> said_ = broadcast::channel<line>(64).first;
};

/// Lives longer than the reads that fill it, so that a read that is dropped loses nothing.
class line_buffer {
public:
    std::span<std::byte> space() { return std::as_writable_bytes(std::span(bytes_).subspan(end_)); }

    void add(std::size_t n) { end_ += n; }

    std::optional<std::string> next() {
        const auto stop = bytes_.begin() + static_cast<std::ptrdiff_t>(end_);
        const auto newline = std::find(bytes_.begin(), stop, '\n');
        if (newline == stop) return std::nullopt;
        std::string text(bytes_.begin(), newline);
        std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
        end_ =
            static_cast<std::size_t>(std::copy(newline + 1, stop, bytes_.begin()) - bytes_.begin());
        return text;
    }

private:
    std::array<char, 512> bytes_;
    std::size_t end_ = 0;
};

edo::task<edo::result<std::string>> read_line(const edo::net::tcp_stream& guest,
                                              line_buffer& input) {
    for (;;) {
        if (auto whole = input.next()) co_return std::move(*whole);
        if (input.space().empty()) co_return std::make_error_code(std::errc::message_size);
        const std::size_t n = co_await edo::or_return(guest.read(input.space()));
        if (n == 0) co_return edo::errc::closed;
        input.add(n);
    }
}

edo::task<edo::result<void>> visit(edo::net::tcp_stream guest,
                                   room& place,
                                   edo::sync::cancellation_token stop) {
    line_buffer input;
    std::string name;
    do {
        co_await edo::or_return(guest.write_all("* your name, please\n"));
        auto reading = edo::timeout(60s, read_line(guest, input));
        name = co_await edo::or_return(stop.run_until_cancelled(std::move(reading)));
    } while (!place.take_name(name));

    room::seat mine(place, name);
    auto stopped = stop.cancelled();
    for (;;) {
        auto next = co_await edo::select(read_line(guest, input), mine.heard.recv(), stopped);
        std::string answer;
        if (const auto* typed = std::get_if<0>(&next)) {
            if (typed->error() == edo::errc::closed) co_return {};
            if (!*typed) co_return typed->error();
            place.say({.from = name, .text = name + ": " + **typed + "\n"});
        } else if (const auto* heard = std::get_if<1>(&next)) {
            if (*heard && (*heard)->from != name) answer = (*heard)->text;
            if (!*heard) answer = "* you missed " + std::to_string(heard->missed()) + " lines\n";
        } else {
            co_return co_await edo::timeout(1s, guest.write_all("* the room closes\n"));
        }
        co_await edo::or_return(edo::timeout(30s, guest.write_all(answer)));
    }
}

edo::task<edo::result<void>> admit(const edo::net::tcp_listener& door,
                                   edo::task_group& guests,
                                   room& place,
                                   edo::sync::cancellation_token stop) {
    for (;;) {
        co_await guests.has_room();
        auto accepted = co_await edo::or_return(door.accept());
        guests.spawn(visit, std::move(accepted.stream), std::ref(place), stop);
    }
}

edo::task<edo::result<void>> serve(edo::net::tcp_listener door,
                                   edo::sync::cancellation_token stop) {
    room place;  // before the guests, so that it outlives them
    edo::task_group guests(edo::independent);
    guests.max_children(1000);
    auto ended = co_await edo::select(admit(door, guests, place, stop), stop.cancelled());
    if (ended.index() == 0) co_return std::get<0>(ended);
    door = {};  // new guests are refused at once
    const auto left = co_await edo::timeout(2s, guests.join());
    if (!left) example::log_line("some guests did not leave in time and are cut");
    co_return {};
}

}  // namespace

int main(int argc, char** argv) {
    return example::run_server(argc, argv, {"chat", "a room where everybody hears all", 7002},
                               &serve);
}
