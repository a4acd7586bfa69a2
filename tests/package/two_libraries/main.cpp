// Uses two libraries at once that both have Edo in them: neither sees the tasks of the other.
#include "library.h"
#include <cstdio>
#include <thread>

namespace {

bool has_seen_its_own(const use_of_edo& seen, int tasks) {
    std::printf("%d tasks: sum %d, %d failed, %d failures heard\n", tasks, seen.sum,
                seen.tasks_thrown, seen.failures_heard);
    return seen.sum == tasks && seen.tasks_thrown == tasks && seen.failures_heard == tasks;
}

}  // namespace

int main() {
    for (int round = 1; round <= 20; ++round) {
        use_of_edo first{}, second{};
        std::thread other([&] { second = use_edo_in_two(10 * round); });
        first = use_edo_in_one(round);
        other.join();
        if (!has_seen_its_own(first, round) || !has_seen_its_own(second, 10 * round)) return 1;
    }
    std::puts("the answer is 42");
}
