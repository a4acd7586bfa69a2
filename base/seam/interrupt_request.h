#pragma once
// How a thread asks another one to stand still for a look; without the signal that tells it.

#include <cstdint>
#include <sys/ucontext.h>

#include <edo/base/clock.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/futex.h>
#include <edo/base/seam/interrupt.h>

namespace edo::detail {

// interrupt_request: one thread asks another one to stop. The word says how far that is, and who is
// asked.
//
//            ask (A)            turn in (T)           stop (S)            release (R)
//   idle ─────────────► asked ─────────────► coming ───────────► stopped ──────────────► idle
//    ▲                    │
//    └─── give up (G) ────┘
//
// registers_ belongs to whom is asked from T to S, then to the asker until R. Only the thread that
// the word names makes T, so that a signal that somebody else sent, or that comes late, stops
// nobody and touches nothing.
//
//  mark  where    transition          ordering  pairs with
//  A     ask      idle -> asked       release   T: the look before this one is over
//  T     handle   asked -> coming     acquire   A
//  S     handle   coming -> stopped   release   S': sees the registers
//  S'    ask      finds stopped       acquire   S
//  G     ask      asked -> idle       relaxed   nothing: nobody has done anything; where it fails
//                                               S' follows
//  R     ask      stopped -> idle     release   R'
//  R'    handle   finds it not so     acquire   R: the look is over before the thread goes on
//
// Model: tests/model/interrupt_model.cpp.
class interrupt_request {
public:
    /// Sends the signal whose handler calls handle(). Returns: false if there is no such thread.
    using signal_sender = bool (*)(int thread_id) noexcept;

    /// Calls `look` while the thread stands still. One asks at a time.
    /// Returns: false when the thread did not stop within `limit`.
    bool ask(int thread_id,
             duration limit,
             signal_sender send,
             interrupted_look look,
             void* argument) noexcept {
        state_.store(word(asked, thread_id), release);  // A
        bool has_stopped = false;
        if (send(thread_id)) has_stopped = await_stop(thread_id, limit);
        std::uint32_t expected = word(asked, thread_id);
        // G
        if (!has_stopped && state_.compare_exchange_strong(expected, idle, relaxed, relaxed))
            return false;
        if (!has_stopped) await_stop(thread_id, duration::max());  // it is coming
        look(argument, *registers_);
        state_.store(idle, release);  // R
        futex_wake(state_, 1);
        return true;
    }

    /// In the signal handler, on the thread with the number `own_id`.
    void handle(int own_id, const ucontext_t& registers) noexcept {
        std::uint32_t expected = word(asked, own_id);
        // T; failure: it was given up, or another one is asked
        if (!state_.compare_exchange_strong(expected, word(coming, own_id), acquire, relaxed))
            return;
        registers_ = &registers;
        const std::uint32_t stopped_here = word(stopped, own_id);
        state_.store(stopped_here, release);  // S
        futex_wake(state_, 1);
        while (state_.load(acquire) == stopped_here)  // R'
            futex_wait(state_, stopped_here, duration::max());
    }

private:
    bool await_stop(int thread_id, duration limit) noexcept {
        const instant end = saturating_add(monotonic_clock::read(), limit);
        for (instant now = monotonic_clock::read();; now = monotonic_clock::read()) {
            const std::uint32_t found = state_.load(acquire);  // S'
            if (found == word(stopped, thread_id)) return true;
            if (now >= end) return false;
            futex_wait(state_, found, end == instant::max() ? duration::max() : end - now);
        }
    }

    static constexpr std::uint32_t idle = 0, asked = 1, coming = 2, stopped = 3;

    // Linux has no thread ids above 2^22.
    static constexpr std::uint32_t word(std::uint32_t state, int thread_id) noexcept {
        return static_cast<std::uint32_t>(thread_id) << 2U | state;
    }

    atomic<std::uint32_t> state_{idle};
    const ucontext_t* registers_ = nullptr;
};

}  // namespace edo::detail
