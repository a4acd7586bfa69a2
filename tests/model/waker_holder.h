#pragma once

#include <edo/task/context.h>
#include <edo/task/waker.h>

namespace edo::model {

/// Done at once; leaves a waker of the task that awaits it, so that others can wake it for no
/// reason.
class hand_out_waker {
public:
    explicit hand_out_waker(waker& to) noexcept : to_(to) {}

    bool poll(context& cx) noexcept {
        to_ = cx.waker();
        return true;
    }

    void take() noexcept {}

private:
    waker& to_;
};

}  // namespace edo::model
