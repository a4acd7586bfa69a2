#include <edo/sync/mutex.h>

#include "edo_side.h"
#include "entry.h"
#include "families.h"
#include "measurement.h"
#include <cstddef>
#include <utility>
#include <vector>

#include <edo/task/join_handle.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>

namespace bench {
namespace {

using counter = edo::sync::mutex<std::size_t>;

constexpr std::size_t contenders = 4;

edo::task<> count_up(counter* shared, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        auto guard = co_await shared->lock();
        ++*guard;
    }
}

edo::task<measurement> lock_alone(std::size_t count) {
    counter shared;
    const stopwatch watch;
    co_await count_up(&shared, count);
    co_return measurement{watch.elapsed()};
}

edo::task<measurement> lock_together(std::size_t count) {
    counter shared;
    std::vector<edo::join_handle<void>> handles;
    handles.reserve(contenders);
    const stopwatch watch;
    for (std::size_t i = 0; i < contenders; ++i)
        handles.push_back(edo::spawn(count_up, &shared, count / contenders));
    for (edo::join_handle<void>& each : handles)
        co_await std::move(each).join();
    co_return measurement{watch.elapsed()};
}

}  // namespace

void add_mutex() {
    enter_each<edo_side>({.name = "mutex_uncontended", .operations = 1'000'000, .most_workers = 1},
                         lock_alone);
    enter_each<edo_side>({.name = "mutex_contended", .operations = 200'000, .fewest_workers = 2},
                         lock_together);
}

}  // namespace bench
