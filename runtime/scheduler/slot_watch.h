#pragma once

#include <edo/base/seam/atomic.h>

namespace edo::detail {

// slot_watch: who looks after the tasks in the slots of workers that do not come back from a poll.
//
// Most tasks in a slot run a moment later, on a warm worker; to wake another one for each would
// cost far more than it gains. So one idle worker, the watcher, wakes up now and then and looks: a
// task that it finds behind the same poll twice is stolen. When there was nothing in any slot for a
// while the watch ends, so that an idle runtime sleeps.
//
//          call (C)             begin (B)
//   off ─────────────► wanted ─────────────► watched
//    ▲                                          │
//    └───────────── end (E) ────────────────────┘
//
//  mark  where    transition         ordering  pairs with
//  C     call     off -> wanted      seq_cst   E: sees that the watch is off after a slot was
//                                              filled (F in lifo_slot.h). And N in idle.h, which
//                                              follows: see below
//  B     begin    wanted -> watched  seq_cst   C, and Z in idle.h, which precedes it
//  E     end      watched -> off     seq_cst   C, and L in lifo_slot.h, which follows
//  W     is_wanted reads             seq_cst   C, and F in idle.h, which precedes it
//
// No filled slot is forgotten: who fills one reads the state afterwards; who ends the watch changes
// the state and then looks at all slots. In the one order of these seq_cst operations, either the
// look finds the task, or the filler finds the watch off and calls.
//
// No call is forgotten: the caller wakes a sleeper unless somebody searches or nobody sleeps. A
// searcher that finds work asks (W) after it has given up searching, and passes the call on; a
// worker that goes to sleep begins the watch, if it is wanted, after it has joined the sleepers.
//
// What the watcher remembers of the others belongs to who watches. Model:
// tests/model/lifo_slot_model.cpp. Stress: tests/stress/scheduler_test.cpp.
class slot_watch {
public:
    /// Returns: true when the caller must wake somebody.
    bool call() noexcept {
        if (state_.load(seq_cst) != state::off) return false;  // C
        state seen = state::off;
        return state_.compare_exchange_strong(seen, state::wanted, seq_cst, seq_cst);  // C
    }

    bool is_wanted() const noexcept { return state_.load(seq_cst) == state::wanted; }  // W

    /// Returns: true when the caller is the watcher now.
    bool begin() noexcept {
        if (!is_wanted()) return false;
        state seen = state::wanted;
        return state_.compare_exchange_strong(seen, state::watched, seq_cst, seq_cst);  // B
    }

    void end() noexcept { state_.store(state::off, seq_cst); }  // E

private:
    enum class state : unsigned char { off, wanted, watched };

    alignas(64) atomic<state> state_{state::off};
};

}  // namespace edo::detail
