#pragma once

#include <cstdint>

#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/mutex.h>

namespace edo::detail {

/// A worker in the list of those that sleep.
struct sleeper : list_node {};

// idle_workers: who sleeps, and how many search for work. Keeps two promises with few wakes:
// a task that is queued while a worker sleeps is found by somebody, and at most one worker is on
// its way at a time because of pushes: it wakes the next one only if it finds that there is more to
// do.
//
//   working ── try_search (B) ──► searching ── stop_searching (F): found something ──► working
//      │                              │
//      └── sleep (Z) ──► sleeping ◄───┘ sleep (Z)
//                           │
//                           ├── wake_one (W): chosen by somebody who queued a task ──► searching
//                           └── leave (Z'): woken by its own reactor ──► working
//
// word_ holds both counts. The list of sleepers belongs to who holds lock_; the count of sleepers
// changes with it. Whoever queues a task reads the word afterwards (N). It wakes nobody in two
// cases, and in both somebody looks at all queues later on:
//
//   - Somebody searches. The last one to give that up changes the word and then looks again (F, Z).
//   - Nobody sleeps. A worker that goes to sleep changes the word (Z) and then looks again, unless
//     somebody searches now, who does it instead. It must also look if it has not searched itself:
//     it may have been refused as a searcher, and those who searched then are at work by now.
//
// In the one order of these seq_cst operations and those on the queues (L and E in inject_queue.h,
// T and S in local_queue.h), either N comes before the change: then the queue's change does too,
// and the rescan finds the task; or N sees that nobody searches and somebody sleeps, and wakes a
// sleeper.
//
//  mark  where           transition               ordering  pairs with
//  N     needs_wake      reads both               seq_cst   F, Z: see above
//  B     try_search      searching + 1            seq_cst   nothing: more searchers are no harm
//  F     stop_searching  searching - 1            seq_cst   N; the queues' T and L
//  Z     sleep           sleeping + 1, and        seq_cst   N; the queues' T and L
//                        searching - 1 if it was
//  Z'    leave           sleeping - 1             seq_cst   nothing: the worker looks at its queues
//  W     wake_one        sleeping - 1 and         seq_cst   N of others: they leave the work to
//                        searching + 1                      this one
//
// A sleeper is taken off the list before it is woken, so each wake reaches another one; a worker
// that ends leaves the list first. Model: tests/model/idle_model.cpp. Stress:
// tests/stress/scheduler_test.cpp.
class idle_workers {
public:
    /// At most half of `workers` search at a time: more would only disturb each other.
    void set_worker_count(std::uint32_t workers) noexcept { most_searchers_ = (workers + 1) / 2; }

    /// True when somebody sleeps and nobody searches.
    bool needs_wake() const noexcept {
        const std::uint64_t word = word_.load(seq_cst);  // N
        return searching_in(word) == 0 && sleeping_in(word) != 0;
    }

    /// Chooses a sleeper; it is searching from now on, and the caller wakes it.
    /// Returns: null when somebody searches already, or nobody sleeps.
    sleeper* wake_one() noexcept {
        if (!needs_wake()) return nullptr;
        mutex_lock guard(lock_);
        if (!needs_wake()) return nullptr;
        sleeper* const chosen = sleepers_.pop_front();
        if (chosen != nullptr) word_.fetch_add(one_searching - one_sleeping, seq_cst);  // W
        return chosen;
    }

    bool try_search() noexcept {
        std::uint64_t word = word_.load(relaxed);  // the CAS decides
        do {
            if (searching_in(word) >= most_searchers_) return false;
        } while (!word_.compare_exchange_weak(word, word + one_searching, seq_cst, relaxed));  // B
        return true;
    }

    /// Returns: true when this was the last searcher: then it looks whether there is more to do.
    bool stop_searching() noexcept {
        return searching_in(word_.fetch_sub(one_searching, seq_cst)) == 1;  // F
    }

    /// Goes to sleep.
    /// Returns: true when nobody searches now: then the caller looks at all queues again, because
    ///          what was queued while it was awake has perhaps woken nobody.
    bool sleep(sleeper& me, bool searching) noexcept {
        mutex_lock guard(lock_);
        sleepers_.push_front(me);  // the next to be woken: what it has worked with is still near
        const std::uint64_t change = one_sleeping - (searching ? one_searching : 0);
        return searching_in(word_.fetch_add(change, seq_cst) + change) == 0;  // Z
    }

    /// Gets up. Returns: true when somebody had chosen this worker: it is searching then.
    bool leave(sleeper& me) noexcept {
        mutex_lock guard(lock_);
        if (!me.is_linked()) return true;
        me.unlink();
        word_.fetch_sub(one_sleeping, seq_cst);  // Z'
        return false;
    }

    /// True when exactly one worker searches: asked by one that does.
    bool is_only_searcher() const noexcept {
        return searching_in(word_.load(relaxed)) == 1;  // only decides whether to spin
    }

private:
    static constexpr std::uint64_t one_searching = 1;
    static constexpr std::uint64_t one_sleeping = std::uint64_t{1} << 32;

    static constexpr std::uint32_t searching_in(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word);
    }

    static constexpr std::uint32_t sleeping_in(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word >> 32);
    }

    alignas(64) atomic<std::uint64_t> word_{0};
    alignas(64) mutex lock_;
    intrusive_list<sleeper> sleepers_;
    std::uint32_t most_searchers_ = 1;
};

}  // namespace edo::detail
