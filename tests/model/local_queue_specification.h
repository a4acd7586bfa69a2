#pragma once
// The rings of a worker and of a thief, without threads: what histories are checked against.

#include <string>
#include <vector>

namespace edo::model {

/// What was asked of the rings.
struct local_queue_call {
    static constexpr int no_task = -1;

    enum { push, pop, steal, pop_of_the_thief } what;

    int task;  // its index

    std::string text() const {
        constexpr const char* names[] = {"push ", "pop ", "steal ", "pop of the thief "};
        return names[what] + std::to_string(task);
    }
};

/// What two rings are to a single thread, as long as they do not overflow.
struct local_queue_specification {
    std::vector<int> owner, thief;

    bool operator==(const local_queue_specification&) const = default;

    bool apply(const local_queue_call& c) {
        switch (c.what) {
            case local_queue_call::push:
                owner.push_back(c.task);
                return true;
            case local_queue_call::pop:
                return pop_from(owner) == c.task;
            case local_queue_call::pop_of_the_thief:
                return pop_from(thief) == c.task;
            case local_queue_call::steal:
                return steal() == c.task;
        }
        return false;
    }

private:
    static int pop_from(std::vector<int>& ring) {
        if (ring.empty()) return local_queue_call::no_task;
        const int first = ring.front();
        ring.erase(ring.begin());
        return first;
    }

    // Half, of which the last is run at once.
    int steal() {
        if (owner.empty()) return local_queue_call::no_task;
        for (std::size_t left = owner.size() / 2; owner.size() > left + 1;)
            thief.push_back(pop_from(owner));
        return pop_from(owner);
    }
};

}  // namespace edo::model
