// The limit of the epoll interface: an echo server, or with `--service http` the cheapest possible
// HTTP server, as one loop without tasks, timers, cancellation or request parsing.
//   peer_raw_epoll --port 7000 --threads 1 --service echo

#include "answerer.h"
#include "peer_server.h"
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace {

constexpr std::string_view usage =
    "usage: peer_raw_epoll [--address 127.0.0.1] [--port 0] [--threads 1] [--service echo|http]\n";

struct client {
    client(int fd, bool http) : socket(fd), answers(http) {}

    bench::descriptor socket;
    bench::answerer answers;
    std::string unsent;  // what the kernel did not take; nothing is read while there is some
};

class epoll_loop {
public:
    epoll_loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        if (epoll_.get() < 0) bench::throw_last_error("epoll_create1");
    }

    /// Hands a socket to this loop; from any thread.
    void add(int fd, bool http) {
        // The loop deletes it when the connection ends.
        watch(fd, std::make_unique<client>(fd, http).release());
    }

    void watch(int fd, client* who) {
        epoll_event interest{};
        interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        interest.data.ptr = who;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &interest) != 0)
            bench::throw_last_error("epoll_ctl");
    }

    /// Calls `accept` when the event without a client comes.
    template <class Accept>
    [[noreturn]] void run(Accept accept) {
        std::array<epoll_event, 256> events;
        for (;;) {
            const int count =
                ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
            if (count < 0 && errno != EINTR) bench::throw_last_error("epoll_wait");
            for (int i = 0; i < count; ++i) {
                auto* who = static_cast<client*>(events[static_cast<std::size_t>(i)].data.ptr);
                if (who == nullptr)
                    accept();
                else if (!serve(*who))
                    std::unique_ptr<client>{who}.reset();
            }
        }
    }

private:
    /// Returns: whether the connection goes on.
    bool serve(client& c) {
        for (;;) {
            if (!c.unsent.empty()) {
                const std::string rest = std::move(c.unsent);
                c.unsent.clear();
                if (!send(c, rest)) return false;
                if (!c.unsent.empty()) return true;
            }
            const ssize_t received = ::recv(c.socket.get(), buffer_.data(), buffer_.size(), 0);
            if (received < 0) return errno == EAGAIN;
            if (received == 0) return false;
            const auto size = static_cast<std::size_t>(received);
            if (!send(c, c.answers.answer({buffer_.data(), size}))) return false;
            // A short read has emptied the socket; what comes later raises a new edge.
            if (c.unsent.empty() && size < buffer_.size()) return true;
        }
    }

    static bool send(client& c, std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(c.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0) {
                c.unsent = bytes;
                return errno == EAGAIN;
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    bench::descriptor epoll_;
    std::array<char, 16 * 1024> buffer_;
};

// The first loop accepts and deals the connections out in turn, so all threads have equally many.
void serve(int argc, char** argv) {
    bench::flags flags{argc, argv, usage};
    const bench::peer_server peer{flags};
    const bool http = flags.choice("service", {"echo", "http"}) == "http";
    flags.finish();

    const bench::descriptor listener = peer.listen();
    std::vector<std::unique_ptr<epoll_loop>> loops;
    for (std::size_t i = 0; i < peer.threads(); ++i)
        loops.push_back(std::make_unique<epoll_loop>());

    std::size_t turn = 0;
    const auto accept = [&] {
        for (;;) {
            const int fd =
                ::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) return;
            bench::disable_nagle(fd);
            loops[turn++ % loops.size()]->add(fd, http);
        }
    };
    bench::make_non_blocking(listener.get());
    loops[0]->watch(listener.get(), nullptr);
    peer.announce(listener.get(), "epoll");

    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < loops.size(); ++i)
        threads.emplace_back([&, i] { loops[i]->run([] {}); });
    loops[0]->run(accept);
}

}  // namespace

int main(int argc, char** argv) {
    return bench::run_peer(argc, argv, serve);
}
