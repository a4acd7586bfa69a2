// A runtime that has nothing to do costs nothing.

#include "net/io_loop.h"
#include "net/pairs.h"
#include "support/event.h"
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>
#include <edo/task/yield.h>
#include <edo/timer/interval.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;

/// Of each thread with a certain name, by number: how often it has left the processor. One that
/// sleeps, makes any system call, and sleeps again, has left it once more; which call it was does
/// not matter, nor who makes it, so those of liburing count too.
class stillness {
public:
    explicit stillness(const std::string& name) {
        for (const auto& each : std::filesystem::directory_iterator("/proc/self/task"))
            look_at(each.path(), name);
    }

    bool all_sleep() const { return all_sleep_; }

    std::size_t threads() const { return switches_.size(); }

    bool operator==(const stillness& other) const { return switches_ == other.switches_; }

private:
    void look_at(const std::filesystem::path& thread, const std::string& name) {
        std::ifstream status(thread / "status");
        bool is_one = false;
        for (std::string line; std::getline(status, line);) {
            const std::string key = line.substr(0, line.find(':'));
            const std::size_t begin = line.find_first_not_of(" \t", key.size() + 1);
            if (begin == std::string::npos) continue;
            const std::string value = line.substr(begin);
            if (key == "Name") is_one = value.starts_with(name);
            if (!is_one) continue;
            if (key == "State" && value[0] != 'S') all_sleep_ = false;
            if (key.ends_with("voluntary_ctxt_switches"))
                switches_[thread.filename().string() + ' ' + key] = std::stoull(value);
        }
    }

    std::map<std::string, std::uint64_t> switches_;  // by thread and kind
    bool all_sleep_ = true;
};

/// Whether the workers look for work before they sleep.
enum class spinning { adaptive, never, briefly };

const char* name_of(spinning how) {
    if (how == spinning::adaptive) return "adaptive";
    return how == spinning::never ? "never_spinning" : "spinning_briefly";
}

class idle_runtime : public ::testing::TestWithParam<std::tuple<reactor_kind, spinning>> {
protected:
    static runtime make() {
        auto builder = runtime::builder();
        builder.worker_threads(2).reactor(std::get<0>(GetParam())).thread_name("at-rest");
        if (std::get<1>(GetParam()) == spinning::never) builder.busy_poll(0s);
        if (std::get<1>(GetParam()) == spinning::briefly) builder.busy_poll(50us);
        return builder.build().value();
    }

    /// Each thread comes to rest within a moment; then nothing moves, however long one looks.
    static void expect_stillness() {
        stillness before("at-rest");
        for (;;) {
            std::this_thread::sleep_for(30ms);  // longer than any thread waits with a limit
            stillness now("at-rest");
            const bool is_still = now.all_sleep() && now == before;
            before = std::move(now);
            if (is_still) break;
        }
        EXPECT_EQ(before.threads(), std::size_t{2 * 3});  // two workers and the monitor
        std::this_thread::sleep_for(200ms);

        EXPECT_TRUE(stillness("at-rest") == before);
    }
};

INSTANTIATE_TEST_SUITE_P(
    reactors,
    idle_runtime,
    ::testing::Combine(::testing::ValuesIn(reactors_here()),
                       ::testing::Values(spinning::adaptive, spinning::never, spinning::briefly)),
    [](const auto& made) {
        return std::string(edo::name_of(std::get<0>(made.param))) + '_' +
               name_of(std::get<1>(made.param));
    });

TEST_P(idle_runtime, makes_no_system_calls) {
    auto rt = make();

    rt.block_on(yield_now());

    expect_stillness();
}

task<> wait_for(std::reference_wrapper<event> e) {
    co_await e.get().wait();
}

task<> read(net::tcp_stream stream) {
    std::byte byte[1];
    static_cast<void>(co_await stream.read(byte));
}

TEST_P(idle_runtime, with_tasks_sockets_and_distant_timers_makes_none_either) {
    event never;
    half_plain_pair pair = make_pair();
    auto rt = make();
    rt.spawn(wait_for, std::ref(never)).detach();
    rt.spawn(read, std::move(pair.stream)).detach();
    rt.spawn([]() -> task<> { co_await sleep(1h); }).detach();
    rt.spawn([]() -> task<> {
          auto ticks = interval(1h);
          co_await ticks.tick();
          co_await ticks.tick();
      }).detach();
    for (int i = 0; i < 1'000; ++i)
        rt.block_on(yield_now());

    expect_stillness();
}

}  // namespace
}  // namespace edo::testing
