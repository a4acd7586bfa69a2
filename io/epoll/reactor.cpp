#include <edo/io/epoll/reactor.h>

#include <algorithm>

#include <edo/base/check.h>
#include <edo/base/error.h>
#include <edo/base/seam/sys.h>
#include <edo/io/reactor/registration.h>
#include <edo/io/wait/poll_events.h>
#include <edo/task/context.h>

namespace edo::detail {
namespace {

// What an event's data says when it is no record's address.
constexpr std::uint64_t wake_tag = 0, alarm_tag = 1;

timespec timespec_of(duration span) noexcept {
    return {static_cast<std::time_t>(span.count() / 1'000'000'000),
            static_cast<long>(span.count() % 1'000'000'000)};
}

}  // namespace

struct epoll_reactor::wait_batch {
    int size;  // at most, for the kernel
    epoll_event events[tuning::events_per_poll];
};

result<std::unique_ptr<reactor>> epoll_reactor::create() {
    std::unique_ptr<epoll_reactor> made(new epoll_reactor);
    if (const int failed = made->open(); failed < 0) return system_error_of(failed);
    return std::unique_ptr<reactor>(std::move(made));
}

int epoll_reactor::open() noexcept {
    const int fd = sys::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return fd;
    epoll_.reset(fd);
    if (const int failed = notifier_.open(); failed < 0) return failed;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = wake_tag;
    return sys::epoll_ctl(fd, EPOLL_CTL_ADD, notifier_.fd(), &event);
}

epoll_reactor::~epoll_reactor() {
    shutdown();
    home_.release_ref();
}

std::error_code epoll_reactor::attach(registration& r) noexcept {
    epoll_event event{};
    event.events = watched_events | EPOLLPRI | EPOLLET;
    event.data.ptr = &r;
    const int answer = sys::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, r.fd(), &event);
    return answer < 0 ? system_error_of(answer) : std::error_code{};
}

detachment epoll_reactor::detach(registration& r) noexcept {
    // Explicitly, although close() would do it: a duplicate of the descriptor (in a forked child,
    // say) would keep the registration alive. A failure means that somebody closed the descriptor
    // behind our back.
    epoll_event unused{};
    sys::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, r.fd(), &unused);
    home_.members.remove(r);
    const execution* here = current_execution();
    if (here != nullptr && here->reactor == this)
        return {};  // poll() is not running: nobody has its events
    // The owner may be about to look at an event that it took before. The memory waits for its next
    // turn.
    home_.leaving.push_back(r);
    constexpr std::uint32_t worth_a_wake = 64;
    if (++home_.leaving_count % worth_a_wake == 0) notifier_.notify();
    return {.record_is_free = false, .file_is_held = false};
}

unsigned epoll_reactor::poll(duration limit, unsigned most) noexcept {
    free_those_that_left();
    wait_batch batch;
    batch.size = static_cast<int>(std::clamp(most, 1U, tuning::events_per_poll));
    const int count = wait(batch, limit);
    if (count < 0) {
        EDO_CHECK(count == -EINTR,
                  "epoll_wait failed: was the runtime's epoll descriptor closed by other code?");
        return 0;
    }
    unsigned handled = 0;
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = batch.events[i];
        if (event.data.u64 == wake_tag || event.data.u64 == alarm_tag || is_shut_down_) continue;
        static_cast<registration*>(event.data.ptr)->happened(readiness_of(event.events));
        ++handled;
    }
    return handled;
}

void epoll_reactor::free_those_that_left() noexcept {
    intrusive_list<registration> left;
    {
        mutex_lock guard(home_.lock);
        left.append(home_.leaving);
        home_.leaving_count = 0;
    }
    while (registration* r = left.pop_front())
        r->free();
}

int epoll_reactor::wait(wait_batch& batch, duration limit) noexcept {
    if (limit <= duration::zero())
        return sys::epoll_wait(epoll_.get(), batch.events, batch.size, 0);
    if (limit == duration::max())
        return sys::epoll_wait(epoll_.get(), batch.events, batch.size, -1);
    if (has_pwait2_) {
        const timespec at_most = timespec_of(limit);
        const int count = sys::epoll_pwait2(epoll_.get(), batch.events, batch.size, &at_most);
        if (count != -ENOSYS && count != -EPERM) return count;
        has_pwait2_ =
            false;  // Linux before 5.11, an emulator, or a filter that does not know the call
    }
    return wait_without_pwait2(batch, limit);
}

// epoll_wait counts in milliseconds; a timerfd in the same set wakes it to the nanosecond.
int epoll_reactor::wait_without_pwait2(wait_batch& batch, duration limit) noexcept {
    if (!alarm_) {
        alarm_.reset(sys::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.u64 = alarm_tag;
        if (alarm_ && sys::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, alarm_.get(), &event) < 0)
            alarm_.reset();
    }
    itimerspec at{};
    at.it_value = timespec_of(limit);
    if (alarm_ && sys::timerfd_settime(alarm_.get(), &at) >= 0)
        return sys::epoll_wait(epoll_.get(), batch.events, batch.size, -1);
    // No descriptor left for the alarm: up to a millisecond late is better than not at all.
    constexpr duration millisecond{1'000'000};
    constexpr duration longest = millisecond * 1'000'000'000;
    const duration rounded = limit < longest ? (limit + millisecond - duration{1}) : longest;
    return sys::epoll_wait(epoll_.get(), batch.events, batch.size,
                           static_cast<int>(rounded / millisecond));
}

void epoll_reactor::shutdown() noexcept {
    is_shut_down_ = true;
    home_.close();
    free_those_that_left();
}

}  // namespace edo::detail
