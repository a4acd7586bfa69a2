// Compiled twice, as two libraries. Each has tasks that fail and nobody joins, and hears of its
// own.
#include "library.h"
#include <atomic>
#include <stdexcept>

#include <edo/edo.h>

namespace {

std::atomic<int> failures_heard = 0;

void hear(const edo::unobserved_failure&) noexcept {
    ++failures_heard;
}

edo::task<> fail() {
    throw std::runtime_error("as planned");
    co_return;
}

edo::task<int> half(int whole) {
    co_await edo::sleep(std::chrono::microseconds(10));
    co_return whole / 2;
}

edo::task<int> use(int tasks) {
    int sum = 0;
    for (int i = 0; i < tasks; ++i) {
        edo::spawn(fail).detach();
        sum += co_await edo::spawn(half, 2).join();
    }
    co_return sum;
}

}  // namespace

use_of_edo USE_EDO(int tasks) {
    failures_heard = 0;
    edo::set_unobserved_failure_hook(&hear);
    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    use_of_edo seen{};
    seen.sum = rt.block_on(use(tasks));
    while (rt.metrics().tasks_alive != 0)
        rt.block_on(edo::yield_now());
    rt.shutdown();
    seen.failures_heard = failures_heard;
    seen.tasks_thrown = static_cast<int>(rt.metrics().tasks_thrown);
    return seen;
}
