#include <edo/task/waker.h>

#include <edo/task/context.h>
#include <edo/task/state/header.h>

namespace edo {

void detail::wake_target::wake() const noexcept {
    task()->wake(slot());
}

void detail::wake_target::wake_and_release() const noexcept {
    task()->wake_and_release(slot());
}

void detail::wake_target::release() const noexcept {
    task()->release_refs();
}

waker::waker(const waker& other) noexcept : target_(other.target_) {
    if (target_) target_.task()->add_ref();
}

void waker::drop() noexcept {
    if (target_) std::exchange(target_, {}).release();
}

bool waker::wakes(const context& cx) const noexcept {
    return target_ == cx.target();
}

}  // namespace edo
