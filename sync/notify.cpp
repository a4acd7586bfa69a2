#include <edo/sync/notify.h>

#include <edo/base/check.h>

namespace edo::sync {

using detail::lock_word;

// Returns: the task to be queued when the lock is free, or null.
inline detail::task_header* notify::notify_first_locked(std::uint64_t& word) noexcept {
    auto* const first = static_cast<notified_operation::node*>(waiting_.front());
    if (first == nullptr) {
        word |= permit;
        return nullptr;
    }
    first->given = notified_operation::answer::one;
    detail::task_header* const woken = waiting_.fire(*first);
    if (waiting_.is_empty()) word &= ~waiting;
    return woken;
}

void notified_operation::give_up() noexcept {
    if (!node_.is_known()) return from_.notify_one();
    detail::woken_task next;
    lock_word::guard held(from_.word_);
    const bool was_fired = from_.waiting_.forget(node_);
    if (from_.waiting_.is_empty()) held.value &= ~notify::waiting;
    if (was_fired && node_.given == answer::one) next.take(from_.notify_first_locked(held.value));
}

bool notified_operation::poll(context& cx) noexcept {
    if (done_) return true;
    lock_word& word = from_.word_;
    if (node_.is_known()) {
        if (node_.is_fired() && !word.is_locked()) {
            node_.forget_fired();
            return end(node_.given == answer::one);
        }
    } else {
        // The round is looked at each time: a permit of a later one is another's.
        for (std::uint64_t seen = word.get();;) {
            if (notify::round_in(seen) != round_) return end(false);
            if ((seen & (lock_word::locked | notify::permit)) != notify::permit) break;
            if (word.change(seen, seen & ~notify::permit)) return end(true);  // F
        }
    }
    const detail::wake_target whom = cx.target();  // here, where there is little else to keep
    lock_word::guard held(word);
    if (node_.is_known()) {
        if (node_.is_fired()) {
            node_.forget_fired();
            return end(node_.given == answer::one);
        }
    } else {
        if (notify::round_in(held.value) != round_) return end(false);
        if ((held.value & notify::permit) != 0) {
            held.value &= ~notify::permit;
            return end(true);
        }
    }
    from_.waiting_.wait(node_, whom);
    held.value |= notify::waiting;
    return false;
}

bool notified_operation::end(bool has_permit) noexcept {
    holds_permit_ = has_permit;
    done_ = true;
    return true;
}

notify::~notify() {
    EDO_CHECK(waiting_.is_empty(),
              "a notify was destroyed while tasks wait for it; it must outlive them");
}

void notify::notify_one() noexcept {
    std::uint64_t seen = word_.get();
    while ((seen & (lock_word::locked | waiting)) == 0)
        if (word_.change(seen, seen | permit)) return;  // F
    notify_first();
}

void notify::notify_waiters() noexcept {
    detail::wake_batch woken;
    lock_word::guard held(word_);
    held.value = (held.value + one_round) & ~waiting;
    while (auto* first = static_cast<notified_operation::node*>(waiting_.front())) {
        first->given = notified_operation::answer::all;
        waiting_.fire(*first, woken);
    }
}

void notify::notify_first() noexcept {
    detail::woken_task first;
    lock_word::guard held(word_);
    first.take(notify_first_locked(held.value));
}

}  // namespace edo::sync
