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
// The list belongs to who holds lock_. size_ is written under the lock and read without it, by
// workers that look for work and by the rescan of the last searcher.
//
//  mark  where     transition     ordering  pairs with
//  L     publish   size_ changes  seq_cst   the idle word: either the pusher, who reads the word
//                                           next, sees that a worker gave up searching, or that
//                                           worker, who reads size_ next, sees the task (idle.h,
//                                           marks N, Z and F)
//  E     size      size_ read     seq_cst   L, as above
//
// Dropping: a task in the queue stays alive by its entry's reference; at the end of the runtime the
// queue is drained by polling, and by then each poll finds a task that is complete or cancelled.
// When every task has ended the queue is closed: an entry that comes still is void.
// Model: tests/model/inject_queue_model.cpp. Stress: tests/stress/local_queue_test.cpp.
class inject_queue {
public:
    /// Returns: false when the queue is closed; then the entry's reference was let go.
    bool push(task_header& task) noexcept {
        {
            mutex_lock guard(lock_);
            if (!closed_) {
                list_.push_back(task);
                publish();
                pushed_.add();
                return true;
            }
        }
        task.release_refs();
        return false;
    }

    /// Takes all of `tasks`. Requires: not closed.
    void push_all(task_list& tasks) noexcept {
        mutex_lock guard(lock_);
        pushed_.add(tasks.size());
        list_.append(tasks);
        publish();
    }

    /// Lets go what is queued, and what is pushed later. Requires: every task has ended.
    void close() noexcept {
        task_list left;
        {
            mutex_lock guard(lock_);
            closed_ = true;
            left.append(list_);
            publish();
        }
        while (task_header* const task = left.pop_front())
            task->release_refs();
    }

    /// Moves up to `count` tasks, the oldest first, behind those of `to`.
    void take(std::size_t count, task_list& to) noexcept {
        if (is_empty()) return;
        mutex_lock guard(lock_);
        list_.split_front(count, to);
        publish();
    }

    bool is_empty() const noexcept { return size() == 0; }

    std::size_t size() const noexcept { return size_.load(seq_cst); }  // E

    /// How many tasks have come since the start. Any thread.
    std::uint64_t pushed() const noexcept { return pushed_.get(); }

private:
    void publish() noexcept { size_.store(list_.size(), seq_cst); }  // L

    mutex lock_;
    task_list list_;
    bool closed_ = false;
    counter pushed_;
    alignas(64) atomic<std::size_t> size_{
        0};  // read in a loop by idle workers: apart from the lock
};

}  // namespace edo::detail
