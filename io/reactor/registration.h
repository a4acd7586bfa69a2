#pragma once

#include <cstdint>
#include <system_error>

#include <edo/base/check.h>
#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/spin_lock.h>
#include <edo/io/reactor/home.h>
#include <edo/io/reactor/readiness.h>
#include <edo/task/state/kept_task.h>
#include <edo/task/waker.h>

namespace edo {
class context;
}

namespace edo::detail {

/// The place of a waiting operation in the list of its registration. Lives in the operation.
class io_waiter : public list_node {
protected:
    explicit io_waiter(interest what) noexcept : what_(what) {}

    interest what_;
    // Linked. The operation's own, unlike the node, whose neighbours change it.
    bool is_waiting_ = false;

    /// For the operation's release_line().
    void release_line() noexcept {
        if (is_waiting_) kept_.keep(target_);
    }

private:
    friend class registration;
    wake_target target_;  // changed by the operation only, under the registration's lock
    kept_task kept_;
};

/// How a connection is ended where the kernel holds the file open beyond close().
enum class farewell : std::uint8_t {
    none,    ///< nothing to say: not a stream
    stream,  ///< shutdown(SHUT_WR), so that the peer sees the end at once
    listen,  ///< shutdown(SHUT_RDWR), so that the port is free at once
};

// registration: everything the library knows of one descriptor. The record, not the number, is what
// the kernel's events name, so a reused number can never be taken for its predecessor.
//
// Counts. `owners_`: the sockets and halves in users' hands. `refs_`: one for all owners together,
// and one for each waiting operation. When the last owner goes, waiting operations are told
// (errc::closed) and let go of their references as they are polled or dropped; the last reference
// closes the descriptor. So a call of a waiting operation can never hit a number that was closed
// and reused meanwhile.
//
// Waiting (lock_ protects the list of waiters and each waiter's target):
//   operation: look; call; would block: clear; lock; look: news? unlock, again : link, unlock
//   reactor:   set (E); lock; wake each waiter that is concerned; unlock
// Whichever locks first, no event is lost: see readiness.h. A waiter stays linked until its
// operation is done or dropped, so a later event may wake it again. Its task's cell is alive while
// it is linked; an operation that outlives the line of its last poll keeps it (release_line).
//
// Attaching happens at the first wait, at the reactor of the worker that polls, and lasts for life:
//
//   none ──claim (A)──► busy ──attached (D)──► done
//    ▲                   │
//    └──── refused (D) ──┘     every waiter is woken and tries for itself
//
//  mark  where           transition              ordering  pairs with
//  A     attach          none -> busy            acquire   D: sees that an earlier try is over
//  D     attach          busy -> done or none    release   A, L
//  L     attach          finds done              acquire   D
//  O     add_owner       owners_ + 1             relaxed   nothing: who adds one is one
//  P     drop_owner      owners_ - 1             acq_rel   P of the others: the last is after all
//  F     wait            refs_ + 1               relaxed   nothing: an owner let the caller in
//  G     let_go          refs_ - 1               acq_rel   G of the others: the last is after all
//  H     drop_owner      reads refs_             acquire   G: who finds 1 is after the others
//
// A loser of A waits like everybody else: it is linked, and the winner's attach brings its event.
// In busy and done `home_` belongs to the winner; it is read by the last reference only.
// Model: tests/model/readiness_model.cpp. Stress: tests/net/runtime_net_test.cpp
// (destroyed_stream), tests/cancel.
class alignas(64) registration
    : public list_node {  // the node: home's members or leaving, under home's lock
public:
    /// Takes ownership of `fd`, which is open and non-blocking. One owner. Throws std::bad_alloc;
    /// then `fd` is still the caller's.
    static registration* create(int fd, farewell how);
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;

    int fd() const noexcept { return fd_; }

    readiness_view look() const noexcept { return readiness_.look(); }

    void clear(interest what, readiness_view before) noexcept { readiness_.clear(what, before); }

    /// Whether events say what is ready. Before, only a call can tell.
    bool is_attached() const noexcept { return attached_.load(acquire) == attach_done; }  // L

    /// Has `w` woken at the next event that concerns it, unless one has come since `before`.
    /// Returns: false when it has; then there may be something to do.
    bool wait(io_waiter& w, wake_target target, readiness_view before) noexcept;
    /// Ends that. The record may be gone afterwards. Requires: `w` waits.
    void forget(io_waiter& w) noexcept;
    /// Sees to it that events come: registers with the reactor of the polling worker.
    std::error_code attach(context& cx) noexcept;

    /// One more socket or half refers to the descriptor.
    void add_owner() noexcept { owners_.fetch_add(1, relaxed); }  // O

    /// One less; the last one closes the descriptor, now or when the last waiting operation has let
    /// go.
    void drop_owner() noexcept;
    /// As drop_owner(), but gives the descriptor back open. Requires: one owner, and nobody waits.
    int surrender() noexcept;

    /// For reactors: an event has come, with bits of readiness_view.
    void happened(std::uint32_t bits) noexcept;
    /// For reactors: frees a record that left. The descriptor is closed already.
    void free() noexcept;

private:
    static constexpr std::uint8_t attach_none = 0, attach_busy = 1, attach_done = 2;

    registration(int fd, farewell how) noexcept : fd_(fd), farewell_(how) {}

    ~registration() = default;
    void wake_waiters(readiness_view news) noexcept;
    std::error_code join_home_of(reactor& at) noexcept;
    void let_go() noexcept;

    // What each operation and each event touches lies in one cache line.
    readiness readiness_;
    spin_lock lock_;
    intrusive_list<io_waiter> waiters_;
    reactor_home* home_ = nullptr;
    atomic<std::uint32_t> refs_{1};
    atomic<std::uint32_t> owners_{1};
    int fd_;
    farewell farewell_;
    atomic<std::uint8_t> attached_{attach_none};

public:
    /// The reactor's own notes, and one of its home's rescuer; under home's lock, or its thread's.
    struct notes {
        registration* next = nullptr;  ///< in the list of requests that found no room in the queue
        std::uint32_t rescue_entry = 0;  ///< where a rescue watches it; see rescue.h
        bool armed = false;              ///< the kernel knows the record
        bool arm_waits = false;          ///< the request for that found no room
        bool end_waits = false;          ///< the request to forget the record found no room
        bool left = false;               ///< was detached
        bool ending = false;             ///< the kernel was asked to forget the record, or will be
    } reactor_notes;
};

}  // namespace edo::detail
