#pragma once

#include <cstdint>
#include <utility>

namespace edo {

class context;

namespace detail {

class task_header;

/// Says whom to wake: a task and one of its slots. Not an owner: valid while the task's cell is.
///
/// Slot 0 is the main line of the task; the others are branches of its selects and joins.
class wake_target {
public:
    wake_target() noexcept = default;

    wake_target(task_header& task, unsigned slot) noexcept
        : word_(reinterpret_cast<std::uintptr_t>(&task) | slot) {}

    explicit operator bool() const noexcept { return word_ != 0; }

    friend bool operator==(wake_target a, wake_target b) noexcept { return a.word_ == b.word_; }

    task_header* task() const noexcept {
        return reinterpret_cast<task_header*>(word_ & ~slot_mask);
    }

    unsigned slot() const noexcept { return static_cast<unsigned>(word_ & slot_mask); }

    /// Makes the task poll the slot (again). Requires: the task's cell is alive during the call.
    /// Thread-safe: yes.
    void wake() const noexcept;
    /// The same, and gives up a counted reference to the cell.
    void wake_and_release() const noexcept;
    /// Gives up a counted reference to the cell.
    void release() const noexcept;

private:
    static constexpr std::uintptr_t slot_mask = 63;  // task headers are aligned to 64 bytes
    std::uintptr_t word_ = 0;
};

}  // namespace detail

/// Wakes one task: makes it poll its operations again.
///
/// An operation that has to wait takes a waker from the context of its poll and gives it to whoever
/// will know when there is something to do. Waking is always allowed: often, from any thread, when
/// the task is running, when it has moved to another worker, when it has ended, when its runtime is
/// gone. A wake without a reason is harmless: the operation is polled, and waits on. What was
/// written before wake() is seen by the poll that follows it.
///
/// Thread-safe: different wakers of one task yes; one waker object as any value.
/// Cost:        copying counts a reference; no allocation. The memory of an ended task is kept as
///              long as a waker refers to it, its coroutine frames are not.
class waker {
public:
    /// A waker that wakes nothing.
    waker() noexcept = default;
    waker(const waker& other) noexcept;

    waker(waker&& other) noexcept : target_(std::exchange(other.target_, {})) {}

    waker& operator=(waker other) noexcept {
        std::swap(target_, other.target_);
        return *this;
    }

    ~waker() { drop(); }

    /// Wakes the task and keeps the waker.
    void wake() const& noexcept {
        if (target_) target_.wake();
    }

    /// Wakes the task and gives the waker up.
    void wake() && noexcept {
        if (target_) std::exchange(target_, {}).wake_and_release();
    }

    explicit operator bool() const noexcept { return static_cast<bool>(target_); }

    /// True when both wake the same operation of the same task.
    friend bool operator==(const waker& a, const waker& b) noexcept {
        return a.target_ == b.target_;
    }

    /// True when it would wake what `cx` polls, so that a stored waker need not be replaced.
    bool wakes(const context& cx) const noexcept;

    /// For the library: gives up the waker, and its reference to the caller.
    detail::wake_target take() && noexcept { return std::exchange(target_, {}); }

private:
    friend class context;

    explicit waker(detail::wake_target counted) noexcept : target_(counted) {}

    void drop() noexcept;

    detail::wake_target target_;
};

}  // namespace edo
