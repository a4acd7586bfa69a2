#pragma once

#include <cstdint>

#include <edo/base/check.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/counter.h>
#include <edo/base/seam/tuning.h>
#include <edo/runtime/scheduler/inject_queue.h>
#include <edo/task/state/task_list.h>

namespace edo::detail {

// local_queue: the ring of tasks of one worker. The owner pushes and pops; other workers steal
// half.
//
//          steal         real                        tail
//   ... free │ being copied │ queued: next to run first │ free ...
//            └── one thief ──┘
//
// All three positions only grow, modulo 2^32; a slot is position modulo the capacity. `steal` and
// `real` lie in one word (head_), so that a thief claims tasks with one CAS. While steal == real
// nobody steals; a thief moves `real` forward over what it takes, copies, then moves `steal` after
// it. Only one thief works on a ring at a time; the owner goes on popping from `real` meanwhile,
// and treats [steal, tail) as occupied.
//
// Slots [real, tail) belong to the ring, [steal, real) to the thief, the rest to the owner. tail_
// is written by the owner alone.
//
//  mark  where  transition             ordering          pairs with
//  T     push   tail + 1               seq_cst           S: the thief sees the slot; and the idle
//                                                        word, for the reason given at L in
//                                                        inject_queue.h
//  H     push   reads head             acquire           F: the thief has read the reused slots
//  P     pop    real + 1               acq_rel, acquire  C, F: one order of all claims
//  O     spill  real and steal + half  acq_rel, relaxed  C, F: fails if a thief came first
//  S     steal  reads head and tail    seq_cst           T
//  C     steal  real + half            acq_rel, acquire  P, O: what is claimed is claimed once
//  F     steal  steal = real           acq_rel, acquire  H: the copies are done
//  N     push,  tail or head + 1       relaxed           nothing: nobody steals or sleeps yet; see
//        pop                                             sole_mode.h
//
// A task in the ring holds the reference of its queue entry. The ring is never dropped with tasks
// in it: its worker drains it before it ends.
// Model: tests/model/local_queue_model.cpp. Stress: tests/stress/local_queue_test.cpp, owner
// against thieves, with overflow.
// Source: the run queue of Tokio, whose idea of the two heads this is.
class local_queue {
public:
    static constexpr std::uint32_t capacity = tuning::local_queue_capacity;

    /// Owner only. When the ring is full, half of it (the older tasks) and `task` go to `overflow`;
    /// but for void entries, which are dropped.
    /// `alone`: there is no other worker, so nobody steals or sleeps; see sole_mode.h.
    void push(task_header& task, inject_queue& overflow, bool alone) noexcept {
        for (;;) {
            const std::uint64_t head = head_.load(acquire);  // H
            const std::uint32_t tail = own_tail();
            if (tail - steal_of(head) < capacity) {
                slot(tail).store(&task, relaxed);  // published by the store of tail_
                if (alone) {
                    tail_.store(tail + 1, relaxed);  // N
                } else {
                    tail_.store(tail + 1, seq_cst);  // T
                }
                return;
            }
            if (steal_of(head) != real_of(head)) {
                // A thief is about to make room; this one task need not wait for it.
                overflow.push(task);
                return;
            }
            if (spill(head, task, overflow)) return;
        }
    }

    /// Owner only. The oldest task, or null. `alone` as above.
    task_header* pop(bool alone) noexcept {
        std::uint64_t head = head_.load(acquire);  // H
        for (;;) {
            const std::uint32_t real = real_of(head);
            if (real == own_tail()) return nullptr;
            if (alone) {
                head_.store(pack(real + 1, real + 1), relaxed);  // N
                return slot(real).load(relaxed);                 // the owner wrote it
            }
            const bool stealing = steal_of(head) != real;
            const std::uint64_t next = pack(stealing ? steal_of(head) : real + 1, real + 1);
            if (head_.compare_exchange_weak(head, next, acq_rel, acquire))  // P
                return slot(real).load(relaxed);                            // the owner wrote it
        }
    }

    /// Moves half of this ring's tasks to `mine`, the calling worker's own.
    /// Returns: one of them, to be run at once; null if there was nothing, or another thief was
    ///          quicker.
    task_header* steal_into(local_queue& mine) noexcept {
        const std::uint32_t to = mine.own_tail();
        // Another worker may be stealing from `mine`: what it copies is still occupied.
        const std::uint64_t my_head = mine.head_.load(acquire);  // H
        if (to - steal_of(my_head) > capacity / 2) return nullptr;

        std::uint64_t head = head_.load(seq_cst);  // S
        std::uint64_t claimed = 0;
        std::uint32_t count = 0;
        do {
            if (steal_of(head) != real_of(head)) return nullptr;
            const std::uint32_t queued = tail_.load(seq_cst) - real_of(head);  // S
            count = queued - queued / 2;
            if (count == 0) return nullptr;
            // The head is older than the tail: between the two reads the owner may have gone on,
            // and then the CAS fails.
            if (count > capacity / 2) count = capacity / 2;
            claimed = pack(steal_of(head), real_of(head) + count);
        } while (!head_.compare_exchange_weak(head, claimed, acq_rel, acquire));  // C

        const std::uint32_t from = steal_of(head);
        for (std::uint32_t i = 0; i < count; ++i) {
            task_header* const task =
                slot(from + i).load(relaxed);        // visible since the tail was read
            mine.slot(to + i).store(task, relaxed);  // published by the store of tail_ below
        }
        // Give the slots back. `real` may have moved on meanwhile: the owner pops.
        head = claimed;
        while (!head_.compare_exchange_weak(head, pack(real_of(head), real_of(head)), acq_rel,
                                            acquire)) {  // F
        }

        task_header* const taken = mine.slot(to + count - 1).load(relaxed);  // this thread wrote it
        if (count > 1) mine.tail_.store(to + count - 1, seq_cst);            // T
        mine.stolen_.add(count);
        return taken;
    }

    /// How many tasks are queued. Any thread; exact for the owner if nobody steals.
    std::uint32_t size() const noexcept {
        const std::uint64_t head = head_.load(seq_cst);                  // S
        const std::uint32_t size = tail_.load(seq_cst) - real_of(head);  // S
        return size <= capacity ? size : capacity;  // the two reads may straddle a change
    }

    bool is_empty() const noexcept { return size() == 0; }

    /// How often half of the ring went to the inject queue. Any thread.
    std::uint64_t spills() const noexcept { return spills_.get(); }

    /// How many tasks were taken from other rings. Any thread.
    std::uint64_t stolen() const noexcept { return stolen_.get(); }

private:
    static constexpr std::uint64_t pack(std::uint32_t steal, std::uint32_t real) noexcept {
        return std::uint64_t{steal} << 32 | real;
    }

    static constexpr std::uint32_t steal_of(std::uint64_t head) noexcept {
        return static_cast<std::uint32_t>(head >> 32);
    }

    static constexpr std::uint32_t real_of(std::uint64_t head) noexcept {
        return static_cast<std::uint32_t>(head);
    }

    static_assert((capacity & (capacity - 1)) == 0, "positions wrap around at a power of two");

    atomic<task_header*>& slot(std::uint32_t position) noexcept {
        return slots_[position & (capacity - 1)];
    }

    std::uint32_t own_tail() const noexcept {
        return tail_.load(relaxed);  // written by the same thread
    }

    // The ring is full and nobody steals. Returns: false if a thief has changed that.
    // Rare, and out of line so that push() needs no registers for it.
    [[gnu::noinline]] bool spill(std::uint64_t head,
                                 task_header& task,
                                 inject_queue& overflow) noexcept {
        constexpr std::uint32_t half = capacity / 2;
        const std::uint32_t from = real_of(head);
        if (!head_.compare_exchange_strong(head, pack(from + half, from + half), acq_rel,
                                           relaxed))  // O; failure: look again
            return false;
        task_list spilled;
        for (std::uint32_t i = 0; i < half; ++i) {
            task_header* const each = slot(from + i).load(relaxed);  // the owner wrote it
            if (!each->drop_void_entry()) spilled.push_back(*each);
        }
        spilled.push_back(task);
        overflow.push_all(spilled);
        spills_.add();
        return true;
    }

    alignas(64) atomic<std::uint64_t> head_{0};
    alignas(64) atomic<std::uint32_t> tail_{0};
    atomic<task_header*> slots_[capacity] = {};
    counter spills_;
    counter stolen_;
};

}  // namespace edo::detail
