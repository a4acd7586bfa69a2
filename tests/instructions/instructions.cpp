// Does one thing many times, for a counter of instructions:
//   edo_instructions spawn_join 10000
//   edo_instructions --list
// Expect no output of the first. check_instructions.py runs it twice under callgrind and takes the
// difference.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <source_location>
#include <string_view>
#include <vector>

#include <edo/edo.h>
#include <edo/runtime/scheduler/local_queue.h>
#include <edo/task/state/header.h>

// Time stands still, for the library too, which is linked into this program: what happens now and
// then (a look at the sockets, a measured poll) would else come more often on a slow machine.
extern "C" int clock_gettime(clockid_t, timespec* now) noexcept {
    *now = {1'000'000, 0};
    return 0;
}

namespace {

using namespace std::chrono_literals;

edo::task<> nothing() {
    co_return;
}

edo::task<> spawn_join(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i)
        co_await edo::spawn(nothing).join();
}

edo::task<> spawn_many(std::size_t times) {
    constexpr std::size_t burst = 1000;
    for (std::size_t i = 0; i < times; i += burst) {
        std::vector<edo::join_handle<void>> handles;
        handles.reserve(burst);
        for (std::size_t k = 0; k < burst; ++k)
            handles.push_back(edo::spawn(nothing));
        for (auto& each : handles)
            co_await std::move(each).join();
    }
}

edo::task<> link(std::size_t more, edo::sync::oneshot::sender<int> end) {
    if (more == 0) {
        static_cast<void>(end.send(1));
    } else {
        edo::spawn(link, more - 1, std::move(end)).detach();
    }
    co_return;
}

/// Each task spawns the next one and ends.
edo::task<> chained_spawn(std::size_t times) {
    auto [end, ended] = edo::sync::oneshot::channel<int>();
    edo::spawn(link, times, std::move(end)).detach();
    static_cast<void>(co_await ended.recv());
}

edo::task<> yield(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i)
        co_await edo::yield_now();
}

edo::task<> wake_other(edo::sync::notify& mine, edo::sync::notify& other, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        other.notify_one();
        co_await mine.notified();
    }
    other.notify_one();
}

/// Two tasks in turn: each time is two wakes and two polls.
edo::task<> wake_poll(std::size_t times) {
    edo::sync::notify ping;
    edo::sync::notify pong;
    auto partner = edo::spawn(wake_other, std::ref(ping), std::ref(pong), times / 2);
    co_await wake_other(pong, ping, times / 2);
    co_await std::move(partner).join();
}

/// The deadline is armed and cancelled; what it is for takes one yield.
edo::task<> timeout_of_yield(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        const auto in_time = co_await edo::timeout(1h, edo::yield_now());
        if (!in_time) std::abort();
    }
}

/// Each time a timer is armed, and cancelled because the other branch is ready.
edo::task<> timer_arm_cancel(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        const auto first = co_await edo::select_biased(edo::sleep(1h), edo::consume_budget());
        if (first.index() != 1) std::abort();
    }
}

/// A message goes through a channel that has room for it.
edo::task<> send_and_receive(std::size_t times) {
    auto [to, from] = edo::sync::mpsc::channel<std::size_t>(16);
    for (std::size_t i = 0; i < times; ++i) {
        const auto sent = co_await to.send(i);
        const auto message = co_await from.recv();
        if (!sent || !message) std::abort();
    }
}

edo::task<> select_of_two(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        const auto first = co_await edo::select(edo::consume_budget(), edo::consume_budget());
        if (first.index() > 1) std::abort();
    }
}

/// As a program writes one for itself.
class ready {
public:
    explicit ready(std::size_t value) noexcept : value_(value) {}

    bool poll(edo::context&) noexcept { return true; }

    std::size_t take() noexcept { return value_; }

private:
    std::size_t value_;
};

edo::task<> select_of_own(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        const auto first = co_await edo::select(ready(i), ready(i));
        if (first.index() > 1) std::abort();
    }
}

class no_scheduler final : public edo::detail::root_scheduler {
public:
    void schedule(edo::detail::task_header&) noexcept override {}

    const char* name() const noexcept override { return "none"; }

    void destroy() noexcept override {}
};

class no_task : public edo::detail::task_header {
public:
    explicit no_task(edo::detail::scheduler& s) noexcept
        : task_header(kind_of, s, std::source_location::current()) {}

private:
    static constexpr edo::detail::task_kind kind_of{nullptr, nullptr, nullptr, nullptr};
};

/// A thief takes half of the eight tasks of another worker's ring, and puts them back.
void steal(std::size_t times) {
    no_scheduler owner;
    edo::detail::inject_queue overflow;
    const auto victim = std::make_unique<edo::detail::local_queue>();
    const auto thief = std::make_unique<edo::detail::local_queue>();
    std::vector<std::unique_ptr<no_task>> tasks;
    for (int i = 0; i < 8; ++i) {
        tasks.push_back(std::make_unique<no_task>(owner));
        victim->push(*tasks.back(), overflow, false);
    }
    for (std::size_t i = 0; i < times; ++i) {
        edo::detail::task_header* taken = victim->steal_into(*thief);
        for (; taken != nullptr; taken = thief->pop(false))
            victim->push(*taken, overflow, false);
    }
    while (victim->pop(false) != nullptr) {
    }
}

template <edo::task<> (*Body)(std::size_t)>
void on_one_worker(std::size_t times) {
    auto rt = edo::runtime::builder().worker_threads(1).reactor(edo::reactor_kind::epoll);
    rt.blocked_after(0s).build().value().block_on([times] { return Body(times); });
}

struct row {
    std::string_view name;
    void (*run)(std::size_t times);
};

constexpr row rows[] = {
    {"spawn_join", &on_one_worker<spawn_join>},
    {"spawn_many", &on_one_worker<spawn_many>},
    {"chained_spawn", &on_one_worker<chained_spawn>},
    {"yield", &on_one_worker<yield>},
    {"wake_poll", &on_one_worker<wake_poll>},
    {"timeout_of_yield", &on_one_worker<timeout_of_yield>},
    {"timer_arm_cancel", &on_one_worker<timer_arm_cancel>},
    {"send_and_receive", &on_one_worker<send_and_receive>},
    {"select_of_two", &on_one_worker<select_of_two>},
    {"select_of_own", &on_one_worker<select_of_own>},
    {"steal", &steal},
};

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && argv[1] == std::string_view("--list")) {
        for (const row& each : rows)
            std::puts(each.name.data());
        return 0;
    }
    const std::string_view wanted = argc == 3 ? argv[1] : "";
    for (const row& each : rows) {
        if (each.name != wanted) continue;
        each.run(std::strtoull(argv[2], nullptr, 10));
        return 0;
    }
    std::fputs("edo_instructions: wants a row and how often\n", stderr);
    return 2;
}
