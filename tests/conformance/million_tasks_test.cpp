// A million tasks that are alive at once: what each costs, and what stays when they have ended.

#include "support/child_process.h"
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <functional>
#include <malloc.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include <edo/base/seam/sanitizer.h>
#include <edo/runtime/runtime.h>
#include <edo/sync/notify.h>
#include <edo/task/spawn.h>
#include <edo/task/yield.h>

namespace edo::testing {
namespace {

constexpr int tasks = EDO_SANITIZED ? 50'000 : 1'000'000;

std::ptrdiff_t resident_bytes() {
    std::ptrdiff_t all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * ::sysconf(_SC_PAGESIZE);
}

struct crowd {
    std::atomic<int> ready = 0;
    std::atomic<int> gone = 0;
    sync::notify go;
};

task<> yield_and_wait(std::reference_wrapper<crowd> in) {
    co_await yield_now();
    auto told = in.get().go.notified();  // hears from here on
    ++in.get().ready;
    co_await std::move(told);
    ++in.get().gone;
}

/// What each of the tasks costs while all are alive, and how much of that is left afterwards.
struct footprint {
    double of_one;
    double share_left;
};

footprint measure(runtime& rt) {
    crowd all;
    std::ptrdiff_t most = 0;
    const std::ptrdiff_t before = resident_bytes();
    rt.block_on([&]() -> task<> {
        for (int i = 0; i < tasks; ++i)
            spawn(yield_and_wait, std::ref(all)).detach();
        while (all.ready != tasks)
            co_await yield_now();
        most = resident_bytes();
        all.go.notify_waiters();
        while (all.gone != tasks)
            co_await yield_now();
    });
    while (rt.metrics().tasks_alive != 0)
        rt.block_on(yield_now());
    ::malloc_trim(0);
    const std::ptrdiff_t after = resident_bytes();
    const auto grown = static_cast<double>(most - before);
    return {grown / tasks, static_cast<double>(after - before) / grown};
}

class million_tasks : public ::testing::TestWithParam<unsigned> {};

TEST_P(million_tasks, cost_little_each_and_give_it_back) {
    child_process child([] {
        ::alarm(100);  // a second alone, but not on a machine that has much else to do
        auto rt = runtime::builder().worker_threads(GetParam()).build().value();

        const footprint seen = measure(rt);

        std::printf("%d tasks, %u workers: %.0f bytes each, of which %.1f %% stay\n", tasks,
                    GetParam(), seen.of_one, 100 * seen.share_left);
        if (EDO_SANITIZED) return;  // a sanitizer keeps what was freed
        EXPECT_LT(seen.of_one, 512);
        EXPECT_LT(seen.share_left, 0.1);
    });

    EXPECT_EQ(child.end(), "exit 0");
}

INSTANTIATE_TEST_SUITE_P(workers, million_tasks, ::testing::Values(1U, 2U));

}  // namespace
}  // namespace edo::testing
