#include <edo/io/uring/reactor.h>

#include <cerrno>
#include <limits>

#include <edo/base/check.h>
#include <edo/base/error.h>
#include <edo/base/seam/thread.h>
#include <edo/io/reactor/registration.h>
#include <edo/io/wait/poll_events.h>

namespace edo::detail {

result<std::unique_ptr<reactor>> uring_reactor::create() {
    std::unique_ptr<uring_reactor> made(new uring_reactor);
    if (const int failed = made->open(); failed < 0) return system_error_of(failed);
    return std::unique_ptr<reactor>(std::move(made));
}

int uring_reactor::open() noexcept {
    thread_ = this_thread_mark();
    if (const int failed = ring_.open(); failed < 0) return failed;
    if (const int failed = notifier_.open(); failed < 0) return failed;
    arm_notifier();
    // The probe is the real thing: does a multishot poll report a wake and stay?
    wake();
    if (const int failed = ring_.submit_and_look(); failed < 0) return failed;
    unsigned room = tuning::events_per_poll;
    take_reports(room);
    return was_notified_ && notifier_is_armed_ ? 0 : -EINVAL;
}

uring_reactor::~uring_reactor() {
    shutdown();
    home_.release_ref();
}

bool uring_reactor::is_here() const noexcept {
    return thread_ == this_thread_mark();
}

void uring_reactor::arm_notifier() noexcept {
    notifier_is_armed_ = ring_.poll_add(notifier_.fd(), EPOLLIN, &notifier_);
}

std::error_code uring_reactor::attach(registration& r) noexcept {
    EDO_CHECK(is_here(),
              "an io_uring reactor was used on another thread than its own: the kernel allows one "
              "thread per "
              "ring");
    arm(r);
    return {};
}

void uring_reactor::arm(registration& r) noexcept {
    // Not EPOLLPRI: a ring reports what the waker of the poll may have meant, and a socket means
    // urgent data whenever there is any.
    r.reactor_notes.armed = ring_.poll_add(r.fd(), watched_events, &r);
    r.reactor_notes.arm_waits = !r.reactor_notes.armed;
    if (r.reactor_notes.armed) {
        ++armed_;
    } else {
        put_off(r);
    }
}

detachment uring_reactor::detach(registration& r) noexcept {
    home_.members.remove(r);
    r.reactor_notes.left = true;
    if (is_here()) return end(r);
    home_.leaving.push_back(r);
    wake();
    return {.record_is_free = false, .file_is_held = true};
}

// Has the kernel forget a record that left.
detachment uring_reactor::end(registration& r) noexcept {
    if (r.reactor_notes.arm_waits) take_back(r);
    if (!r.reactor_notes.armed) return {};
    r.reactor_notes.ending = true;
    ending_.push_back(r);
    request_end(r);
    // At once, so that the file is the caller's alone when it is closed; the report is read later.
    const bool is_done =
        !r.reactor_notes.end_waits && ring_.submit_and_look() == 0 && !ring_.is_behind();
    return {.record_is_free = false, .file_is_held = !is_done};
}

void uring_reactor::request_end(registration& r) noexcept {
    r.reactor_notes.end_waits = !ring_.poll_remove(&r);
    if (r.reactor_notes.end_waits) put_off(r);
}

void uring_reactor::put_off(registration& r) noexcept {
    r.reactor_notes.next = put_off_;
    put_off_ = &r;
}

void uring_reactor::take_back(registration& r) noexcept {
    registration** link = &put_off_;
    while (*link != &r)
        link = &(*link)->reactor_notes.next;
    *link = r.reactor_notes.next;
    r.reactor_notes.arm_waits = r.reactor_notes.end_waits = false;
}

void uring_reactor::make_requests_put_off() noexcept {
    if (!notifier_is_armed_) arm_notifier();
    registration* rest = std::exchange(put_off_, nullptr);
    while (rest != nullptr) {
        registration& r = *std::exchange(rest, rest->reactor_notes.next);
        if (r.reactor_notes.end_waits) {
            request_end(r);
        } else if (r.reactor_notes.left) {
            r.reactor_notes.arm_waits = false;  // its descriptor's number may be another file's
        } else {
            arm(r);
        }
    }
}

void uring_reactor::end_those_that_left() noexcept {
    mutex_lock guard(home_.lock);
    end_those_that_left_locked();
}

void uring_reactor::end_those_that_left_locked() noexcept {
    while (registration* r = home_.leaving.pop_front())
        if (end(*r).record_is_free) r->free();
}

unsigned uring_reactor::poll(duration limit, unsigned most) noexcept {
    if (put_off_ != nullptr || !notifier_is_armed_) {
        mutex_lock guard(home_.lock);
        make_requests_put_off();
    }
    int answer = 0;
    if (limit <= duration::zero() || ring_.has_reports()) {
        if (!ring_.has_work()) return 0;
        answer = ring_.submit_and_look();
    } else {
        // Without room in the queue or memory for a request: have another try soon.
        constexpr duration soon{1'000'000};
        const bool is_starved = put_off_ != nullptr || !notifier_is_armed_;
        answer = ring_.submit_and_wait(is_starved && limit > soon ? soon : limit);
    }
    EDO_CHECK(answer == 0 || answer == -ETIME || answer == -EINTR || answer == -EBUSY ||
                  answer == -EAGAIN || answer == -ENOMEM,
              "waiting on io_uring failed: is this another thread than the one that made the "
              "reactor, or was "
              "its descriptor closed by other code?");
    unsigned room = most;
    unsigned handled = take_reports(room);
    while (room != 0 && ring_.has_overflow() && ring_.submit_and_look() == 0)
        handled += take_reports(room);
    if (was_notified_) {
        was_notified_ = false;
        end_those_that_left();
    }
    return handled;
}

// `room`: for how many more reports.
// Returns: the number of events of descriptors.
unsigned uring_reactor::take_reports(unsigned& room) noexcept {
    unsigned handled = 0;
    room -= ring_.take_reports(room, [&](const ring::report& news) noexcept {
        if (take_report(news)) ++handled;
    });
    return handled;
}

// Returns: true for an event of a descriptor.
bool uring_reactor::take_report(const ring::report& news) noexcept {
    if (news.tag == nullptr)
        return false;  // a removal that came too late: the last report is on its way
    if (news.tag == &notifier_) {
        was_notified_ = true;
        if (news.is_last) arm_notifier();
        return false;
    }
    if (news.is_last) --armed_;
    if (is_shut_down_) return false;
    registration& r = *static_cast<registration*>(news.tag);
    if (news.is_last) {
        take_last_report(r, news.answer);
    } else {
        r.happened(readiness_of(static_cast<std::uint32_t>(news.answer)));
    }
    return true;
}

// A poll has ended: because it was asked to, or because the kernel had no room to go on.
void uring_reactor::take_last_report(registration& r, std::int32_t answer) noexcept {
    mutex_lock guard(home_.lock);
    r.reactor_notes.armed = false;
    if (r.reactor_notes.ending) {
        if (r.reactor_notes.end_waits) take_back(r);
        ending_.remove(r);
        guard.unlock();
        r.free();
        return;
    }
    if (r.reactor_notes.left) return;  // on its way to end_those_that_left()
    if (answer >= 0) {
        r.happened(readiness_of(static_cast<std::uint32_t>(answer)));
        arm(r);
    } else if (answer == -ENOMEM || answer == -ECANCELED) {
        r.reactor_notes.arm_waits = true;
        put_off(r);
    } else {
        // The descriptor was closed behind our back: every call says so itself.
        r.happened(readiness_view::everything);
    }
}

void uring_reactor::wake() noexcept {
    ring::given_to_kernel(&notifier_);
    notifier_.notify();
}

void uring_reactor::shutdown() noexcept {
    if (is_shut_down_) return;
    {
        // In one go: a record that another thread detaches in between would be left to nobody.
        mutex_lock guard(home_.lock);
        end_those_that_left_locked();
        put_off_ = nullptr;
        for (registration* r = home_.members.front(); r != nullptr; r = home_.members.after(*r))
            if (r->reactor_notes.armed) ring_.poll_remove(r);
        home_.close_locked();
    }
    is_shut_down_ = true;
    // Until the kernel has let go of the files, closing them would not end their connections. What
    // it does not let go of now goes with the ring.
    std::size_t tries = 16 + armed_;  // a call may end a few polls only
    unsigned room = std::numeric_limits<unsigned>::max();
    while (armed_ != 0 && tries-- != 0 && ring_.submit_and_look() == 0)
        take_reports(room);
    while (registration* r = ending_.pop_front())
        r->free();
}

}  // namespace edo::detail
