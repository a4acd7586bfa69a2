#pragma once

#include <mutex>
#include <utility>

#include <edo/task/operation.h>

namespace edo::testing {

/// Something that tests raise and tasks wait for; the smallest leaf operation there is.
/// Thread-safe: yes.
class event {
public:
    class wait_operation {
    public:
        static constexpr const char* wait_name = "test event";

        explicit wait_operation(event& e) noexcept : event_(&e) {}

        wait_operation(wait_operation&& other) noexcept : event_(other.event_) {}

        ~wait_operation() {
            std::lock_guard guard(event_->lock_);
            if (event_->waiting_ == this) {
                event_->waiting_ = nullptr;
                event_->waker_ = waker{};
            }
        }

        bool poll(context& cx) noexcept {
            std::lock_guard guard(event_->lock_);
            ++event_->polls_;
            if (event_->raised_) return true;
            event_->waiting_ = this;
            event_->waker_ = cx.waker();
            return false;
        }

        void take() noexcept {}

    private:
        event* event_;
    };

    wait_operation wait() noexcept { return wait_operation(*this); }

    void raise() {
        waker taken;
        {
            std::lock_guard guard(lock_);
            raised_ = true;
            taken = waker_;
        }
        taken.wake();
    }

    /// Wakes who waits without a reason.
    void poke() {
        waker taken;
        {
            std::lock_guard guard(lock_);
            taken = waker_;
        }
        taken.wake();
    }

    /// A waker of who waits, to be kept.
    waker stolen_waker() {
        std::lock_guard guard(lock_);
        return waker_;
    }

    bool has_waiter() const {
        std::lock_guard guard(lock_);
        return waiting_ != nullptr;
    }

    int polls() const {
        std::lock_guard guard(lock_);
        return polls_;
    }

private:
    mutable std::mutex lock_;
    bool raised_ = false;
    int polls_ = 0;
    wait_operation* waiting_ = nullptr;
    waker waker_;
};

}  // namespace edo::testing
