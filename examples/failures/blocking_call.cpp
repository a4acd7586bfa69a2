// A call that blocks its thread freezes the clients of that thread until a monitor takes them over,
// and costs a thread then; cured by spawn_blocking().   build/release/bin/failure_blocking_call
// Expect a 1 ms clock to tick 200 ms late, 10 to 20 ms with the monitor, and a few with the cure.
#include <algorithm>
#include <cstdio>
#include <thread>

#include <edo/edo.h>

namespace {

using namespace std::chrono_literals;
constexpr auto call_time = 200ms;

/// Stands for a name look-up, a big file, a database driver without an asynchronous interface.
void old_library_call() {
    std::this_thread::sleep_for(call_time);
}

edo::task<void> broken() {
    co_await edo::sleep(20ms);
    old_library_call();  // nothing else on this worker moves until it returns, or is missed
    co_await edo::sleep(20ms);
}

edo::task<void> cured() {
    co_await edo::sleep(20ms);
    co_await edo::spawn_blocking(old_library_call);  // on a thread of its own; the worker goes on
    co_await edo::sleep(20ms);
}

/// Stands for the clients: something due each millisecond. Yields how late the worst was.
edo::task<void> measure_ticks(edo::duration& worst) {
    auto ticks = edo::interval(1ms, edo::missed_tick::skip);
    for (;;) {
        const edo::instant due = co_await ticks.tick();
        worst = std::max(worst, edo::now() - due);
    }
}

using client = edo::task<void> (*)();

edo::task<edo::duration> worst_tick_during(client work) {
    edo::duration worst{};
    auto working = edo::spawn(work);
    auto done = std::move(working).join();
    co_await edo::select(done, measure_ticks(worst));
    co_return worst;
}

double ms(edo::duration span) {
    return std::chrono::duration<double, std::milli>(span).count();
}

}  // namespace

int main() {
    edo::set_blocked_worker_hook([](const edo::blocked_worker& seen) noexcept {
        std::printf("the monitor says: %s\n", seen.to_string().c_str());
    });
    auto unwatched = edo::runtime::builder().worker_threads(1).blocked_after(0s).build();
    auto watched = edo::runtime::builder().worker_threads(1).build();
    if (!unwatched || !watched) {
        const std::error_code why = !unwatched ? unwatched.error() : watched.error();
        std::fprintf(stderr, "failure_blocking_call: %s\n", why.message().c_str());
        return 1;
    }
    const edo::duration before = unwatched->block_on(worst_tick_during(broken));
    const edo::duration rescued = watched->block_on(worst_tick_during(broken));
    const edo::duration after = watched->block_on(worst_tick_during(cured));
    std::printf("broken, called in a task:    worst tick %7.2f ms late\n", ms(before));
    std::printf("the same with a monitor:     worst tick %7.2f ms late\n", ms(rescued));
    std::printf("cured, in spawn_blocking():  worst tick %7.2f ms late\n", ms(after));
    const bool is_cured = before >= call_time * 3 / 4 && rescued < before && after < before / 4;
    std::puts(is_cured ? "the cure works" : "the cure does not work");
    return is_cured ? 0 : 1;
}
