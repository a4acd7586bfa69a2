#pragma once

#include <coroutine>
#include <utility>

#include <edo/task/context.h>
#include <edo/task/state/header.h>
#include <edo/task/state/promise.h>

namespace edo {

// context::run() on the thread of `exec`, where the compiler can put it into a task's poll.
[[gnu::always_inline]] inline bool context::run_on(detail::execution& exec) noexcept {
    context* const outer = std::exchange(exec.line, this);
    std::coroutine_handle<> next;
    if (detail::leaf* const at = leaf(); at != nullptr) {
        next = at->kind->poll(*at, *this);
        if (!next) {
            exec.line = outer;
            return false;
        }
        at_ = 0;
    } else {
        next = take_ready()->handle();
    }
    for (;;) {
        transfers_ = 0;
        next.resume();
        if (is_done() || (at_ & 1) == 0) break;
        // A coroutine that never waits must still let others run: each unwinding costs a unit.
        if (!charge()) break;
        next = take_ready()->handle();
    }
    exec.line = outer;
    return is_done();
}

}  // namespace edo
