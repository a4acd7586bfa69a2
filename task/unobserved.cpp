#include <edo/task/unobserved.h>

#include <cstdio>
#include <string>

#include <edo/base/clock.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/mutex.h>
#include <edo/task/state/line_limit.h>

namespace edo {
namespace {

std::string describe(const unobserved_failure& failure) {
    if (!failure.exception) return "returned the error \"" + failure.error.message() + '"';
    try {
        std::rethrow_exception(failure.exception);
    } catch (const std::exception& e) {
        return std::string("threw \"") + e.what() + '"';
    } catch (...) {
        return "threw something that is no std::exception";
    }
}

detail::mutex limit_lock;
detail::line_limit limit;  // belongs to who holds limit_lock

void write_line(const unobserved_failure& failure) noexcept {
    const detail::line_limit::answer may_write = [] {
        const detail::mutex_lock guard(limit_lock);
        return limit.ask(detail::monotonic_clock::read());
    }();
    if (may_write.left_out != 0)
        std::fprintf(stderr, "edo: %llu more failures that nobody looks at were left out\n",
                     static_cast<unsigned long long>(may_write.left_out));
    if (!may_write.yes) return;
    try {
        const std::string what = describe(failure);
        const std::string name =
            failure.task_name.empty() ? "" : " \"" + std::string(failure.task_name) + '"';
        std::fprintf(stderr,
                     "edo: task %llu%s, spawned at %s:%u, %s, and nobody holds its handle\n",
                     static_cast<unsigned long long>(failure.task_id), name.c_str(),
                     failure.spawned_at.file_name(),
                     static_cast<unsigned>(failure.spawned_at.line()), what.c_str());
    } catch (...) {
        std::fputs("edo: a task failed, nobody holds its handle, and memory is short\n", stderr);
    }
}

detail::atomic<unobserved_failure_hook> current_hook{&write_line};

}  // namespace

unobserved_failure_hook set_unobserved_failure_hook(unobserved_failure_hook hook) noexcept {
    // acq_rel: pairs with the load below, so that what the hook needs is there when it is called.
    return current_hook.exchange(hook != nullptr ? hook : &write_line, detail::acq_rel);
}

void detail::report_unobserved(const unobserved_failure& failure) noexcept {
    current_hook.load(acquire)(failure);  // pairs with the exchange above
}

}  // namespace edo
