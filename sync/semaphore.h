#pragma once

#include <cstddef>
#include <utility>

#include <edo/base/result.h>
#include <edo/sync/wait/permit_queue.h>
#include <edo/task/context.h>

namespace edo::sync {

class semaphore;

/// Permits taken from a semaphore; gives them back when it is destroyed, on any thread.
///
/// Requires:    the semaphore outlives it.
/// Thread-safe: no; it may move between threads.
class [[nodiscard]] semaphore_permit {
public:
    /// Holds none.
    semaphore_permit() noexcept {}

    semaphore_permit(semaphore_permit&& other) noexcept
        : queue_(std::exchange(other.queue_, nullptr)), count_(std::exchange(other.count_, 0)) {}

    semaphore_permit& operator=(semaphore_permit&& other) noexcept {
        semaphore_permit taken(std::move(other));
        std::swap(queue_, taken.queue_);
        std::swap(count_, taken.count_);
        return *this;
    }

    ~semaphore_permit() { release(); }

    /// Gives the permits back now.
    void release() noexcept {
        if (queue_ != nullptr) std::exchange(queue_, nullptr)->release(std::exchange(count_, 0));
    }

    /// Keeps the permits out of the semaphore for ever; add_permits() can put new ones in.
    void forget() noexcept {
        queue_ = nullptr;
        count_ = 0;
    }

    /// How many permits it holds.
    std::size_t count() const noexcept { return count_; }

    // For the library.
    semaphore_permit(detail::permit_queue& queue, std::size_t count) noexcept
        : queue_(&queue), count_(count) {}

private:
    detail::permit_queue* queue_ = nullptr;
    std::size_t count_ = 0;
};

/// Waits for permits; see semaphore::acquire().
class [[nodiscard]] semaphore_acquire_operation {
public:
    static constexpr const char* wait_name = "semaphore";

    semaphore_acquire_operation(detail::permit_queue& queue, std::size_t permits) noexcept
        : queue_(queue), claim_(queue, permits) {}

    bool poll(context& cx) noexcept { return claim_.poll(cx); }

    result<semaphore_permit> take() noexcept {
        if (!claim_.hand_over()) return errc::closed;
        return semaphore_permit(queue_, claim_.wanted());
    }

    /// For the library; see edo::release_line().
    void release_line() noexcept { claim_.release_line(); }

private:
    detail::permit_queue& queue_;
    detail::permit_claim claim_;
};

/// Limits how much goes on at once: a number of permits that callers take and give back.
///
///     edo::sync::semaphore limit(100);
///     auto permit = co_await limit.acquire();   // given back at the end of the scope
///
/// Served in the order of the calls: a large request at the head blocks smaller ones behind it.
///
/// Requires:    it outlives its permits and whoever waits; a destructor that finds a waiting task
///              aborts with a message.
/// Thread-safe: yes, also across runtimes and from threads outside of any.
class semaphore {
public:
    /// The most permits a semaphore can hold; more aborts.
    static constexpr std::size_t max_permits = detail::permit_queue::max_permits;

    explicit semaphore(std::size_t permits) noexcept
        : queue_(permits,
                 "a semaphore was destroyed while tasks wait for it; it must outlive them") {}

    /// Takes permits, or waits until it is this caller's turn and enough are free.
    ///
    /// Completes:    at once when nobody waits and enough are free.
    /// Errors:       errc::closed  close() was called; nothing is taken
    /// Cancellation: loses the place in the queue; permits that were granted already go to the
    ///               next.
    /// Cost:         no allocation.
    semaphore_acquire_operation acquire(std::size_t permits = 1) noexcept {
        EDO_CHECK(permits <= max_permits, "more permits were asked for than a semaphore can hold");
        return semaphore_acquire_operation(queue_, permits);
    }

    /// Takes permits without waiting.
    /// Errors: errc::would_block  not enough are free, or others wait; errc::closed
    result<semaphore_permit> try_acquire(std::size_t permits = 1) noexcept {
        switch (queue_.try_acquire(permits)) {
            case detail::permit_answer::granted:
                return semaphore_permit(queue_, permits);
            case detail::permit_answer::closed:
                return errc::closed;
            case detail::permit_answer::waits:
                break;
        }
        return errc::would_block;
    }

    /// Puts in new permits. Requires: not more than max_permits in all.
    void add_permits(std::size_t permits) noexcept { queue_.release(permits); }

    /// Takes out up to `permits` that are free, for ever. Returns: how many.
    std::size_t forget_permits(std::size_t permits) noexcept { return queue_.forget(permits); }

    /// Ends all waiting and every later acquire with errc::closed, for ever. Permits that are out
    /// can still be given back.
    void close() noexcept { queue_.close(); }

    /// True when close() was called.
    bool is_closed() const noexcept { return queue_.is_closed(); }

    /// Free permits, as a picture: it may have changed when the caller looks at it.
    std::size_t available_permits() const noexcept { return queue_.available(); }

private:
    detail::permit_queue queue_;
};

}  // namespace edo::sync
