// The limit of the io_uring interface: an echo server, or with `--service http` the cheapest
// possible HTTP server, as one loop per ring without tasks, timers or request parsing.
//   peer_raw_uring --port 7000 --threads 1 --service echo --form poll
// --form poll   one multishot poll per socket tells when to call recv and send
// --form recv   recv and send are ring operations; the send is linked to the next recv

#include "answerer.h"
#include "peer_server.h"
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <liburing.h>

namespace {

constexpr std::string_view usage =
    "usage: peer_raw_uring [--address 127.0.0.1] [--port 0] [--threads 1] [--service echo|http]\n"
    "                      [--form poll|recv]\n";
constexpr unsigned ring_entries = 1024;
constexpr std::size_t buffer_bytes = 16 * 1024;

enum class form { poll, recv };

struct client {
    client(int fd, bool http, std::uint32_t id) : socket(fd), answers(http), generation(id) {}

    bench::descriptor socket;
    bench::answerer answers;
    std::uint32_t generation;  // tells completions for an earlier owner of the descriptor apart
    bool is_blocked = false;   // form poll: waits for the socket to become writable
    std::string unsent;        // form poll: what the kernel did not take
    std::vector<char> buffer;  // form recv: the kernel writes it between two completions
};

class ring_loop {
public:
    ring_loop(form how, bool http) : form_(how), http_(http) {}

    ring_loop(const ring_loop&) = delete;
    ring_loop& operator=(const ring_loop&) = delete;

    /// Opens the ring; on the thread that will run it, as SINGLE_ISSUER demands.
    void open() {
        io_uring_params params{};
        params.flags =
            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        params.cq_entries = 16 * ring_entries;
        const int error = ::io_uring_queue_init_params(ring_entries, &ring_, &params);
        if (error < 0)
            throw std::system_error{-error, std::system_category(), "cannot open a ring"};
        ::io_uring_register_ring_fd(&ring_);
    }

    int ring_fd() const noexcept { return ring_.ring_fd; }

    /// Accepts for all rings and deals the sockets out in turn; a socket reaches another loop as a
    /// message from ring to ring.
    void accept_for(int listener, std::vector<int> rings) {
        listener_ = listener;
        rings_ = std::move(rings);
        arm_accept();
    }

    [[noreturn]] void run() {
        for (;;) {
            const int error = ::io_uring_submit_and_wait(&ring_, 1);
            if (error < 0 && error != -EINTR)
                throw std::system_error{-error, std::system_category(), "io_uring_enter"};
            unsigned head = 0;
            unsigned count = 0;
            io_uring_cqe* cqe = nullptr;
            io_uring_for_each_cqe(&ring_, head, cqe) {
                ++count;
                handle(*cqe);
            }
            ::io_uring_cq_advance(&ring_, count);
        }
    }

private:
    enum class kind : std::uint8_t { ignored, accepted, handed_over, readable, writable, received };

    static std::uint64_t tag(kind what, int fd, std::uint32_t generation = 0) {
        return static_cast<std::uint64_t>(generation) << 32 | static_cast<std::uint64_t>(fd) << 8 |
               static_cast<std::uint64_t>(what);
    }

    static std::uint64_t tag(kind what, const client& c) {
        return tag(what, c.socket.get(), c.generation);
    }

    // A chain of linked operations must be submitted in one piece.
    io_uring_sqe* next_sqe(unsigned chain = 1) {
        if (::io_uring_sq_space_left(&ring_) < chain) ::io_uring_submit(&ring_);
        io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
        if (sqe == nullptr) throw std::runtime_error{"the ring takes no operation"};
        return sqe;
    }

    void handle(const io_uring_cqe& cqe) {
        const auto what = static_cast<kind>(cqe.user_data & 0xff);
        const auto fd = static_cast<std::size_t>(cqe.user_data >> 8 & 0xff'ffff);
        if (what == kind::accepted) return on_accepted(cqe);
        if (what == kind::handed_over) return add(static_cast<int>(fd));
        if (what == kind::ignored) return;
        client* c = clients_[fd].get();
        if (c == nullptr || c->generation != cqe.user_data >> 32) return;
        const bool goes_on =
            what == kind::received ? on_received(*c, cqe) : on_ready(*c, cqe, what);
        if (!goes_on) remove(*c);
    }

    void arm_accept() {
        io_uring_sqe* sqe = next_sqe();
        ::io_uring_prep_multishot_accept(sqe, listener_, nullptr, nullptr,
                                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        ::io_uring_sqe_set_data64(sqe, tag(kind::accepted, 0));
    }

    void on_accepted(const io_uring_cqe& cqe) {
        if ((cqe.flags & IORING_CQE_F_MORE) == 0) arm_accept();
        if (cqe.res < 0) return;
        const std::size_t turn = turn_++ % rings_.size();
        bench::disable_nagle(cqe.res);
        if (turn == 0) return add(cqe.res);
        io_uring_sqe* sqe = next_sqe();
        ::io_uring_prep_msg_ring(sqe, rings_[turn], 0, tag(kind::handed_over, cqe.res), 0);
        ::io_uring_sqe_set_data64(sqe, tag(kind::ignored, 0));
    }

    void add(int fd) {
        const auto at = static_cast<std::size_t>(fd);
        if (clients_.size() <= at) clients_.resize(at + 1);
        clients_[at] = std::make_unique<client>(fd, http_, ++generation_);
        client& c = *clients_[at];
        if (form_ == form::poll) return arm_poll(c);
        c.buffer.resize(buffer_bytes);
        arm_recv(c, next_sqe());
    }

    void remove(const client& c) {
        if (form_ == form::poll) {
            // The poll holds the socket open, even after close().
            io_uring_sqe* sqe = next_sqe();
            ::io_uring_prep_cancel64(sqe, tag(kind::readable, c), 0);
            ::io_uring_sqe_set_data64(sqe, tag(kind::ignored, 0));
            sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        }
        clients_[static_cast<std::size_t>(c.socket.get())].reset();
    }

    void arm_poll(const client& c) {
        io_uring_sqe* sqe = next_sqe();
        ::io_uring_prep_poll_multishot(sqe, c.socket.get(), POLLIN | POLLRDHUP);
        ::io_uring_sqe_set_data64(sqe, tag(kind::readable, c));
    }

    void arm_writable(client& c) {
        c.is_blocked = true;
        io_uring_sqe* sqe = next_sqe();
        ::io_uring_prep_poll_add(sqe, c.socket.get(), POLLOUT);
        ::io_uring_sqe_set_data64(sqe, tag(kind::writable, c));
    }

    /// Returns: whether the connection goes on.
    bool on_ready(client& c, const io_uring_cqe& cqe, kind what) {
        if (cqe.res < 0) return false;
        if (what == kind::writable)
            c.is_blocked = false;
        else if ((cqe.flags & IORING_CQE_F_MORE) == 0)
            arm_poll(c);
        return c.is_blocked || serve(c);
    }

    bool serve(client& c) {
        for (;;) {
            if (!c.unsent.empty()) {
                const std::string rest = std::exchange(c.unsent, {});
                if (!send(c, rest)) return false;
                if (c.is_blocked) return true;
            }
            const ssize_t received = ::recv(c.socket.get(), buffer_.data(), buffer_.size(), 0);
            if (received < 0) return errno == EAGAIN;
            if (received == 0) return false;
            const auto size = static_cast<std::size_t>(received);
            if (!send(c, c.answers.answer({buffer_.data(), size}))) return false;
            // A short read has emptied the socket; what comes later completes the poll again.
            if (c.is_blocked || size < buffer_.size()) return true;
        }
    }

    bool send(client& c, std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(c.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0) {
                if (errno != EAGAIN) return false;
                c.unsent = bytes;
                arm_writable(c);
                return true;
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    void arm_recv(client& c, io_uring_sqe* sqe) {
        ::io_uring_prep_recv(sqe, c.socket.get(), c.buffer.data(), c.buffer.size(), 0);
        ::io_uring_sqe_set_data64(sqe, tag(kind::received, c));
    }

    // The next recv may use the buffer that is being sent: linked, it starts after the send has
    // ended, and MSG_WAITALL keeps a send from ending half-way.
    bool on_received(client& c, const io_uring_cqe& cqe) {
        if (cqe.res <= 0) return false;
        const auto size = static_cast<std::size_t>(cqe.res);
        const std::string_view answer = c.answers.answer({c.buffer.data(), size});
        io_uring_sqe* sqe = next_sqe(2);
        if (!answer.empty()) {
            ::io_uring_prep_send(sqe, c.socket.get(), answer.data(), answer.size(),
                                 MSG_WAITALL | MSG_NOSIGNAL);
            ::io_uring_sqe_set_data64(sqe, tag(kind::ignored, 0));
            sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
            sqe = next_sqe();
        }
        arm_recv(c, sqe);
        return true;
    }

    form form_;
    bool http_;
    io_uring ring_{};
    int listener_ = -1;
    std::vector<int> rings_;
    std::size_t turn_ = 0;
    std::uint32_t generation_ = 0;
    std::vector<std::unique_ptr<client>> clients_;  // by descriptor
    std::array<char, buffer_bytes> buffer_;
};

void serve(int argc, char** argv) {
    bench::flags flags{argc, argv, usage};
    const bench::peer_server peer{flags};
    const bool http = flags.choice("service", {"echo", "http"}) == "http";
    const form how = flags.choice("form", {"poll", "recv"}) == "recv" ? form::recv : form::poll;
    flags.finish();

    const bench::descriptor listener = peer.listen();
    bench::make_non_blocking(listener.get());
    std::vector<std::unique_ptr<ring_loop>> loops;
    for (std::size_t i = 0; i < peer.threads(); ++i)
        loops.push_back(std::make_unique<ring_loop>(how, http));
    loops[0]->open();

    std::latch opened{static_cast<std::ptrdiff_t>(loops.size())};
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < loops.size(); ++i)
        threads.emplace_back([&, i] {
            loops[i]->open();
            opened.arrive_and_wait();
            loops[i]->run();
        });
    opened.arrive_and_wait();

    std::vector<int> rings;
    for (const auto& each : loops)
        rings.push_back(each->ring_fd());
    loops[0]->accept_for(listener.get(), std::move(rings));
    peer.announce(listener.get(), how == form::recv ? "io_uring recv" : "io_uring poll");
    loops[0]->run();
}

}  // namespace

int main(int argc, char** argv) {
    return bench::run_peer(argc, argv, serve);
}
