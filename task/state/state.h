#pragma once

#include <cstdint>

#include <edo/base/check.h>
#include <edo/base/seam/atomic.h>

namespace edo::detail {

// task_state: the life of a task in one atomic word, so that all threads agree on one order of
// events.
//
//              wake (W)                  start (P)
//   idle ───────────────────► queued ───────────────────► running ──── complete (C) ───► complete
//    ▲                          ▲                           │ │
//    │                          │ stop: woken meanwhile (S) │ │  claim (D): idle, queued ─► running
//    │                          └───────────────────────────┘ │  inspect (I): idle ─► running
//    └───────────────── stop: nothing to do (S) ──────────────┘
//
// Bits. `running`: some thread polls, destroys or inspects the task; it alone may touch the frames,
// the lines, `exec` and the spare references. `notified`: the task is to be polled (again): while
// not running it is in exactly one queue. `cancelled`: it is to be dropped instead of polled.
// `complete`: frames are gone, the output is there. `join_interest`: a handle exists that may take
// the output. `join_waker`: join_target holds a counted waker that the completing thread takes.
// `unpolled`: no poll has begun yet. `entry_left`: the task was taken for its first poll (E) while
// its entry stays in a queue; a wake then leaves the task to that entry, so that there is never a
// second one, and who takes the entry clears the bit. The rest counts references: life (until
// complete), the queue entry or the running thread, the handle, each waker, and the spare ones.
//
// Spare references are counted but not given out. The running thread turns one into a waker, and
// gains one when the task becomes idle, without touching the word for it (header.h, spare_refs).
//
//  mark  transition                                   ordering  pairs with
//  W     idle    -> queued, +1 ref (or the waker's)   acq_rel   P, S: the poll sees what preceded
//                                                               the wake
//        running -> running|notified                  acq_rel   S: even if notified already: every
//                                                               waker's writes must be seen, so
//                                                               always an RMW
//        queued, complete: unchanged                  acq_rel   P (same reason) / nothing left to
//                                                               see
//        idle|entry_left -> queued, by that entry     acq_rel   P, S, as above
//  P     queued  -> running                           acq_rel   W; S of the previous poll
//        running, complete or idle: entry is void, -1 ref  R
//  V     clears entry_left with a void entry          release   W, S: the next entry may use what
//                                                               links the queue
//  E     queued|unpolled -> running|entry_left,       relaxed   nothing: the handle of who does it
//        +1 ref                                                 came with all that is in the task
//  S     running -> idle, -1 ref or one more spare    acq_rel   P, D, I: hands the frames over
//        running|notified -> queued; with entry_left  acq_rel   W, and P of the next poll
//        by that entry, and -1 ref or one more spare
//  C     running -> complete                          acq_rel   J: publishes the output; A: takes
//                                                               the waker
//  X     any     -> |cancelled, idle -> queued +1 ref acq_rel   P, S
//  D     idle or queued -> running|cancelled, +1 ref  acq_rel   S; a stale queue entry fails in P
//  K     idle    -> running|cancelled, +1 ref         acq_rel   S
//        queued, running -> |cancelled                acq_rel   P, S
//  I     idle    -> running, +1 ref                   acquire   S
//  A     sets join_waker unless complete              release   C: the completing thread sees the
//                                                               waker
//  A'    clears join_waker unless complete            acquire   nothing; the field is the handle's
//                                                               again
//  J     reads complete                               acquire   C
//  H     handle goes: clears join_interest,           acq_rel   C
//        join_waker; -1 ref if no waker was left,
//        with X that of the queue entry
//  L     +1 ref unless complete                       relaxed   nothing: life is counted still
//  R     reference count down                         acq_rel   R and C of the others: the last one
//                                                               frees
//  R'    finds that all references are the caller's   acquire   R and C of the others, as above;
//                                                               and W of a waker that was borrowed
//
// Dropping: a handle's drop is H (with X); a waker's is R. Model: tests/model/task_model.cpp.
// Stress: tests/stress/task_state_test.cpp, every pair of transitions under TSan.
class task_state {
public:
    static constexpr std::uint64_t running = 1, complete_bit = 2, notified = 4, cancelled = 8,
                                   join_interest = 16, join_waker = 32, unpolled = 64,
                                   entry_left = 128, ref_one = 256;
    /// More than one poll of a task seldom leaves behind.
    static constexpr std::uint8_t most_spare = 4;

    /// A new task: queued, with `refs` references, and with a handle if `has_handle`.
    void init(std::uint64_t refs, bool has_handle) noexcept {
        word_.store(notified | unpolled | (has_handle ? join_interest : 0) | refs * ref_one,
                    relaxed);  // published by the registry's lock and the queue
    }

    /// W. Returns: true when the caller must put the task into a queue (with the new reference).
    bool wake() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        for (;;) {
            std::uint64_t next = seen;
            bool enqueue = false;
            if ((seen & (running | notified | complete_bit | entry_left)) == 0) {
                next = (seen | notified) + ref_one;
                enqueue = true;
            } else if ((seen & complete_bit) == 0) {
                next = seen | notified;
            }
            if (word_.compare_exchange_weak(seen, next, acq_rel, relaxed)) return enqueue;  // W
        }
    }

    enum class wake_end { enqueue, done, last_reference };

    /// W with the reference of a waker, which is used up: it becomes the queue entry's, or is let
    /// go.
    wake_end wake_and_release() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        for (;;) {
            const bool queues = (seen & (running | notified | complete_bit | entry_left)) == 0;
            std::uint64_t next = (seen & complete_bit) != 0 ? seen : seen | notified;
            if (!queues) next -= ref_one;
            if (!word_.compare_exchange_weak(seen, next, acq_rel, relaxed)) continue;  // W, R
            if (queues) return wake_end::enqueue;
            return next / ref_one == 0 ? wake_end::last_reference : wake_end::done;
        }
    }

    enum class start { poll, drop, stale };

    /// P, by the thread that took the task out of a queue. After `stale` the entry's reference is
    /// still the caller's to release.
    start start_poll() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        for (;;) {
            if (is_void(seen)) {
                if (clear_entry_left(seen)) return start::stale;
                continue;
            }
            EDO_ASSERT((seen & notified) != 0);
            const std::uint64_t next = (seen | running) & ~(notified | unpolled | entry_left);
            if (word_.compare_exchange_weak(seen, next, acq_rel, relaxed))  // P
                return (seen & cancelled) != 0 ? start::drop : start::poll;
        }
    }

    /// V, if the entry is void. Returns: true when the entry was; then its
    /// reference is the caller's to release. Else the task is queued by it still.
    bool take_void_entry() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // void or not, clear_entry_left() decides
        while (is_void(seen))
            if (clear_entry_left(seen)) return true;
        return false;
    }

    /// E: takes a queued task for its first poll, whose entry stays where it is.
    /// Returns: false when it has been polled, or is to be dropped.
    bool start_first_poll() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        for (;;) {
            if ((seen & (running | complete_bit | cancelled | unpolled)) != unpolled) return false;
            EDO_ASSERT((seen & notified) != 0);
            const std::uint64_t next =
                ((seen | running | entry_left) & ~(notified | unpolled)) + ref_one;
            if (word_.compare_exchange_weak(seen, next, relaxed, relaxed)) return true;  // E
        }
    }

    /// Whether a poll has begun. Exact for who holds the queue entry.
    bool was_polled() const noexcept {
        return (word_.load(relaxed) & unpolled) == 0;  // the queue that had the entry orders it
    }

    enum class stop { idle, requeue, drop };

    /// S, by the running thread. `dropping`: the task is being dropped already, so that `cancelled`
    /// is no news. `yield`: it wants to be queued again in any case. `spare`: the spare references;
    /// the running thread's becomes one if there are fewer than `most_spare`. After `requeue` the
    /// reference of the running thread belongs to the queue entry; after `drop` the task is still
    /// running.
    stop stop_poll(bool dropping, bool yield, std::uint8_t& spare) noexcept {
        std::uint64_t seen = word_.load(acquire);  // a drop must see what preceded the cancel
        if ((seen & (cancelled | notified | entry_left)) != 0) [[unlikely]]
            return stop_poll_slowly(dropping, yield, spare, seen);
        const std::uint8_t kept = !yield && spare < most_spare ? 1 : 0;
        // Before the word: afterwards the field may be another thread's.
        spare = static_cast<std::uint8_t>(spare + kept);
        const std::uint64_t next =
            yield ? seen ^ (running | notified) : (seen ^ running) - (kept != 0 ? 0 : ref_one);
        if (word_.compare_exchange_weak(seen, next, acq_rel, acquire))  // S
            return yield ? stop::requeue : stop::idle;
        spare = static_cast<std::uint8_t>(spare - kept);
        return stop_poll_slowly(dropping, yield, spare, seen);
    }

    enum class completion {
        unclaimed,  ///< not yet: nobody will take the output, so the caller destroys it first
        has_waker,  ///< the references are kept, and the waker is the caller's
        done,       ///< the references were let go
        is_last     ///< they were the last
    };

    /// C. Lets go of `refs` references in the same step, unless a waker has to be woken first.
    completion complete(std::uint64_t refs, bool has_output) noexcept {
        std::uint64_t seen = word_.load(acquire);  // what came before H is seen
        for (;;) {
            if (has_output && (seen & join_interest) == 0) return completion::unclaimed;
            const bool has_waker = (seen & join_waker) != 0;
            const std::uint64_t next =
                (seen ^ (running | complete_bit)) - (has_waker ? 0 : refs * ref_one);
            if (!word_.compare_exchange_weak(seen, next, acq_rel, acquire)) continue;  // C, R, H
            if (has_waker) return completion::has_waker;
            return next / ref_one == 0 ? completion::is_last : completion::done;
        }
    }

    /// X. Returns: true when the caller must put the task into a queue.
    bool request_cancel() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        for (;;) {
            if ((seen & (complete_bit | cancelled)) != 0) return false;
            std::uint64_t next = seen | cancelled;
            const bool idle = (seen & (running | notified)) == 0;
            const bool queues = idle && (seen & entry_left) == 0;
            if (idle) next |= notified;
            if (queues) next += ref_one;
            if (word_.compare_exchange_weak(seen, next, acq_rel, relaxed)) return queues;  // X
        }
    }

    /// D: takes an idle or queued task away from the executor, to destroy it on this thread.
    /// Returns: false if it is running (and now marked as cancelled) or complete.
    bool claim() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        for (;;) {
            if ((seen & complete_bit) != 0) return false;
            const bool free = (seen & running) == 0;
            const std::uint64_t next =
                free ? (seen | running | cancelled) + ref_one : seen | cancelled;
            if (word_.compare_exchange_weak(seen, next, acq_rel, relaxed)) return free;  // D, X
        }
    }

    /// K: for who drops the tasks of a runtime that ends. Takes an idle task to drop it as a poll
    /// would; any other is dropped by who polls it.
    /// Returns: false if there is nothing to do, also because the task was cancelled before.
    bool claim_idle() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        for (;;) {
            if ((seen & (complete_bit | cancelled)) != 0) return false;
            const bool idle = (seen & (running | notified)) == 0;
            const std::uint64_t next =
                idle ? (seen | running | cancelled) + ref_one : seen | cancelled;
            if (word_.compare_exchange_weak(seen, next, acq_rel, relaxed)) return idle;  // K
        }
    }

    /// I: keeps an idle task from being polled while its frames are looked at.
    bool begin_inspection() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        for (;;) {
            if ((seen & (running | notified | complete_bit)) != 0) return false;
            // I
            if (word_.compare_exchange_weak(seen, (seen | running) + ref_one, acquire, relaxed))
                return true;
        }
    }

    /// S for I. Returns: true when the caller must put the task into a queue, because it was woken
    /// or cancelled meanwhile; else the caller's reference is still to be released.
    bool end_inspection() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        for (;;) {
            // A cancel that came while the task looked busy has left it to us to queue it.
            const bool again = (seen & (notified | cancelled)) != 0;
            const std::uint64_t next = again ? (seen & ~running) | notified : seen & ~running;
            if (word_.compare_exchange_weak(seen, next, acq_rel, relaxed))  // S
                return again && (seen & entry_left) == 0;
        }
    }

    bool is_complete() const noexcept { return (word_.load(acquire) & complete_bit) != 0; }  // J

    /// For dumps: the bits at some recent moment.
    // a picture, nothing follows
    std::uint64_t peek() const noexcept { return word_.load(relaxed); }

    /// R', of a task that is not complete: whether nobody will take its output, and all references
    /// to it are the caller's, `count`. Then nobody finds it any more but by the registry.
    bool is_unshared(std::uint64_t count) const noexcept {
        const std::uint64_t seen = word_.load(acquire);  // R'
        return seen / ref_one == count && (seen & (join_interest | join_waker)) == 0;
    }

    bool has_join_waker() const noexcept {
        return (word_.load(relaxed) & join_waker) != 0;  // only the handle changes it
    }

    /// The same, of a task that is not complete.
    bool is_awaited_by_handle() const noexcept {
        return (word_.load(relaxed) & (join_waker | complete_bit)) ==
               join_waker;  // one look, so that a completion in between is no join waker
    }

    /// A. Returns: false when the task is complete: then the waker will not be used.
    bool set_join_waker() noexcept {
        std::uint64_t seen = word_.load(acquire);  // J
        for (;;) {
            if ((seen & complete_bit) != 0) return false;
            if (word_.compare_exchange_weak(seen, seen | join_waker, release, acquire))  // A, J
                return true;
        }
    }

    /// A'. Returns: false when the task is complete: then the waker belongs to the completing
    /// thread.
    bool clear_join_waker() noexcept {
        std::uint64_t seen = word_.load(acquire);  // J
        for (;;) {
            if ((seen & complete_bit) != 0) return false;
            if (word_.compare_exchange_weak(seen, seen & ~join_waker, acquire, acquire))  // A', J
                return true;
        }
    }

    struct handle_dropped {
        bool complete;   ///< the output is the handle's to destroy, and its reference to release
        bool had_waker;  ///< join_target is the handle's to clear, and its reference to release
        bool enqueue;    ///< cancelled from idle: the caller must queue the task
    };

    /// H. `cancel` says whether the drop also asks the task to end. Unless the answer says that the
    /// handle's reference is still to be released, it is gone, or is the queue entry's.
    handle_dropped drop_handle(bool cancel) noexcept {
        std::uint64_t seen = word_.load(acquire);  // J
        for (;;) {
            if ((seen & complete_bit) != 0) return {true, false, false};
            const bool had_waker = (seen & join_waker) != 0;
            std::uint64_t next = seen & ~(join_interest | join_waker);
            bool enqueue = false;
            if (cancel && (seen & cancelled) == 0) {
                next |= cancelled;
                const bool idle = (seen & (running | notified)) == 0;
                enqueue = idle && (seen & entry_left) == 0;
                if (idle) next |= notified;
            }
            // Not the last one, because life is counted still.
            if (had_waker && enqueue) next += ref_one;
            if (!had_waker && !enqueue) next -= ref_one;
            if (word_.compare_exchange_weak(seen, next, acq_rel, acquire))  // H, X, R, J
                return {false, had_waker, enqueue};
        }
    }

    /// H without a cancel, and without all that is rare. Returns: false, having done nothing, when
    /// drop_handle() is to be asked instead.
    bool drop_handle_simply() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        if ((seen & (complete_bit | join_waker)) != 0) return false;
        const std::uint64_t next = (seen & ~join_interest) - ref_one;
        return word_.compare_exchange_weak(seen, next, acq_rel, relaxed);  // H, R
    }

    /// One more reference. Relaxed: who adds one holds one, so the count cannot fall to zero
    /// meanwhile.
    void add_ref() noexcept { word_.fetch_add(ref_one, relaxed); }

    /// L. For who finds the task in the registry: while it is listed and not complete, it lives.
    bool add_ref_unless_complete() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        do {
            if ((seen & complete_bit) != 0) return false;
        } while (!word_.compare_exchange_weak(seen, seen + ref_one, relaxed, relaxed));  // L
        return true;
    }

    /// R. Returns: true for the last `count` references: the caller frees the task.
    bool release_refs(std::uint64_t count = 1) noexcept {
        // Whoever could add one holds one, so if all are the caller's the number stays.
        const std::uint64_t seen = word_.load(acquire);  // R'
        if (seen / ref_one == count && (seen & complete_bit) != 0) return true;
        const std::uint64_t before = word_.fetch_sub(count * ref_one, acq_rel);  // R
        EDO_ASSERT(before / ref_one >= count);
        return before / ref_one == count;
    }

private:
    // The rest of stop_poll(), after a look at the word.
    [[gnu::noinline]] stop stop_poll_slowly(bool dropping,
                                            bool yield,
                                            std::uint8_t& spare,
                                            std::uint64_t seen) noexcept {
        const std::uint8_t had = spare;
        const bool keeps = had < most_spare;
        for (;;) {
            const bool drops = (seen & cancelled) != 0 && !dropping;
            const bool again = yield || (seen & notified) != 0;
            const bool queues = again && (seen & entry_left) == 0;
            // Before the word, as above.
            spare = static_cast<std::uint8_t>(had + (keeps && !queues && !drops ? 1 : 0));
            if (drops) return stop::drop;
            const std::uint64_t next =
                ((seen & ~running) | (again ? notified : 0)) - (queues || keeps ? 0 : ref_one);
            if (word_.compare_exchange_weak(seen, next, acq_rel, acquire))  // S
                return queues ? stop::requeue : stop::idle;
        }
    }

    // Whether a queue entry is void: the task was claimed, or polled by E, and not woken since.
    static bool is_void(std::uint64_t word) noexcept {
        return (word & (running | complete_bit)) != 0 || (word & notified) == 0;
    }

    // The entry is about to go. Returns: false when `seen` is out of date, and renewed.
    bool clear_entry_left(std::uint64_t& seen) noexcept {
        // Nobody queues the task any more: it has ended, or was claimed to be destroyed.
        if ((seen & complete_bit) != 0 || (seen & entry_left) == 0) return true;
        return word_.compare_exchange_weak(seen, seen & ~entry_left, release, relaxed);  // V
    }

    atomic<std::uint64_t> word_{0};
};

}  // namespace edo::detail
