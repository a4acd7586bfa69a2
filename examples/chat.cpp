// A chat room: what a guest says reaches all others, through a broadcast channel.
//   build/release/bin/chat --port 7002            then, in two terminals: nc 127.0.0.1 7002
// Expect to be asked for a name. Who reads too slowly is told how much was missed; Ctrl-D leaves.
#include "support/line_reader.h"
#include "support/server.h"
#include <mutex>
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

edo::task<edo::result<void>> visit(edo::net::tcp_stream guest,
                                   room& place,
                                   edo::sync::cancellation_token stop) {
    example::line_reader input;  // outlives the reads, so that a dropped one loses nothing
    std::string name;
    do {
        co_await edo::or_return(guest.write_all("* your name, please\n"));
        auto reading = edo::timeout(60s, input.next(guest));
        name = co_await edo::or_return(stop.run_until_cancelled(std::move(reading)));
    } while (!place.take_name(name));

    room::seat mine(place, name);
    auto stopped = stop.cancelled();
    for (;;) {
        auto next = co_await edo::select(input.next(guest), mine.heard.recv(), stopped);
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
