#pragma once

#include <cstdint>
#include <sys/epoll.h>
#include <vector>

#include <edo/base/clock.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/unique_fd.h>
#include <edo/io/notifier/notifier.h>
#include <edo/io/reactor/home.h>

namespace edo::detail {

class registration;
class rescue;

/// Where one thread waits for the events of all the sockets that it rescues.
///
/// It needs descriptors only while there is something to rescue; attempts to get them may fail and
/// be repeated. Thread-safe: wake() only.
class rescue_station {
public:
    rescue_station() noexcept = default;
    rescue_station(const rescue_station&) = delete;
    rescue_station& operator=(const rescue_station&) = delete;

    bool is_open() const noexcept { return static_cast<bool>(epoll_); }

    /// Waits for events, at most for `limit`, and tells the registrations that they concern.
    /// Returns: false if there is nothing to wait with; then the caller waits by other means.
    bool serve(duration limit) noexcept;
    /// Ends a serve(), the present one or the next.
    void wake() noexcept;
    /// Gives the descriptors back. Requires: no rescue refers to it.
    void close() noexcept;

private:
    friend class rescue;

    int open() noexcept;
    int wait(epoll_event* events, int capacity, duration limit) noexcept;

    unique_fd epoll_;  // of the rescues' epolls, and of the notifier
    bool has_pwait2_ = true;
    mutex wake_lock_;  // protects notifier_, which is opened while others may wake
    notifier notifier_;
};

// rescue: watches the sockets of a reactor whose thread is blocked in user code.
//
// Nobody but its thread may take the events of a ring. But readiness may be asked for twice: so
// every member of the reactor's home is put into an epoll of the rescuer, whatever the back end.
// What the reactor reports later, when its thread has come back, are needless wakes and no more.
//
// An event names an entry of the table and the entry's generation, never a record: under the lock
// of the home the rescuer looks whether the entry is still the one that was meant. So:
//
//   - a record that leaves takes itself out of epoll and table before its descriptor is closed (a
//     ring keeps the file open, and the file the epoll's entry, beyond the number);
//   - a record that joins is added at once, or, if that fails, at the rescuer's next watch_all();
//   - when the home closes all entries go; when the rescue ends the whole epoll does.
//
// In the list of members those that are watched follow those that are not yet: watch_all() takes
// them from the front and puts them at the back, some at a time.
//
// Everything here is protected by the home's lock, but the epoll's number, which belongs to the
// rescuing thread and is changed under the lock. Stress: tests/stress/blocked_worker_test.cpp.
class rescue {
public:
    /// Begins. Requires: nobody else rescues this home.
    rescue(rescue_station& station, reactor_home& home) noexcept;
    rescue(const rescue&) = delete;
    rescue& operator=(const rescue&) = delete;
    ~rescue();

    /// Sees to it that all members are watched. To be repeated until it has succeeded.
    /// Returns: 0, or -errno: no memory or no descriptor for some of them.
    int watch_all() noexcept;

    // For registrations. Requires: the home's lock is held.

    /// `r` has joined the members, as the last one.
    void joined(registration& r) noexcept;
    /// `r` leaves, and its descriptor may be closed after that.
    void leaves(registration& r) noexcept;

private:
    friend class rescue_station;

    struct entry {
        registration* record = nullptr;
        std::uint32_t generation = 0;
        std::uint32_t next_free = 0;
    };

    static constexpr std::uint32_t none = ~std::uint32_t{0};

    int open() noexcept;
    int watch_some() noexcept;
    int watch(registration& r) noexcept;
    bool is_watched(const registration& r) const noexcept;
    void take_events() noexcept;
    void tell(const epoll_event* events, int count) noexcept;

    rescue_station& station_;
    reactor_home& home_;
    unique_fd epoll_;
    bool is_incomplete_ = true;
    std::uint32_t first_free_ = none;
    std::vector<entry> table_;
};

}  // namespace edo::detail
