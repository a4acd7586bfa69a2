#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <edo/base/check.h>
#include <edo/sync/wait/permit_queue.h>
#include <edo/task/context.h>

namespace edo::sync {

template <class T>
class mutex;

/// Access to what a mutex protects; unlocks when it is destroyed, on any thread.
///
/// Requires:    the mutex outlives it.
/// Thread-safe: no; it may move between threads and live across co_await.
template <class T>
class [[nodiscard]] mutex_guard {
public:
    mutex_guard(mutex_guard&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}

    mutex_guard& operator=(mutex_guard&& other) noexcept {
        mutex_guard taken(std::move(other));
        std::swap(owner_, taken.owner_);
        return *this;
    }

    ~mutex_guard() { unlock(); }

    /// Requires: unlock() was not called, the guard was not moved away.
    T& operator*() const noexcept { return owner().value_; }

    T* operator->() const noexcept { return &owner().value_; }

    /// Unlocks before the scope ends.
    void unlock() noexcept {
        if (owner_ != nullptr) std::exchange(owner_, nullptr)->queue_.release(1);
    }

    // For the library.
    explicit mutex_guard(mutex<T>& locked) noexcept : owner_(&locked) {}

private:
    mutex<T>& owner() const noexcept {
        EDO_CHECK(owner_ != nullptr,
                  "a mutex guard was used after unlock() or after it was moved away");
        return *owner_;
    }

    mutex<T>* owner_;
};

/// Waits for a mutex; see mutex::lock().
template <class T>
class [[nodiscard]] mutex_lock_operation {
public:
    static constexpr const char* wait_name = "mutex";

    explicit mutex_lock_operation(mutex<T>& asked) noexcept
        : mutex_(asked), claim_(asked.queue_, 1) {}

    bool poll(context& cx) noexcept { return claim_.poll(cx); }

    mutex_guard<T> take() noexcept {
        claim_.hand_over();  // nobody closes the queue of a mutex
        return mutex_guard<T>(mutex_);
    }

    /// For the library; see edo::release_line().
    void release_line() noexcept { claim_.release_line(); }

private:
    mutex<T>& mutex_;
    detail::permit_claim claim_;
};

/// A value that one task at a time may use, also across co_await.
///
///     edo::sync::mutex<std::map<std::string, int>> state;
///     {
///         auto guard = co_await state.lock();
///         (*guard)["k"]++;
///     }
///
/// Served in the order of the calls. Not recursive: a task that locks twice waits for itself. An
/// exception that leaves the scope of a guard unlocks; the value stays as it is (there is no
/// poisoning). For a few instructions without co_await a std::mutex is cheaper.
///
/// Requires:    it outlives its guards and whoever waits; a destructor that finds a waiting task
///              aborts with a message.
/// Thread-safe: yes, also across runtimes.
template <class T>
class mutex {
public:
    /// Makes the value from the arguments; unlocked.
    template <class... Args>
        requires std::is_constructible_v<T, Args...>
    explicit mutex(Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>)
        : queue_(1, "a mutex was destroyed while tasks wait for it; it must outlive them"),
          value_(std::forward<Args>(args)...) {}

    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;

    /// Waits until the mutex is this caller's and yields a mutex_guard.
    ///
    /// Completes:    at once when it is free.
    /// Cancellation: loses the place in the queue; a lock that was granted already goes to the
    ///               next.
    /// Cost:         no allocation.
    mutex_lock_operation<T> lock() noexcept { return mutex_lock_operation<T>(*this); }

    /// Locks without waiting. Returns: empty when the mutex is held or others wait for it.
    std::optional<mutex_guard<T>> try_lock() noexcept {
        if (queue_.try_acquire(1) != detail::permit_answer::granted) return std::nullopt;
        return std::optional<mutex_guard<T>>(std::in_place, *this);
    }

private:
    friend mutex_guard<T>;
    friend mutex_lock_operation<T>;

    detail::permit_queue queue_;
    T value_;
};

}  // namespace edo::sync
