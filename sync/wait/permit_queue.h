#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include <edo/sync/wait/lock_word.h>
#include <edo/sync/wait/wait_list.h>

namespace edo::detail {

/// How a request for permits stands.
enum class permit_answer : unsigned char { waits, granted, closed };

// permit_queue: hands out permits in the order of the requests; what semaphore and mutex have in
// common.
//
// The request at the head blocks those behind it, however small they are; so nobody starves. A
// permit that becomes free is given to the head at once, not left for whoever comes first.
//
// One word (lock_word.h) says how many permits are free, whether a request waits and whether the
// queue is closed. While no request waits, taking permits and giving them back are one change of
// the word each. While one does, they need the word's lock, under which the list lies; so what
// becomes free cannot miss a request that is just joining the list.
//
// Dropping a request: see wait_list.h. Model: tests/model/permit_queue_model.cpp. Stress:
// tests/sync/contention_test.cpp.
//
// Thread-safe: yes.
class permit_queue {
public:
    static constexpr std::size_t max_permits = std::numeric_limits<std::size_t>::max() >> 3;

    /// `in_use` is what a destructor says that finds somebody waiting.
    permit_queue(std::size_t permits, const char* in_use) noexcept;
    permit_queue(const permit_queue&) = delete;
    permit_queue& operator=(const permit_queue&) = delete;
    ~permit_queue();

    permit_answer try_acquire(std::size_t permits) noexcept;
    void release(std::size_t permits) noexcept;
    /// Removes up to `permits` that are free. Returns: how many.
    std::size_t forget(std::size_t permits) noexcept;
    /// Refuses every request from now on, those that wait included.
    void close() noexcept;

    bool is_closed() const noexcept;
    std::size_t available() const noexcept;

private:
    friend class permit_claim;

    struct request : wait_node {
        explicit request(std::size_t permits) noexcept : wanted(permits) {}

        std::size_t wanted;
        permit_answer answer = permit_answer::waits;
    };

    // The word: lock_word::locked, these two, and the number of free permits.
    static constexpr std::uint64_t waiting = 2, closed = 4, one = 8;

    static std::size_t free_in(std::uint64_t word) noexcept {
        return static_cast<std::size_t>(word / one);
    }

    static std::uint64_t added(std::uint64_t word, std::size_t permits) noexcept;

    permit_answer poll(request& asked, const context& cx) noexcept;
    void abandon(request& asked) noexcept;
    void release_waited_for(std::size_t permits) noexcept;
    void grant_locked(std::uint64_t& word, wake_batch& woken) noexcept;

    lock_word word_;
    wait_list requests_;
    const char* in_use_;
};

/// A request for permits, and the permits once they are granted; gives back what nobody has taken.
class permit_claim {
public:
    permit_claim(permit_queue& queue, std::size_t permits) noexcept
        : queue_(queue), request_(permits) {}

    permit_claim(permit_claim&& other) noexcept
        : queue_(other.queue_),
          request_(std::move(other.request_)),
          answer_(std::exchange(other.answer_, permit_answer::waits)) {}

    permit_claim& operator=(permit_claim&&) = delete;

    ~permit_claim() {
        if (answer_ == permit_answer::granted) {
            queue_.release(request_.wanted);
        } else if (request_.is_known()) {
            queue_.abandon(request_);
        }
    }

    bool poll(const context& cx) noexcept {
        if (answer_ == permit_answer::waits) answer_ = queue_.poll(request_, cx);
        return answer_ != permit_answer::waits;
    }

    void release_line() noexcept { request_.release_line(); }

    /// The permits become the caller's. Returns: false when the queue was closed.
    bool hand_over() noexcept {
        return std::exchange(answer_, permit_answer::closed) == permit_answer::granted;
    }

    std::size_t wanted() const noexcept { return request_.wanted; }

private:
    permit_queue& queue_;
    permit_queue::request request_;
    permit_answer answer_ = permit_answer::waits;
};

}  // namespace edo::detail
