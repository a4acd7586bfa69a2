// The same seed gives the same schedule, in every process: nothing depends on addresses, on time or
// on chance. Other threads (blocking calls) are left out: when they are done is no choice of ours.

#include "support/stand_in.h"
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/runtime/testing.h>
#include <edo/sync/broadcast.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/mutex.h>
#include <edo/sync/notify.h>
#include <edo/sync/oneshot.h>
#include <edo/sync/semaphore.h>
#include <edo/sync/watch.h>
#include <edo/task/budget.h>
#include <edo/task/join.h>
#include <edo/task/select.h>
#include <edo/task/spawn.h>
#include <edo/task/spawn_options.h>
#include <edo/task/task_group.h>
#include <edo/task/yield.h>
#include <edo/timer/interval.h>
#include <edo/timer/now.h>
#include <edo/timer/sleep.h>
#include <edo/timer/timeout.h>

namespace {

using namespace std::chrono_literals;
using edo::testing::paused_runtime;

constexpr std::uint64_t seeds = 1000;

/// Who did what, in the order in which it happened and with its virtual time, as one number.
class schedule {
public:
    void note(std::uint64_t who, std::uint64_t what) {
        add(who);
        add(what);
        add(static_cast<std::uint64_t>(edo::now().time_since_epoch().count()));
        ++length_;
    }

    std::uint64_t hash() const { return hash_; }

    std::size_t length() const { return length_; }

private:
    void add(std::uint64_t word) {
        for (unsigned byte = 0; byte < 8; ++byte) {
            hash_ ^= (word >> (8 * byte)) & 0xff;
            hash_ *= 0x100000001b3;  // FNV-1a
        }
    }

    std::uint64_t hash_ = 0xcbf29ce484222325;
    std::size_t length_ = 0;
};

/// What the tasks share. They refer to it; the root outlives them.
struct world {
    schedule seen;
    edo::sync::mutex<int> counter{0};
    edo::sync::semaphore permits{2};
    edo::sync::notify bell;
};

using sender = edo::sync::mpsc::sender<std::uint64_t>;
using receiver = edo::sync::mpsc::receiver<std::uint64_t>;

edo::task<> produce(world& w, std::uint64_t me, sender to) {
    for (std::uint64_t i = 0; i < 5; ++i) {
        const auto sent = co_await to.send(100 * me + i);
        w.seen.note(me, sent.has_value() ? i : 99);
        if (i % 2 == me % 2) co_await edo::yield_now();
    }
}

edo::task<> consume(world& w, std::uint64_t me, receiver left, receiver right) {
    for (;;) {
        auto next = co_await edo::select(left.recv(), right.recv());
        const std::size_t from = next.index();
        const auto& value = from == 0 ? std::get<0>(next) : std::get<1>(next);
        w.seen.note(me, value ? *value : 50 + from);
        if (!value) co_return;
    }
}

edo::task<> count(world& w, std::uint64_t me) {
    auto permit = co_await w.permits.acquire();
    for (int i = 0; i < 3; ++i) {
        auto guard = co_await w.counter.lock();
        w.seen.note(me, static_cast<std::uint64_t>(++*guard));
        co_await edo::consume_budget();
    }
}

edo::task<> tick(world& w, std::uint64_t me) {
    auto ticks = edo::interval(3ms);
    for (int i = 0; i < 4; ++i) {
        auto first = co_await edo::select(ticks.tick(), edo::sleep(3ms));
        w.seen.note(me, first.index());
    }
}

edo::task<> race(world& w, std::uint64_t me) {
    for (int i = 0; i < 8; ++i) {
        auto first = co_await edo::select(edo::yield_now(), edo::consume_budget(), edo::sleep(0s));
        w.seen.note(me, first.index());
    }
}

edo::task<> ask(world& w, std::uint64_t me, edo::sync::oneshot::receiver<std::uint64_t> answer) {
    auto first = co_await edo::select(answer.recv(), edo::sleep(2ms));
    w.seen.note(me, first.index());
    if (first.index() == 0) co_return;
    auto late = co_await answer.recv();
    w.seen.note(me, late ? *late : 98);
}

edo::task<> answer(world& w, std::uint64_t me, edo::sync::oneshot::sender<std::uint64_t> to) {
    auto first = co_await edo::select(edo::yield_now(), edo::sleep(3ms), edo::yield_now());
    if (first.index() == 2) co_return;  // and says nothing
    auto later = co_await edo::select(edo::sleep(1ms), edo::sleep(1ms));
    if (later.index() == 1) co_await edo::sleep(3ms);
    w.seen.note(me, to.send(me).has_value() ? 1 : 0);
}

edo::task<> follow(world& w, std::uint64_t me, edo::sync::watch::receiver<std::uint64_t> value) {
    for (;;) {
        auto next = co_await edo::select(value.changed(), w.bell.notified());
        if (next.index() == 0 && !std::get<0>(next)) co_return;
        w.seen.note(me, 10 * *value.borrow() + next.index());
    }
}

edo::task<> hear(world& w, std::uint64_t me, edo::sync::broadcast::receiver<std::uint64_t> news) {
    for (;;) {
        auto heard = co_await news.recv();
        if (!heard && heard.error() == edo::errc::closed) co_return;
        w.seen.note(me, heard ? *heard : 1'000 + heard.missed());
        auto pause = co_await edo::select(edo::sleep(1ms), edo::sleep(1ms));
        if (pause.index() == 1) co_await edo::sleep(2ms);  // and may lag
    }
}

edo::task<> tell(world& w,
                 std::uint64_t me,
                 edo::sync::watch::sender<std::uint64_t> value,
                 edo::sync::broadcast::sender<std::uint64_t> news) {
    for (std::uint64_t i = 0; i < 6; ++i) {
        auto how = co_await edo::select(edo::sleep(1ms), edo::sleep(1ms), edo::sleep(1ms));
        if (how.index() != 0) w.seen.note(me, value.send(i).has_value() ? i : 97);
        if (how.index() != 1) w.seen.note(me, news.send(i).has_value() ? i : 96);
        if (how.index() != 2) w.bell.notify_one();
    }
}

edo::task<> compute(world& w, std::uint64_t me) {
    for (std::uint64_t i = 0; i < 4; ++i) {
        w.seen.note(me, i);
        co_await edo::yield_now();
    }
}

/// Tasks that stay on their worker, and those that run when no other is ready.
edo::task<> spawn_others(world& w, std::uint64_t me) {
    const auto batch = edo::spawn_options().priority(edo::priority::batch);
    const auto local_batch = edo::spawn_options().priority(edo::priority::batch).local();
    std::vector<edo::join_handle<void>> all;
    all.push_back(edo::spawn(edo::with(batch, compute), std::ref(w), me));
    all.push_back(edo::spawn_local(compute, std::ref(w), me + 1));
    all.push_back(edo::spawn(edo::with(local_batch, compute), std::ref(w), me + 2));
    all.push_back(edo::spawn(edo::with(batch, count), std::ref(w), me + 3));
    all.push_back(edo::spawn_local(race, std::ref(w), me + 4));
    for (auto& each : all)
        co_await std::move(each).join();
}

edo::task<> play(world& w) {
    edo::task_group group;
    auto [left_tx, left_rx] = edo::sync::mpsc::channel<std::uint64_t>(2);
    auto [right_tx, right_rx] = edo::sync::mpsc::channel<std::uint64_t>(3);
    std::uint64_t me = 1;
    group.spawn(produce, std::ref(w), me++, left_tx);
    group.spawn(produce, std::ref(w), me++, right_tx);
    group.spawn(produce, std::ref(w), me++, std::move(left_tx));
    group.spawn(produce, std::ref(w), me++, std::move(right_tx));
    group.spawn(consume, std::ref(w), me++, std::move(left_rx), std::move(right_rx));
    for (int i = 0; i < 4; ++i)
        group.spawn(count, std::ref(w), me++);
    group.spawn(tick, std::ref(w), me++);
    group.spawn(race, std::ref(w), me++);
    group.spawn(race, std::ref(w), me++);
    auto [answer_tx, answer_rx] = edo::sync::oneshot::channel<std::uint64_t>();
    group.spawn(ask, std::ref(w), me++, std::move(answer_rx));
    group.spawn(answer, std::ref(w), me++, std::move(answer_tx));
    auto [value_tx, value_rx] = edo::sync::watch::channel<std::uint64_t>(0);
    auto [news_tx, news_rx] = edo::sync::broadcast::channel<std::uint64_t>(2);
    group.spawn(follow, std::ref(w), me++, value_rx);
    group.spawn(follow, std::ref(w), me++, std::move(value_rx));
    group.spawn(hear, std::ref(w), me++, news_tx.subscribe());
    group.spawn(hear, std::ref(w), me++, std::move(news_rx));
    group.spawn(tell, std::ref(w), me++, std::move(value_tx), std::move(news_tx));
    group.spawn(spawn_others, std::ref(w), me);
    const auto ended = co_await edo::timeout(1s, group.join());
    w.seen.note(0, ended.has_value() ? 1 : 0);
}

schedule schedule_of(std::uint64_t seed) {
    paused_runtime rt(seed);
    world w;
    rt.block_on(play(w));
    return w.seen;
}

std::string schedules_of_all_seeds() {
    std::string text;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        std::array<char, 20> line{};
        std::snprintf(line.data(), line.size(), "%016llx\n",
                      static_cast<unsigned long long>(schedule_of(seed).hash()));
        text += line.data();
    }
    return text;
}

/// What another process says to the same question.
std::string schedules_of_another_process() {
    std::string text;
    // Resolved here: in the shell it would name the shell.
    const std::string program = std::filesystem::read_symlink("/proc/self/exe");
    const std::string command = std::string("EDO_PRINT_SCHEDULES=1 exec ") +
                                edo::testing::emulator_command() + " '" + program +
                                "' --gtest_filter=seeded_run.has_one_schedule_for_each_seed";
    std::FILE* const answer = ::popen(command.c_str(), "r");
    EXPECT_NE(answer, nullptr);
    std::array<char, 256> line{};
    while (std::fgets(line.data(), line.size(), answer) != nullptr) {
        const std::string read = line.data();
        if (read.size() == 17 && read.find_first_not_of("0123456789abcdef\n") == std::string::npos)
            text += read;
    }
    EXPECT_EQ(::pclose(answer), 0);
    return text;
}

TEST(seeded_run, repeats_its_schedule_twice_and_in_another_process) {
    const std::string first = schedules_of_all_seeds();
    EXPECT_EQ(first, schedules_of_all_seeds());
    EXPECT_EQ(first, schedules_of_another_process());
}

TEST(seeded_run, has_a_schedule_of_its_own_for_most_seeds) {
    std::set<std::uint64_t> seen;
    for (std::uint64_t seed = 1; seed <= 200; ++seed)
        seen.insert(schedule_of(seed).hash());
    EXPECT_GT(seen.size(), 150U);
    EXPECT_GT(schedule_of(1).length(), 100U);
}

// In the other process it also says what it has found.
TEST(seeded_run, has_one_schedule_for_each_seed) {
    const std::string all = schedules_of_all_seeds();
    EXPECT_EQ(all.size(), seeds * 17);
    if (std::getenv("EDO_PRINT_SCHEDULES") != nullptr) std::fputs(all.c_str(), stdout);
}

}  // namespace
