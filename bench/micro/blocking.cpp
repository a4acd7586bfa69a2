#include "edo_side.h"
#include "entry.h"
#include "families.h"
#include "measurement.h"
#include <cstddef>

#include <edo/runtime/spawn_blocking.h>
#include <edo/task/task.h>

namespace bench {
namespace {

void return_at_once() {}

// To a thread of the pool and back, one call after the other.
edo::task<measurement> call_in_sequence(std::size_t count) {
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        co_await edo::spawn_blocking(return_at_once);
    co_return measurement{watch.elapsed()};
}

}  // namespace

void add_blocking() {
    enter_each<edo_side>({.name = "spawn_blocking", .operations = 2'000}, call_in_sequence);
}

}  // namespace bench
