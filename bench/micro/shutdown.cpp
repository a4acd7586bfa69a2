#include "edo_side.h"
#include "entry.h"
#include "families.h"
#include "measurement.h"
#include <atomic>
#include <cstddef>
#include <optional>

#include <edo/runtime/runtime.h>
#include <edo/sync/notify.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>
#include <edo/task/yield.h>

namespace bench {
namespace {

// So many at a time: a worker that spawns for longer than 10 ms in one poll counts as blocked.
constexpr std::size_t spawned_at_once = 1'000;

edo::task<> wait_for_ever(edo::sync::notify* never, std::atomic<std::size_t>* waiting) {
    waiting->fetch_add(1, std::memory_order_relaxed);
    co_await never->notified();
}

edo::task<> fill_with_waiting(edo::sync::notify* never, std::size_t count) {
    std::atomic<std::size_t> waiting{0};
    for (std::size_t i = 0; i < count;) {
        for (const std::size_t end = i + spawned_at_once; i < end; ++i)
            edo::spawn(wait_for_ever, never, &waiting).detach();
        while (waiting.load(std::memory_order_relaxed) < i)
            co_await edo::yield_now();
    }
}

// The end of a runtime whose tasks all wait: each is dropped where it is.
template <unsigned Workers>
measurement shut_down(edo_side&, std::size_t count) {
    edo::sync::notify never;
    std::optional<edo_side> ending(std::in_place, Workers);
    ending->runtime().block_on(fill_with_waiting(&never, count));
    const stopwatch watch;
    ending.reset();
    return {watch.elapsed()};
}

}  // namespace

void add_shutdown() {
    const contest asked{.name = "shutdown_100k_tasks", .operations = 100'000};
    enter<edo_side>(asked, 1, shut_down<1>);
    enter<edo_side>(asked, 2, shut_down<2>);
}

}  // namespace bench
