#pragma once

#include <cstddef>

#include <edo/base/seam/atomic.h>
#include <edo/base/seam/counter.h>
#include <edo/base/seam/mutex.h>
#include <edo/task/state/task_list.h>

namespace edo::detail {

// inject_queue: tasks for whichever worker comes next. Threads outside the runtime put their wakes
// here, workers what does not fit into their rings.
//
//   push: one compare-exchange                       take, under lock_
//   ──────────────────► incoming_: a stack ──── gather, reversed ────► list_ ──► the taker's list
//
// So pushers never wait for each other nor for a taker, and what comes first is taken first. What a
// taker leaves stays in the list, which belongs to who holds lock_. Who only wants to know whether
// there is something reads incoming_ and then left_; left_ says so before gather() empties
// incoming_, so that no task is ever out of sight.
//
//  mark  where     transition                 ordering  pairs with
//  L     push      incoming_: task on top     seq_cst   T: the taker sees the tasks. And the idle
//                                                       word: either the pusher, who reads the word
//                                                       next, sees that a worker gave up searching,
//                                                       or that worker, who looks next, sees the
//                                                       task (idle.h, marks N, Z and F)
//  B     gather    left_ = more than none     relaxed   published by T
//  T     gather    incoming_ -> none          acq_rel   L; E: who finds it empty finds left_ set
//  S     take      left_ changes              seq_cst   the idle word, as L
//  E     is_empty  incoming_, then left_      seq_cst   L, T, S
//  X     close     incoming_ -> closed        acq_rel   L: what was pushed before is let go
//
// Dropping: a task in the queue stays alive by its entry's reference; at the end of the runtime the
// queue is drained by polling, and by then each poll finds a task that is complete or cancelled.
// When every task has ended the queue is closed: an entry that comes still is void.
// Model: tests/model/inject_queue_model.cpp. Stress: tests/stress/local_queue_test.cpp.
class inject_queue {
public:
    /// Returns: false when the queue is closed; then the entry's reference was let go.
    bool push(task_header& task) noexcept {
        task_header* top = incoming_.load(relaxed);  // the exchange below decides
        do {
            if (top == closed()) {
                task.release_refs();
                return false;
            }
            task.queue_next = top;
        } while (!incoming_.compare_exchange_weak(top, &task, seq_cst, relaxed));  // L
        return true;
    }

    /// Takes all of `tasks`. Requires: not closed.
    void push_all(task_list& tasks) noexcept {
        mutex_lock guard(lock_);
        gather();
        taken_in_.add(tasks.size());
        list_.append(tasks);
        publish();
    }

    /// Lets go what is queued, and what is pushed later. Requires: every task has ended.
    void close() noexcept {
        task_list left;
        {
            mutex_lock guard(lock_);
            take_in(incoming_.exchange(closed(), acq_rel));  // X
            left.append(list_);
            publish();
        }
        while (task_header* const task = left.pop_front())
            task->release_refs();
    }

    /// Moves one of `sharers` equal shares, one task at least and `most` at most, the oldest first,
    /// behind those of `to`.
    void take_share(std::size_t sharers, std::size_t most, task_list& to) noexcept {
        if (is_empty()) return;
        mutex_lock guard(lock_);
        gather();
        const std::size_t share = list_.size() / sharers + 1;
        list_.split_front(share < most ? share : most, to);
        publish();
    }

    /// Moves up to `most` tasks, the oldest first, behind those of `to`.
    void take(std::size_t most, task_list& to) noexcept { take_share(1, most, to); }

    bool is_empty() const noexcept {
        const task_header* const top = incoming_.load(seq_cst);  // E
        if (top != nullptr && top != closed()) return false;
        return left_.load(seq_cst) == 0;  // E
    }

    // For metrics. Any thread; they wait for a taker.

    std::size_t size() noexcept {
        mutex_lock guard(lock_);
        gather();
        publish();
        return list_.size();
    }

    /// How many tasks have come since the start.
    std::uint64_t pushed() noexcept {
        static_cast<void>(size());
        return taken_in_.get();
    }

private:
    // No task: says that the queue is closed.
    task_header* closed() const noexcept {
        return reinterpret_cast<task_header*>(const_cast<inject_queue*>(this));
    }

    void gather() noexcept {
        const task_header* const top =
            incoming_.load(relaxed);  // more may come, and the next sees it
        if (top == nullptr || top == closed()) return;
        left_.store(list_.size() + 1, relaxed);         // B
        take_in(incoming_.exchange(nullptr, acq_rel));  // T
    }

    // The newest is on top.
    void take_in(task_header* top) noexcept {
        if (top == closed()) return;
        task_header* oldest = nullptr;
        while (top != nullptr) {
            task_header* const below = top->queue_next;
            top->queue_next = oldest;
            oldest = top;
            top = below;
        }
        while (oldest != nullptr) {
            task_header* const next = oldest->queue_next;
            list_.push_back(*oldest);
            taken_in_.add();
            oldest = next;
        }
    }

    void publish() noexcept { left_.store(list_.size(), seq_cst); }  // S

    alignas(64) atomic<task_header*> incoming_{nullptr};
    atomic<std::size_t> left_{0};
    alignas(64) mutex lock_;
    task_list list_;
    counter taken_in_;  // written under the lock
};

}  // namespace edo::detail
