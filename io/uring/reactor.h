#pragma once

#include <cstddef>
#include <memory>

#include <edo/io/notifier/notifier.h>
#include <edo/io/reactor/reactor.h>
#include <edo/io/uring/ring.h>

namespace edo::detail {

// uring_reactor: a reactor on io_uring, by one multishot poll per descriptor. The record's address
// is the request's tag.
//
// A record's way (its notes are the owner's; what detach() touches is under home's lock):
//
//   attach ──► requested ──► armed ──── detach ────► ending ── last report ──► freed
//                   ▲          │
//                   └──────────┘ the poll ended by itself: requested again at once
//
// The kernel holds a tag from the request to add until the report marked as the last. A record is
// freed only after that report, so a report can never name memory that is gone; a reused descriptor
// number is another record and another tag.
//
// Requests that find the queue full stay in a list (put_off_, through notes.next) and are made at
// the next turn: none is lost, above all no removal.
//
// A poll holds the file open: after detach() on the owner's thread the kernel has let go, so that
// close() ends the connection as ever. On another thread, and when the kernel has more to do than
// it does in one call, that has to wait for the owner's next turn (it is woken); the caller then
// ends a connection by shutdown(2) before close(), see registration.cpp. If the poll of such a
// record is re-armed in that moment, its number may be another file's by then; that file gets a
// poll for one turn, whose reports nobody waits for.
class uring_reactor final : public reactor {
public:
    /// Fails with the kernel's number if there is no io_uring here, or none that is good enough.
    static result<std::unique_ptr<reactor>> create();
    ~uring_reactor() override;

    reactor_kind kind() const noexcept override { return reactor_kind::io_uring; }

    std::error_code attach(registration& r) noexcept override;
    detachment detach(registration& r) noexcept override;
    using reactor::poll;
    unsigned poll(duration limit, unsigned most) noexcept override;

    void wake() noexcept override;
    void shutdown() noexcept override;

private:
    uring_reactor() = default;
    int open() noexcept;
    bool is_here() const noexcept;
    void arm_notifier() noexcept;
    void arm(registration& r) noexcept;
    detachment end(registration& r) noexcept;
    void request_end(registration& r) noexcept;
    void put_off(registration& r) noexcept;
    void take_back(registration& r) noexcept;
    void make_requests_put_off() noexcept;
    void end_those_that_left() noexcept;
    void end_those_that_left_locked() noexcept;
    unsigned take_reports(unsigned& room) noexcept;
    bool take_report(const ring::report& news) noexcept;
    void take_last_report(registration& r, std::int32_t answer) noexcept;

    ring ring_;
    notifier notifier_;
    const void* thread_ = nullptr;         // the owner's
    registration* put_off_ = nullptr;      // whose request found no room in the queue
    intrusive_list<registration> ending_;  // whose last report is still to come
    std::size_t armed_ = 0;                // records that the kernel knows
    bool notifier_is_armed_ = false;
    bool was_notified_ = false;
    bool is_shut_down_ = false;  // reports may name records that are gone
};

}  // namespace edo::detail
