#pragma once

#include <cstdint>

#include <edo/base/seam/atomic.h>

namespace edo::detail {

// presence: what a worker says of itself to the monitor, which sleeps while all workers rest.
//
//   starting ──► awake ◄──► parked
//      │         │  ▲
//      │         │  └─────► aside: serves its driver, and so is not blocked, though it may be
//      ▼         ▼                 inside a poll
//     gone ◄─────┘
//
//  mark  where   transition     ordering  pairs with
//  A     appear  any -> any     seq_cst   B. And L in monitor.h, which follows: either the worker
//                                         finds the monitor asleep, or B finds the worker awake
//  B     look    reads          seq_cst   A. And S in monitor.h, which precedes it
//  R     renew   gone ->        relaxed   nothing: the start of the worker's thread publishes it
//                starting
class presence {
public:
    enum class kind : std::uint8_t { starting, awake, parked, aside, gone };

    void appear(kind how) noexcept { kind_.store(how, seq_cst); }  // A

    kind look() const noexcept { return kind_.load(seq_cst); }  // B

    void renew() noexcept { kind_.store(kind::starting, relaxed); }  // R

private:
    atomic<kind> kind_{kind::starting};
};

}  // namespace edo::detail
