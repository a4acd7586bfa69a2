#pragma once
// The queue for whichever worker comes next, without threads: what histories are checked against.

#include <string>
#include <vector>

namespace edo::model {

/// What was asked of the queue.
struct inject_queue_call {
    static constexpr int no_task = -1;

    enum { push, push_two, take } what;

    int task;  // its index; of two, that of the first

    std::string text() const {
        constexpr const char* names[] = {"push ", "push two from ", "take "};
        return names[what] + std::to_string(task);
    }
};

/// What the queue is to a single thread.
struct inject_queue_specification {
    std::vector<int> queued;

    bool operator==(const inject_queue_specification&) const = default;

    bool apply(const inject_queue_call& c) {
        if (c.what != inject_queue_call::take) {
            queued.push_back(c.task);
            if (c.what == inject_queue_call::push_two) queued.push_back(c.task + 1);
            return true;
        }
        if (queued.empty()) return c.task == inject_queue_call::no_task;
        if (queued.front() != c.task) return false;
        queued.erase(queued.begin());
        return true;
    }
};

}  // namespace edo::model
