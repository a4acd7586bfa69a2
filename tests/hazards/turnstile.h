#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <edo/task/operation.h>

namespace edo::testing {

class turnstile;

/// Waits at a turnstile and yields what it was made with.
template <class T>
class pass_operation {
public:
    static constexpr const char* wait_name = "turnstile";

    pass_operation(turnstile& gate, T output) noexcept : gate_(gate), output_(std::move(output)) {}

    pass_operation(pass_operation&& other) noexcept = default;
    inline ~pass_operation();

    inline bool poll(context& cx) noexcept;

    T take() noexcept { return std::move(output_); }

private:
    turnstile& gate_;
    T output_;
};

/// Lets a given number of waits through and holds up those behind: with each number a coroutine is
/// caught at another one of its suspension points.
/// Thread-safe: no; a task that waits here may be polled on one thread after the other.
class turnstile {
public:
    explicit turnstile(int passes) noexcept : passes_(passes) {}

    pass_operation<int> pass() noexcept { return {*this, 0}; }

    template <class T>
    pass_operation<T> give(T output) noexcept {
        return {*this, std::move(output)};
    }

    /// Lets one more wait through.
    void admit_one() {
        ++passes_;
        wake_all();
    }

    void admit_all() {
        passes_ = 1'000'000'000;
        wake_all();
    }

    bool has_waiters() const noexcept { return !waiting_.empty(); }

private:
    template <class T>
    friend class pass_operation;

    bool poll(const void* who, context& cx) noexcept {
        forget(who);
        if (passes_ > 0) {
            --passes_;
            return true;
        }
        waiting_.emplace_back(who, cx.waker());
        return false;
    }

    void forget(const void* who) noexcept {
        std::erase_if(waiting_, [who](const auto& waits) { return waits.first == who; });
    }

    void wake_all() {
        for (const auto& waits : waiting_)
            waits.second.wake();
    }

    int passes_;
    std::vector<std::pair<const void*, waker>> waiting_;
};

template <class T>
pass_operation<T>::~pass_operation() {
    gate_.forget(this);
}

template <class T>
bool pass_operation<T>::poll(context& cx) noexcept {
    return gate_.poll(this, cx);
}

}  // namespace edo::testing
