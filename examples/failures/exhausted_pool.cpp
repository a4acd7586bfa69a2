// One slow dependency takes all threads of a pool and other calls wait; cured by a pool of its own.
//   build/release/bin/failure_exhausted_pool
// Expect quick calls to wait about 0.2 s for a thread, and a few ms at most with the cure.
#include <algorithm>
#include <cstdio>
#include <thread>

#include <edo/edo.h>

namespace {

using namespace std::chrono_literals;
constexpr unsigned pool_threads = 4;
constexpr int slow_calls = 24;
constexpr auto slow_time = 40ms;

void ask_slow_archive() {
    std::this_thread::sleep_for(slow_time);
}

void read_small_file() {
    std::this_thread::sleep_for(100us);
}

edo::task<void> archive_client() {
    co_await edo::spawn_blocking(ask_slow_archive);
}

/// Waits in the line of the archive's own pool, which costs a few hundred bytes and takes nobody
/// else's thread. Where even that line may get too long, try_spawn() turns callers away at once.
edo::task<void> client_of(edo::blocking_pool archive) {
    co_await archive.spawn(ask_slow_archive);
}

/// One quick call each 5 ms. Yields the longest that any took.
edo::task<edo::duration> quick_client() {
    edo::duration worst{};
    for (int i = 0; i < 20; ++i) {
        const edo::instant begin = edo::now();
        co_await edo::spawn_blocking(read_small_file);
        worst = std::max(worst, edo::now() - begin);
        co_await edo::sleep(5ms);
    }
    co_return worst;
}

edo::task<edo::duration> measure(bool has_own_pool) {
    edo::blocking_pool archive("archive", edo::blocking_pool_options().max_threads(2));
    edo::task_group clients(edo::independent);
    for (int i = 0; i < slow_calls; ++i) {
        if (has_own_pool) {
            clients.spawn(client_of, archive);
        } else {
            clients.spawn(archive_client);
        }
    }
    co_await edo::sleep(10ms);  // the slow calls are first
    const edo::duration worst = co_await quick_client();
    static_cast<void>(co_await clients.join());
    co_return worst;
}

double ms(edo::duration span) {
    return std::chrono::duration<double, std::milli>(span).count();
}

}  // namespace

int main() {
    auto built = edo::runtime::builder().max_blocking_threads(pool_threads).build();
    if (!built) {
        std::fprintf(stderr, "failure_exhausted_pool: %s\n", built.error().message().c_str());
        return 1;
    }
    const edo::duration before = built->block_on(measure(false));
    const edo::duration after = built->block_on(measure(true));
    std::printf("broken, one pool for all:       worst quick call %7.2f ms\n", ms(before));
    std::printf("cured, a pool per dependency:   worst quick call %7.2f ms\n", ms(after));
    const bool is_cured = before > 2 * slow_time && after < before / 3;
    std::puts(is_cured ? "the cure works" : "the cure does not work");
    return is_cured ? 0 : 1;
}
