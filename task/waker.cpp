#include <edo/task/waker.h>

#include <edo/task/context.h>
#include <edo/task/state/header.h>

namespace edo {

void detail::wake_target::wake() const noexcept {
    task()->wake(slot());
}

waker::waker(const waker& other) noexcept : target_(other.target_) {
    if (target_) target_.task()->add_ref();
}

void waker::drop() noexcept {
    if (target_) std::exchange(target_, {}).task()->release_refs();
}

bool waker::wakes(const context& cx) const noexcept {
    return target_ == cx.target();
}

}  // namespace edo
