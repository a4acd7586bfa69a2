#include "load_worker.h"
#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <sys/eventfd.h>
#include <tuple>
#include <utility>

namespace bench {

namespace {

constexpr std::size_t scratch_bytes = 256 * 1024;

instant now_exactly() {
    return std::chrono::steady_clock::now();
}

timespec to_timespec(std::chrono::nanoseconds time) {
    return {.tv_sec = time.count() / 1'000'000'000, .tv_nsec = time.count() % 1'000'000'000};
}

}  // namespace

load_worker::load_worker(std::vector<connection> connections)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      scratch_(scratch_bytes) {
    if (epoll_.get() < 0 || stop_event_.get() < 0) throw_last_error("epoll_create1 or eventfd");
    slots_.reserve(connections.size());
    for (connection& each : connections)
        slots_.emplace_back(std::move(each));
}

void load_worker::run(const options& opts) noexcept {
    opts_ = opts;
    try {
        loop();
    } catch (...) {
        failure_ = std::current_exception();
    }
}

void load_worker::stop() noexcept {
    ::eventfd_write(stop_event_.get(), 1);
}

void load_worker::loop() {
    epoll_event stop_interest{};
    stop_interest.events = EPOLLIN | EPOLLET;
    stop_interest.data.ptr = nullptr;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stop_event_.get(), &stop_interest) != 0)
        throw_last_error("epoll_ctl");
    start_all();
    instant now = now_exactly();
    while (!is_over(now)) {
        const int count = wait(now);
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events_[static_cast<std::size_t>(i)];
            if (event.data.ptr == nullptr) {
                is_stopping_ = true;
                stopped_at_ = now_exactly();
            } else {
                handle(*static_cast<slot*>(event.data.ptr), event.events);
            }
        }
        if (opts_.how == pace::fixed_rate || is_stopping_) now = now_exactly();
        if (opts_.how == pace::fixed_rate && !is_stopping_) send_due(now);
    }
    if (opts_.how == pace::fixed_rate) count_unsent(now);
}

void load_worker::watch(slot& s) {
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    interest.data.ptr = &s;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, s.link.socket(), &interest) != 0)
        throw_last_error("epoll_ctl");
}

void load_worker::start_all() {
    for (slot& each : slots_) {
        if (opts_.how == pace::churn) {
            reconnect(each, now_exactly());
        } else {
            watch(each);
            if (opts_.how == pace::closed_loop) send_next(each, now_exactly());
        }
    }
}

void load_worker::handle(slot& s, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) s.link.continue_sending();
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) == 0) return;
    const unsigned answers = s.link.receive(scratch_);
    if (answers == 0) return;

    const instant now = now_exactly();
    for (unsigned i = 0; i < answers; ++i)
        record(s.link.started(), now);
    // Relaxed, and no read-modify-write: this thread is the only writer.
    completed_.store(completed_.load(std::memory_order_relaxed) + answers,
                     std::memory_order_relaxed);
    if (s.link.is_waiting()) return;

    --waiting_;
    if (is_stopping_) return;
    if (opts_.how == pace::churn)
        reconnect(s, now);
    else
        send_next(s, now);
}

void load_worker::send_next(slot& s, instant now) {
    if (opts_.how == pace::fixed_rate) {
        if (s.sent == s.due) return;
        now = due_time(s, s.sent);
        ++s.sent;
    }
    ++waiting_;
    s.link.send_batch(now);
}

// The requests become due on the connections in turn, so the next one is always that of one known
// connection and no queue of due times is needed.
void load_worker::send_due(instant now) {
    while (opts_.begin + next_due_ * opts_.interval <= now) {
        slot& s = slots_[next_due_ % slots_.size()];
        ++next_due_;
        ++s.due;
        if (!s.link.is_waiting()) send_next(s, now);
    }
}

void load_worker::reconnect(slot& s, instant now) {
    s.link.replace_socket(begin_connect(opts_.server, connects_++));
    ++waiting_;
    // Sent before the handshake is over, the batch waits as unsent bytes for the socket to become
    // writable: the kernel answers EAGAIN until then.
    s.link.send_batch(now);
    watch(s);
}

int load_worker::wait(instant now) {
    constexpr int capacity = static_cast<int>(std::tuple_size_v<decltype(events_)>);
    int count = 0;
    if (is_stopping_) {
        count = ::epoll_wait(epoll_.get(), events_.data(), capacity, 10);
    } else if (opts_.spin) {
        count = ::epoll_wait(epoll_.get(), events_.data(), capacity, 0);
    } else if (opts_.how == pace::fixed_rate) {
        const instant due = opts_.begin + next_due_ * opts_.interval;
        const timespec limit = to_timespec(std::max(due - now, std::chrono::nanoseconds{0}));
        count = ::epoll_pwait2(epoll_.get(), events_.data(), capacity, &limit, nullptr);
    } else {
        count = ::epoll_wait(epoll_.get(), events_.data(), capacity, -1);
    }
    if (count < 0 && errno != EINTR) throw_last_error("epoll_wait");
    return count;
}

bool load_worker::is_over(instant now) const {
    if (!is_stopping_) return false;
    if (waiting_ == 0) return true;
    if (now - stopped_at_ < opts_.patience) return false;
    throw std::runtime_error{std::to_string(waiting_) + " connections got no answer for " +
                             std::to_string(opts_.patience / std::chrono::milliseconds{1}) + " ms"};
}

void load_worker::count_unsent(instant now) {
    for (const slot& s : slots_)
        for (std::uint64_t number = s.sent; number < s.due; ++number) {
            const instant due = due_time(s, number);
            if (due < opts_.window_begin || due >= opts_.window_end) continue;
            record(due, now);
            ++unsent_;
        }
}

instant load_worker::due_time(const slot& s, std::uint64_t number) const {
    const auto index = static_cast<std::uint64_t>(&s - slots_.data());
    return opts_.begin + (number * slots_.size() + index) * opts_.interval;
}

}  // namespace bench
