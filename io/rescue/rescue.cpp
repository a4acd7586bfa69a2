#include <edo/io/rescue/rescue.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include <edo/base/seam/sys.h>
#include <edo/io/reactor/registration.h>
#include <edo/io/wait/poll_events.h>

namespace edo::detail {
namespace {

constexpr int rescue_batch = 64;
// Batches of one reactor in a row, so that a busy one does not keep the others waiting.
constexpr int most_batches = 16;

// Failures that another try may mend; the others are the descriptor's own.
bool is_passing(int answer) noexcept {
    return answer == -ENOMEM || answer == -ENOSPC || answer == -EMFILE || answer == -ENFILE;
}

}  // namespace

int rescue_station::open() noexcept {
    if (epoll_) return 0;
    const int fd = sys::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return fd;
    unique_fd fresh(fd);
    notifier bell;
    if (const int failed = bell.open(); failed < 0) return failed;
    epoll_event event{};  // no rescue
    event.events = EPOLLIN | EPOLLET;
    if (const int failed = sys::epoll_ctl(fd, EPOLL_CTL_ADD, bell.fd(), &event); failed < 0)
        return failed;
    epoll_ = std::move(fresh);
    mutex_lock guard(wake_lock_);
    notifier_ = std::move(bell);
    return 0;
}

void rescue_station::close() noexcept {
    if (!epoll_) return;
    epoll_.reset();
    mutex_lock guard(wake_lock_);
    notifier_ = notifier();
}

void rescue_station::wake() noexcept {
    mutex_lock guard(wake_lock_);
    if (notifier_.fd() >= 0) notifier_.notify();
}

bool rescue_station::serve(duration limit) noexcept {
    if (!epoll_) return false;
    epoll_event events[rescue_batch];
    const int count = wait(events, rescue_batch, limit);
    for (int i = 0; i < count; ++i)
        if (events[i].data.ptr != nullptr) static_cast<rescue*>(events[i].data.ptr)->take_events();
    return true;
}

// Where the kernel knows no finer clock for this, up to a millisecond late is good enough here.
int rescue_station::wait(epoll_event* events, int capacity, duration limit) noexcept {
    constexpr duration second = std::chrono::seconds(1), millisecond{1'000'000};
    const duration left = std::clamp(limit, duration::zero(), 1'000 * second);
    if (has_pwait2_) {
        const timespec at_most{static_cast<std::time_t>(left / second),
                               static_cast<long>((left % second).count())};
        const int count = sys::epoll_pwait2(epoll_.get(), events, capacity, &at_most);
        if (count != -ENOSYS && count != -EPERM) return count;
        has_pwait2_ = false;
    }
    return sys::epoll_wait(epoll_.get(), events, capacity,
                           static_cast<int>((left + millisecond - duration{1}) / millisecond));
}

rescue::rescue(rescue_station& station, reactor_home& home) noexcept
    : station_(station), home_(home) {
    mutex_lock guard(home_.lock);
    home_.add_ref();
    home_.rescuer = this;
}

rescue::~rescue() {
    {
        mutex_lock guard(home_.lock);
        home_.rescuer = nullptr;
    }
    epoll_.reset();
    home_.release_ref();
}

int rescue::watch_all() noexcept {
    for (;;) {
        const int answer = watch_some();
        if (answer <= 0) return answer;
    }
}

// A part, so that nobody waits long for the lock. Returns: 1 when there may be more.
int rescue::watch_some() noexcept {
    mutex_lock guard(home_.lock);
    if (!is_incomplete_) return 0;
    for (int i = 0; i < rescue_batch; ++i) {
        registration* const r = home_.members.front();
        if (r == nullptr || is_watched(*r)) {
            is_incomplete_ = false;
            return 0;
        }
        if (const int failed = open(); failed < 0) return failed;
        if (const int failed = watch(*r); failed < 0) return failed;
        home_.members.remove(*r);
        home_.members.push_back(*r);
    }
    return 1;
}

int rescue::open() noexcept {
    if (epoll_) return 0;
    if (const int failed = station_.open(); failed < 0) return failed;
    const int fd = sys::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return fd;
    unique_fd fresh(fd);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = this;
    const int failed = sys::epoll_ctl(station_.epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    if (failed < 0) return failed;
    epoll_ = std::move(fresh);
    return 0;
}

// Returns: 0 or a failure that another try may mend.
int rescue::watch(registration& r) noexcept {
    if (first_free_ == none) {
        try {
            table_.emplace_back().next_free = none;
        } catch (const std::bad_alloc&) {
            return -ENOMEM;
        }
        first_free_ = static_cast<std::uint32_t>(table_.size() - 1);
    }
    const std::uint32_t index = first_free_;
    entry& place = table_[index];
    epoll_event event{};
    event.events = watched_events | EPOLLPRI | EPOLLET;
    event.data.u64 = std::uint64_t{place.generation} << 32 | index;
    const int answer = sys::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, r.fd(), &event);
    if (is_passing(answer)) return answer;
    // Any other failure means that the descriptor was closed behind our back: its calls say so.
    first_free_ = place.next_free;
    place.record = &r;
    r.reactor_notes.rescue_entry = index;
    return 0;
}

// A note of an earlier rescue, or none, names no entry, or one of another record.
bool rescue::is_watched(const registration& r) const noexcept {
    const std::uint32_t index = r.reactor_notes.rescue_entry;
    return index < table_.size() && table_[index].record == &r;
}

void rescue::joined(registration& r) noexcept {
    if (epoll_ && watch(r) == 0) return;
    home_.members.remove(r);
    home_.members.push_front(r);
    is_incomplete_ = true;
}

void rescue::leaves(registration& r) noexcept {
    if (!is_watched(r)) return;
    const std::uint32_t index = r.reactor_notes.rescue_entry;
    epoll_event unused{};
    sys::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, r.fd(), &unused);
    entry& place = table_[index];
    place.record = nullptr;
    ++place.generation;  // events that were taken already are void
    place.next_free = first_free_;
    first_free_ = index;
}

void rescue::take_events() noexcept {
    epoll_event events[rescue_batch];
    for (int batch = 0; batch < most_batches; ++batch) {
        const int count = sys::epoll_wait(epoll_.get(), events, rescue_batch, 0);
        if (count <= 0) return;
        tell(events, count);
        if (count < rescue_batch) return;
    }
}

void rescue::tell(const epoll_event* events, int count) noexcept {
    mutex_lock guard(home_.lock);
    for (int i = 0; i < count; ++i) {
        const auto index = static_cast<std::uint32_t>(events[i].data.u64);
        const auto generation = static_cast<std::uint32_t>(events[i].data.u64 >> 32);
        const entry& place = table_[index];
        if (place.record == nullptr || place.generation != generation) continue;
        place.record->happened(readiness_of(events[i].events));
    }
}

}  // namespace edo::detail
