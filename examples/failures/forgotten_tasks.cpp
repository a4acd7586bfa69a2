// Tasks that nobody owns outlive their purpose and pile up; cured by a task_group per request.
//   build/release/bin/failure_forgotten_tasks
// Expect 1,000 requests to leave 1,000 tasks, all waiting at one line, and none with the cure.
#include <cstdio>
#include <string>

#include <edo/edo.h>

namespace {

using namespace std::chrono_literals;
constexpr int requests = 1000;

/// Work beside a request (a look-up that may make the answer nicer) whose server never answers.
edo::task<void> look_up_extras() {
    co_await edo::sleep(24h);
}

edo::task<void> answer_broken() {
    auto extras = edo::spawn(look_up_extras);
    std::move(extras).detach();  // "it will end some day"
    co_await edo::yield_now();   // the answer itself
}

edo::task<void> answer_cured() {
    edo::task_group helpers;  // none of its tasks outlives this scope
    helpers.spawn(look_up_extras);
    co_await edo::yield_now();
}

using handler = edo::task<void> (*)();

edo::task<void> serve(handler answer) {
    edo::task_group clients;
    for (int i = 0; i < requests; ++i)
        clients.spawn(answer);
    static_cast<void>(co_await clients.join());
}

struct remains {
    std::size_t tasks = 0;
    std::string example;
};

/// Serves all requests and looks at what is left. dump() works on any runtime, at any time.
remains left_behind_by(edo::runtime& rt, handler answer) {
    rt.block_on(serve(answer));
    const edo::runtime_dump dump = rt.dump();
    remains left;
    left.tasks = dump.tasks.size();
    if (left.tasks != 0) left.example = dump.tasks.back().to_string();
    return left;
}

}  // namespace

int main() {
    auto built = edo::runtime::builder().build();
    if (!built) {
        std::fprintf(stderr, "failure_forgotten_tasks: %s\n", built.error().message().c_str());
        return 1;
    }
    // The cure first: what the broken form leaves stays until the runtime ends.
    const remains after_cure = left_behind_by(*built, answer_cured);
    const remains after_leak = left_behind_by(*built, answer_broken);
    std::printf("broken, detached:       %zu requests leave %zu tasks; one of them:\n",
                static_cast<std::size_t>(requests), after_leak.tasks);
    std::fputs(after_leak.example.c_str(), stdout);
    std::printf("cured, in a task_group: %zu requests leave %zu tasks\n",
                static_cast<std::size_t>(requests), after_cure.tasks);
    const auto report = built->shutdown(5s);  // ends what was left
    const bool is_cured =
        after_leak.tasks == requests && after_cure.tasks == 0 && report.is_clean();
    std::puts(is_cured ? "the cure works" : "the cure does not work");
    return is_cured ? 0 : 1;
}
