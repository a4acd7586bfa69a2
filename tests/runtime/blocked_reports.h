#pragma once
// What runtimes report of blocked workers.

#include <cstddef>
#include <thread>
#include <vector>

#include <edo/base/seam/mutex.h>
#include <edo/runtime/blocked_worker.h>
#include <edo/runtime/runtime.h>

namespace edo::testing {

/// Lets a condition come about that the runtime brings about by itself.
template <class Condition>
void await(Condition&& holds) {
    while (!holds())
        std::this_thread::yield();
}

/// Collects what is reported.
class reports {
public:
    reports() { set_blocked_worker_hook(&take); }

    reports(const reports&) = delete;

    ~reports() {
        set_blocked_worker_hook(nullptr);
        all().clear();
    }

    static std::size_t count() {
        detail::mutex_lock guard(lock());
        return all().size();
    }

    static blocked_worker at(std::size_t n) {
        detail::mutex_lock guard(lock());
        return all()[n];
    }

private:
    static detail::mutex& lock() {
        static detail::mutex one;
        return one;
    }

    static std::vector<blocked_worker>& all() {
        static std::vector<blocked_worker> some;
        return some;
    }

    static void take(const blocked_worker& seen) noexcept {
        detail::mutex_lock guard(lock());
        all().push_back(seen);
    }
};

/// A runtime with one worker that is soon reported.
inline runtime_builder reporting_builder() {
    return runtime::builder()
        .worker_threads(1)
        .name("mill")
        .blocked_after(std::chrono::milliseconds(1))
        .report_blocked_after(std::chrono::milliseconds(5));
}

}  // namespace edo::testing
