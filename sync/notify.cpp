#include <edo/sync/notify.h>

#include <edo/base/check.h>

namespace edo::sync {

notified_operation::notified_operation(notify& from) noexcept
    : from_(from), round_(from.round_.load(detail::acquire)) {  // pairs with notify_waiters()
}

notified_operation::~notified_operation() {
    if (!node_.is_known() && !holds_permit_) return;
    detail::wake_batch woken;
    detail::mutex_lock held(from_.mutex_);
    const bool was_fired = from_.waiting_.forget(node_);
    if (holds_permit_ || (was_fired && node_.given == answer::one)) from_.notify_one_locked(woken);
}

bool notified_operation::poll(context& cx) noexcept {
    if (done_) return true;
    detail::mutex_lock held(from_.mutex_);
    if (node_.is_known() && node_.is_fired()) {
        from_.waiting_.forget(node_);
        holds_permit_ = node_.given == answer::one;
        done_ = true;
    } else if (from_.round_.load(detail::relaxed) !=
               round_) {  // written under the mutex, held here
        done_ = true;
    } else if (!node_.is_known() && from_.has_permit_) {
        from_.has_permit_ = false;
        holds_permit_ = true;
        done_ = true;
    } else {
        from_.waiting_.wait(node_, cx);
    }
    return done_;
}

notify::~notify() {
    EDO_CHECK(waiting_.is_empty(),
              "a notify was destroyed while tasks wait for it; it must outlive them");
}

void notify::notify_one() noexcept {
    detail::wake_batch woken;
    detail::mutex_lock held(mutex_);
    notify_one_locked(woken);
}

void notify::notify_waiters() noexcept {
    detail::wake_batch woken;
    detail::mutex_lock held(mutex_);
    // Pairs with notified(), so that an operation made after it counts as later.
    round_.store(round_.load(detail::relaxed) + 1,
                 detail::release);  // only written under the mutex
    while (auto* first = static_cast<notified_operation::node*>(waiting_.front())) {
        first->given = notified_operation::answer::all;
        waiting_.fire(*first, woken);
    }
}

void notify::notify_one_locked(detail::wake_batch& woken) noexcept {
    auto* const first = static_cast<notified_operation::node*>(waiting_.front());
    if (first == nullptr) {
        has_permit_ = true;
        return;
    }
    first->given = notified_operation::answer::one;
    waiting_.fire(*first, woken);
}

}  // namespace edo::sync
