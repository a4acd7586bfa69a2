#pragma once

#include <cstddef>

#include <edo/task/state/header.h>

namespace edo::detail {

/// Queued tasks, first in, first out, linked through task_header::queue_next; never allocates. Each
/// task in it carries the reference of its queue entry.
/// Thread-safe: no.
class task_list {
public:
    task_list() = default;
    task_list(const task_list&) = delete;
    task_list& operator=(const task_list&) = delete;

    bool is_empty() const noexcept { return first_ == nullptr; }

    std::size_t size() const noexcept { return size_; }

    void push_back(task_header& task) noexcept {
        task.queue_next = nullptr;
        (last_ != nullptr ? last_->queue_next : first_) = &task;
        last_ = &task;
        ++size_;
    }

    task_header* pop_front() noexcept {
        task_header* const task = first_;
        if (task == nullptr) return nullptr;
        first_ = task->queue_next;
        if (first_ == nullptr) last_ = nullptr;
        --size_;
        return task;
    }

    /// Moves everything from `other` behind the tasks of this list.
    void append(task_list& other) noexcept {
        if (other.first_ == nullptr) return;
        (last_ != nullptr ? last_->queue_next : first_) = other.first_;
        last_ = other.last_;
        size_ += other.size_;
        other.first_ = other.last_ = nullptr;
        other.size_ = 0;
    }

    /// Moves the first `count` tasks (or all there are) behind those of `to`.
    void split_front(std::size_t count, task_list& to) noexcept {
        if (count >= size_) return to.append(*this);
        for (; count > 0; --count)
            to.push_back(*pop_front());
    }

private:
    task_header* first_ = nullptr;
    task_header* last_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace edo::detail
