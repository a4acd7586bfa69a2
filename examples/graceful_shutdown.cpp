// How a service ends: a token asks, a deadline limits the patience, reports name the stragglers.
//   build/release/bin/graceful_shutdown [SECONDS]     ends after SECONDS (default 0.5) or on Ctrl-C
// Expect three workers to finish their work; a deaf task and a blocking call are named.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

#include <edo/edo.h>

namespace {

using namespace std::chrono_literals;

/// Looks at the token between two pieces of work, never in the middle of one.
edo::task<void> polite(int number, edo::sync::cancellation_token stop) {
    int done = 0;
    while (!stop.is_cancelled()) {
        co_await edo::sleep(20ms);  // a piece of work
        ++done;
    }
    std::printf("worker %d: asked to stop, finished %d pieces\n", number, done);
}

/// Tells when it is dropped: that is how tasks end that do not listen.
class notices_the_end {
public:
    notices_the_end() noexcept {}

    notices_the_end(const notices_the_end&) = delete;

    ~notices_the_end() { std::puts("deaf task: dropped, its destructors have run"); }
};

edo::task<void> deaf() {
    const notices_the_end end;
    co_await edo::sleep(24h);
}

void slow_library_call() {
    std::this_thread::sleep_for(1500ms);
}

edo::task<void> calls_a_library() {
    co_await edo::spawn_blocking(slow_library_call);
}

edo::task<void> service(const edo::runtime& rt, edo::sync::cancellation_token stop) {
    edo::task_group tasks(edo::independent);
    for (int number = 1; number <= 3; ++number)
        tasks.spawn(polite, number, stop);
    const auto late = tasks.spawn(deaf);
    const auto blocked = tasks.spawn(calls_a_library);

    co_await stop.cancelled();
    const auto drained = co_await edo::timeout(200ms, tasks.join());
    if (drained) co_return;
    std::printf("%zu tasks are late:\n", tasks.alive());
    for (const edo::task_dump& each : rt.dump().tasks)
        if (each.id == late.id() || each.id == blocked.id())
            std::fputs(each.to_string().c_str(), stdout);
    // Leaving the scope cancels them, and returns only when they are gone.
}

/// Waits for SIGINT or SIGTERM, `limit` at most.
void wait_for_signal(const sigset_t& signals, double seconds) {
    const auto whole = static_cast<std::time_t>(seconds);
    const auto rest = static_cast<long>((seconds - static_cast<double>(whole)) * 1e9);
    const timespec limit{.tv_sec = whole, .tv_nsec = rest};
    sigtimedwait(&signals, nullptr, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    char* end = nullptr;
    const double seconds = argc > 1 ? std::strtod(argv[1], &end) : 0.5;
    if (!(seconds > 0) || seconds > 1e9 || (end != nullptr && *end != '\0')) {
        std::fprintf(stderr, "graceful_shutdown: '%s': seconds, more than 0, are needed\n",
                     argv[1]);
        return 2;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the workers start, which inherit it

    auto built = edo::runtime::builder().name("service").build();
    if (!built) {
        std::fprintf(stderr, "graceful_shutdown: %s\n", built.error().message().c_str());
        return 1;
    }
    edo::sync::cancellation_token stop;
    auto running = built->spawn(service, std::cref(*built), stop);
    wait_for_signal(signals, seconds);
    stop.cancel();                               // 1. ask
    built->block_on(std::move(running).join());  // 2. wait, with the service's own limit; then drop
    const auto report =
        built->shutdown(100ms);  // 3. end the runtime; what is left is in the report
    std::printf("after the deadline: %s\n", report.to_string().c_str());
    return report.tasks.empty() && report.stuck_workers == 0 ? 0 : 1;
}
