#include <edo/sync/wait/permit_queue.h>

#include <algorithm>

#include <edo/base/check.h>

namespace edo::detail {

static_assert(permit_queue::max_permits <= ~std::uint64_t{0} / 8);

permit_queue::permit_queue(std::size_t permits, const char* in_use) noexcept
    : word_(permits * one), in_use_(in_use) {
    EDO_CHECK(permits <= max_permits, "a semaphore was made with more than SIZE_MAX / 8 permits");
}

permit_queue::~permit_queue() {
    if (!requests_.is_empty()) fail(in_use_);
}

permit_answer permit_queue::try_acquire(std::size_t permits) noexcept {
    std::uint64_t seen = word_.get();
    for (spin_wait wait;;) {
        if ((seen & closed) != 0) return permit_answer::closed;
        if ((seen & lock_word::locked) != 0) {
            seen = word_.get_after(wait);  // who has it may be about to give permits back
            continue;
        }
        if ((seen & waiting) != 0 || free_in(seen) < permits) return permit_answer::waits;
        if (word_.change(seen, seen - permits * one)) return permit_answer::granted;  // F
    }
}

void permit_queue::release(std::size_t permits) noexcept {
    std::uint64_t seen = word_.get();
    while ((seen & (lock_word::locked | waiting)) == 0)
        if (word_.change(seen, added(seen, permits))) return;  // F
    release_waited_for(permits);
}

void permit_queue::release_waited_for(std::size_t permits) noexcept {
    wake_batch woken;
    lock_word::guard held(word_);
    held.value = added(held.value, permits);
    grant_locked(held.value, woken);
}

std::size_t permit_queue::forget(std::size_t permits) noexcept {
    lock_word::guard held(word_);
    const std::size_t forgotten = std::min(permits, free_in(held.value));
    held.value -= forgotten * one;
    return forgotten;
}

void permit_queue::close() noexcept {
    wake_batch woken;
    lock_word::guard held(word_);
    held.value = (held.value | closed) & ~waiting;
    while (auto* first = static_cast<request*>(requests_.front())) {
        first->answer = permit_answer::closed;
        requests_.fire(*first, woken);
    }
}

bool permit_queue::is_closed() const noexcept {
    return (word_.get() & closed) != 0;
}

std::size_t permit_queue::available() const noexcept {
    return free_in(word_.get());
}

permit_answer permit_queue::poll(request& asked, const context& cx) noexcept {
    if (!asked.is_known()) {
        const permit_answer answer = try_acquire(asked.wanted);
        if (answer != permit_answer::waits) return answer;
    } else if (asked.is_fired() && !word_.is_locked()) {
        asked.forget_fired();
        return asked.answer;
    }
    lock_word::guard held(word_);
    if (asked.is_known()) {
        if (asked.is_fired()) {
            asked.forget_fired();
            return asked.answer;
        }
    } else {
        if ((held.value & closed) != 0) return permit_answer::closed;
        if ((held.value & waiting) == 0 && free_in(held.value) >= asked.wanted) {
            held.value -= asked.wanted * one;
            return permit_answer::granted;
        }
    }
    requests_.wait(asked, cx);
    held.value |= waiting;
    return permit_answer::waits;
}

void permit_queue::abandon(request& asked) noexcept {
    wake_batch woken;
    lock_word::guard held(word_);
    const bool was_fired = requests_.forget(asked);
    if (was_fired && asked.answer == permit_answer::granted)
        held.value = added(held.value, asked.wanted);
    // If not: it may have been the large request that blocked smaller ones.
    grant_locked(held.value, woken);
}

std::uint64_t permit_queue::added(std::uint64_t word, std::size_t permits) noexcept {
    EDO_CHECK(permits <= max_permits - free_in(word),
              "a semaphore was given more permits than SIZE_MAX / 8; it is released more often "
              "than acquired");
    return word + permits * one;
}

void permit_queue::grant_locked(std::uint64_t& word, wake_batch& woken) noexcept {
    while (auto* const first = static_cast<request*>(requests_.front())) {
        if (first->wanted > free_in(word)) return;
        word -= first->wanted * one;
        first->answer = permit_answer::granted;
        requests_.fire(*first, woken);
    }
    word &= ~waiting;
}

}  // namespace edo::detail
