#pragma once

#include <memory>
#include <string>
#include <system_error>

#include <edo/base/clock.h>
#include <edo/base/result.h>
#include <edo/base/seam/tuning.h>
#include <edo/io/reactor/home.h>
#include <edo/io/reactor_kind.h>

namespace edo::detail {

class registration;

/// What becomes of a registration that leaves.
struct detachment {
    /// No event can refer to the record any more: the caller frees it.
    bool record_is_free = true;
    /// The kernel keeps the file open, so that close() alone ends no connection.
    bool file_is_held = false;
};

/// What a back end must offer. One per worker; created, polled and destroyed on that worker's
/// thread.
///
/// It says which descriptors have become ready, and moves no byte itself: any thread makes its own
/// non-blocking calls. A descriptor is registered at most once and stays where it was registered.
/// Events are hints, and edges: each is reported at least once after it has come about, may be
/// reported again, and is not repeated while nothing changes.
class reactor {
public:
    virtual ~reactor() = default;
    reactor(const reactor&) = delete;
    reactor& operator=(const reactor&) = delete;

    virtual reactor_kind kind() const noexcept = 0;

    /// Registers the descriptor for its whole life: readable, writable, closed, each as an edge. If
    /// it is ready already, that is the first event. Owner only; called by registration, under the
    /// home's lock.
    virtual std::error_code attach(registration& r) noexcept = 0;

    /// Ends it. Any thread, before the descriptor is closed; under the home's lock.
    virtual detachment detach(registration& r) noexcept = 0;

    /// Takes what has happened and wakes who waits. `limit` zero: does not wait; duration::max():
    /// no limit. A signal may end the wait early, without an event. Of more than `most` events, at
    /// least 1, the others stay with the kernel, in their order.
    /// Returns: the number of events that concern descriptors. Owner only.
    virtual unsigned poll(duration limit, unsigned most) noexcept = 0;

    /// The same with as many events as are usual.
    unsigned poll(duration limit) noexcept { return poll(limit, tuning::events_per_poll); }

    /// Ends a wait in poll(), the present one or the next. Any thread.
    virtual void wake() noexcept = 0;

    /// Fails every registration with errc::runtime_shutdown and wakes who waits; later attaches are
    /// refused. poll() and wake() still work. Owner only; may be called twice; destruction does it
    /// too.
    virtual void shutdown() noexcept = 0;

    /// What this reactor shares with its registrations.
    reactor_home& home() const noexcept { return home_; }

protected:
    reactor() : home_(*reactor_home::create(*this)) {}

    reactor_home& home_;
};

struct reactor_choice {
    std::unique_ptr<class reactor> reactor;
    reactor_kind kind;
    std::string why;  ///< why it is this one, in words for a start-up line
};

/// Makes a reactor for the calling thread. `automatic` takes io_uring where it works, else epoll;
/// an explicit wish that cannot be met is an error whose message names the cause and the cure.
result<reactor_choice> make_reactor(reactor_kind wanted);

}  // namespace edo::detail
