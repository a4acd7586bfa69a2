#include <edo/sync/wait/permit_queue.h>

#include <algorithm>

#include <edo/base/check.h>

namespace edo::detail {

permit_queue::permit_queue(std::size_t permits, const char* in_use) noexcept
    : free_(permits), in_use_(in_use) {
    EDO_CHECK(permits <= max_permits, "a semaphore was made with more than SIZE_MAX / 8 permits");
}

permit_queue::~permit_queue() {
    if (!requests_.is_empty()) fail(in_use_);
}

permit_answer permit_queue::try_acquire(std::size_t permits) noexcept {
    mutex_lock held(mutex_);
    return try_acquire_locked(permits);
}

void permit_queue::release(std::size_t permits) noexcept {
    wake_batch woken;
    mutex_lock held(mutex_);
    release_locked(permits, woken);
}

std::size_t permit_queue::forget(std::size_t permits) noexcept {
    mutex_lock held(mutex_);
    const std::size_t forgotten = std::min(permits, free_);
    free_ -= forgotten;
    return forgotten;
}

void permit_queue::close() noexcept {
    wake_batch woken;
    mutex_lock held(mutex_);
    closed_ = true;
    while (auto* first = static_cast<request*>(requests_.front())) {
        first->answer = permit_answer::closed;
        requests_.fire(*first, woken);
    }
}

bool permit_queue::is_closed() const noexcept {
    mutex_lock held(mutex_);
    return closed_;
}

std::size_t permit_queue::available() const noexcept {
    mutex_lock held(mutex_);
    return free_;
}

permit_answer permit_queue::poll(request& asked, const context& cx) noexcept {
    mutex_lock held(mutex_);
    if (asked.is_known()) {
        if (asked.is_fired()) {
            requests_.forget(asked);
            return asked.answer;
        }
    } else {
        const permit_answer answer = try_acquire_locked(asked.wanted);
        if (answer != permit_answer::waits) return answer;
    }
    requests_.wait(asked, cx);
    return permit_answer::waits;
}

void permit_queue::abandon(request& asked) noexcept {
    wake_batch woken;
    mutex_lock held(mutex_);
    const bool was_fired = requests_.forget(asked);
    if (was_fired && asked.answer == permit_answer::granted) {
        release_locked(asked.wanted, woken);
    } else {
        grant_locked(woken);  // it may have been the large request that blocked smaller ones
    }
}

permit_answer permit_queue::try_acquire_locked(std::size_t permits) noexcept {
    if (closed_) return permit_answer::closed;
    if (!requests_.is_empty() || free_ < permits) return permit_answer::waits;
    free_ -= permits;
    return permit_answer::granted;
}

void permit_queue::release_locked(std::size_t permits, wake_batch& woken) noexcept {
    EDO_CHECK(permits <= max_permits - free_,
              "a semaphore was given more permits than SIZE_MAX / 8; it is released more often "
              "than acquired");
    free_ += permits;
    grant_locked(woken);
}

void permit_queue::grant_locked(wake_batch& woken) noexcept {
    for (;;) {
        auto* const first = static_cast<request*>(requests_.front());
        if (first == nullptr || first->wanted > free_) return;
        free_ -= first->wanted;
        first->answer = permit_answer::granted;
        requests_.fire(*first, woken);
    }
}

}  // namespace edo::detail
