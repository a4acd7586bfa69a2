#pragma once

#include <edo/base/seam/atomic.h>

namespace edo::detail {

class task_header;

// lifo_slot: the task that was woken last on a worker, and runs next there.
//
//            fill (F)                      take (T): the owner runs it
//   empty ─────────────► taken (a task) ──┬───────────────────────────► empty
//              taken ─── fill (F'): the other task is displaced ──► taken
//                                         └ steal (S): the owner is stuck in a poll ─► empty
//
// Only the owner fills the slot; the monitor steals from it (monitor.h). Thieves never do: what was
// woken last finds what it needs in the owner's cache, if it is left there for a moment. How long
// that moment is, the monitor decides: until it finds the owner blocked, after one to two spans of
// runtime_builder::blocked_after(). With a span of 0 there is no monitor, and no end to it. The
// task belongs to who has taken it out; with it goes the reference of its queue entry.
//
//  mark  where      transition        ordering  pairs with
//  F     fill       empty -> taken    release   S: the thief sees the task. A store is enough:
//                                               others only empty the slot
//  F'    fill       taken -> taken    acq_rel   S: as F; and one of them gets the other task
//  T     take       taken -> empty    relaxed   S: one of them gets it; the owner has written it
//  S     steal      taken -> empty    acquire   F, F'; T
//  N     fill, take any               relaxed   nothing: nobody steals yet; see sole_mode.h
//
// `alone`: nobody steals. Model: tests/model/lifo_slot_model.cpp. Stress:
// tests/stress/blocked_worker_test.cpp.
class lifo_slot {
public:
    /// Owner only.
    bool is_empty() const noexcept {
        return task_.load(relaxed) == nullptr;  // others only empty it, and take() decides
    }

    /// Owner only. Returns: the task that was in the slot, or null.
    task_header* fill(task_header& task, bool alone) noexcept {
        task_header* const displaced = task_.load(relaxed);  // N; else an exchange decides
        if (displaced == nullptr) {
            task_.store(&task, release);  // F
            return nullptr;
        }
        if (!alone) return task_.exchange(&task, acq_rel);  // F'
        task_.store(&task, relaxed);                        // N
        return displaced;
    }

    /// Owner only. Returns: null when it was empty, or a thief was quicker.
    task_header* take(bool alone) noexcept {
        task_header* const task = task_.load(relaxed);  // N; else the exchange decides
        if (task == nullptr) return nullptr;
        if (!alone) return task_.exchange(nullptr, relaxed);  // T
        task_.store(nullptr, relaxed);                        // N
        return task;
    }

    /// Owner only. The same if `task` is the one. Returns: whether it was taken.
    bool take_if(task_header& task, bool alone) noexcept {
        task_header* seen = task_.load(relaxed);  // as above
        if (seen != &task) return false;
        if (!alone) return task_.compare_exchange_strong(seen, nullptr, relaxed, relaxed);  // T
        task_.store(nullptr, relaxed);                                                      // N
        return true;
    }

    /// Any thread. Requires: the owner is not alone.
    task_header* steal() noexcept { return task_.exchange(nullptr, acquire); }  // S

private:
    atomic<task_header*> task_{nullptr};
};

}  // namespace edo::detail
