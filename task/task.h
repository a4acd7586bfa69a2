#pragma once

#include <coroutine>
#include <cstdint>
#include <source_location>
#include <utility>

#include <edo/base/check.h>
#include <edo/task/state/promise.h>

namespace edo {
namespace detail {

/// The line of a task that was started through a variable; see branch.h.
class task_line_base {
public:
    task_line_base() = default;
    task_line_base(const task_line_base&) = delete;
    task_line_base& operator=(const task_line_base&) = delete;
    virtual ~task_line_base() = default;  // drops the line with its coroutines
};

}  // namespace detail

/// A coroutine that yields a `T`: a value, a reference, a move-only object, or void.
///
///     edo::task<int> answer(std::string question) {
///         co_await edo::sleep(1s);
///         co_return 42;
///     }
///
/// A task is lazy: calling answer() runs nothing. `co_await` or spawn() starts it; either takes it
/// away from the object, so a task runs at most once: awaiting one that has run, or was moved from,
/// aborts with a message. An exception that leaves the coroutine travels to whoever awaits it.
///
/// Destroying a task that was not started frees its arguments. A started one is owned by its
/// awaiter:
/// it is destroyed (and by that cancelled) with the coroutine that awaits it.
///
/// Thread-safe: no; a task that is spawned may move between threads, between two of its awaits.
/// Cost:        one coroutine frame, from a thread-local free list.
template <class T = void>
class [[nodiscard]] task {
public:
    using promise_type = detail::promise<T>;
    using value_type = T;

    task() noexcept = default;

    task(task&& other) noexcept : frame_(std::exchange(other.frame_, 0)) {}

    task& operator=(task other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }

    ~task() {
        if (frame_ == 0) return;
        if (detail::task_line_base* line = pinned(); line != nullptr) {
            delete line;
        } else {
            frame().handle().destroy();
        }
    }

    /// True until the task has been awaited, spawned or moved away.
    explicit operator bool() const noexcept { return frame_ != 0; }

    // For the library: takes the coroutine out, or aborts if there is none.
    promise_type& release(std::source_location used_at = std::source_location::current()) noexcept {
        if (frame_ == 0) [[unlikely]]
            detail::fail(
                "a task was awaited or spawned that has none of its coroutine left: it was awaited "
                "before, or moved from; call the function again to get a new task",
                used_at);
        if (pinned() != nullptr) [[unlikely]]
            detail::fail(
                "a task that a select has started through a variable was awaited or spawned; it "
                "can only go on as a variable in a further select, join or timeout",
                used_at);
        return *reinterpret_cast<promise_type*>(std::exchange(frame_, 0));
    }

    promise_type& frame() const noexcept { return *reinterpret_cast<promise_type*>(frame_); }

    detail::task_line_base* pinned() const noexcept {
        return (frame_ & 1) != 0
                   ? reinterpret_cast<detail::task_line_base*>(frame_ & ~std::uintptr_t{1})
                   : nullptr;
    }

    void pin(detail::task_line_base* line) noexcept {
        frame_ = reinterpret_cast<std::uintptr_t>(line) | 1;
    }

private:
    friend promise_type;

    explicit task(promise_type& frame) noexcept
        : frame_(reinterpret_cast<std::uintptr_t>(&frame)) {}

    // the coroutine; or its line, marked by the lowest bit, once it is pinned
    std::uintptr_t frame_ = 0;
};

namespace detail {

template <class T>
task<T> promise<T>::get_return_object() noexcept {
    return task<T>(*this);
}

template <class T>
task<T&> promise<T&>::get_return_object() noexcept {
    return task<T&>(*this);
}

inline task<void> promise<void>::get_return_object() noexcept {
    return task<void>(*this);
}

template <class A>
inline constexpr bool is_task_v = false;
template <class T>
inline constexpr bool is_task_v<task<T>> = true;

}  // namespace detail
}  // namespace edo

#include <edo/task/await/await.h>
