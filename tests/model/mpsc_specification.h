#pragma once
// The bounded channel, without threads: what histories are checked against.

#include <cstddef>
#include <string>
#include <vector>

namespace edo::model {

/// What was asked of the channel.
struct mpsc_call {
    static constexpr int no_message = -1;

    enum { send, try_send, recv, try_recv, close } what;

    enum { done, would_wait, closed } answer;

    int message = no_message;

    std::string text() const {
        constexpr const char* names[] = {"send", "try_send", "recv", "try_recv", "close"};
        constexpr const char* answers[] = {"done", "would wait", "closed"};
        return std::string(names[what]) + " " + std::to_string(message) + ": " + answers[answer];
    }
};

/// What the channel is to a single thread: bounded, in order, until it is closed. A call that waits
/// is done when it does so no longer.
struct mpsc_specification {
    std::size_t capacity = 1;
    bool is_closed = false;
    std::vector<int> queued = {};

    bool operator==(const mpsc_specification&) const = default;

    bool apply(const mpsc_call& c) {
        switch (c.what) {
            case mpsc_call::send:
            case mpsc_call::try_send:
                if (is_closed) return c.answer == mpsc_call::closed;
                if (queued.size() == capacity)
                    return c.what == mpsc_call::try_send && c.answer == mpsc_call::would_wait;
                queued.push_back(c.message);
                return c.answer == mpsc_call::done;
            case mpsc_call::recv:
            case mpsc_call::try_recv:
                if (queued.empty() && is_closed) return c.answer == mpsc_call::closed;
                if (queued.empty())
                    return c.what == mpsc_call::try_recv && c.answer == mpsc_call::would_wait;
                if (c.answer != mpsc_call::done || queued.front() != c.message) return false;
                queued.erase(queued.begin());
                return true;
            case mpsc_call::close:
                is_closed = true;
                return true;
        }
        return false;
    }
};

}  // namespace edo::model
