// Channels and locks between tasks of several workers, and between two runtimes.

#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>
#include <edo/sync/cancellation_token.h>
#include <edo/sync/mpsc.h>
#include <edo/sync/mutex.h>
#include <edo/sync/oneshot.h>
#include <edo/sync/semaphore.h>
#include <edo/task/yield.h>

namespace {

using namespace edo;

class request {
public:
    request(int n, sync::oneshot::sender<int> to) noexcept : number(n), reply(std::move(to)) {}

    int number;
    sync::oneshot::sender<int> reply;
};

task<int> answer_all(sync::mpsc::receiver<request> rx) {
    int answered = 0;
    while (auto next = co_await rx.recv()) {
        static_cast<void>(next->reply.send(2 * next->number));
        ++answered;
    }
    co_return answered;
}

task<int> ask(sync::mpsc::sender<request> tx, int first, int count) {
    int right = 0;
    for (int i = first; i < first + count; ++i) {
        auto [reply_tx, reply_rx] = sync::oneshot::channel<int>();
        request question(i, std::move(reply_tx));
        const auto sent = co_await tx.send(std::move(question));
        if (!sent) co_return right;
        const auto reply = co_await reply_rx.recv();
        if (reply && *reply == 2 * i) ++right;
    }
    co_return right;
}

task<> count_up(std::reference_wrapper<sync::mutex<int>> sum,
                std::reference_wrapper<sync::semaphore> limit) {
    for (int i = 0; i < 200; ++i) {
        auto permit = co_await limit.get().acquire();
        auto guard = co_await sum.get().lock();
        const int before = *guard;
        if (i % 8 == 0) co_await yield_now();
        *guard = before + 1;
    }
}

task<> wait_for_stop(sync::cancellation_token stop) {
    co_await stop.cancelled();
}

runtime two_workers() {
    return runtime::builder().worker_threads(2).build().value();
}

}  // namespace

TEST(sync_on_runtimes, requests_from_one_runtime_are_answered_in_another) {
    auto askers = two_workers();
    auto answerers = two_workers();
    auto [tx, rx] = sync::mpsc::channel<request>(4);

    auto answering = answerers.spawn(answer_all, std::move(rx));
    std::vector<join_handle<int>> asking;
    for (int i = 0; i < 8; ++i)
        asking.push_back(askers.spawn(ask, tx, i * 100, 100));
    {
        auto gone = std::move(tx);
    }

    for (auto& one : asking)
        EXPECT_EQ(askers.block_on(std::move(one).join()), 100);
    EXPECT_EQ(answerers.block_on(std::move(answering).join()), 800);
}

TEST(sync_on_runtimes, lock_and_permits_hold_across_workers_and_runtimes) {
    sync::mutex<int> sum(0);
    sync::semaphore limit(3);
    auto first = two_workers();
    auto second = two_workers();

    std::vector<join_handle<void>> here;
    std::vector<join_handle<void>> there;
    for (int i = 0; i < 4; ++i) {
        here.push_back(first.spawn(count_up, std::ref(sum), std::ref(limit)));
        there.push_back(second.spawn(count_up, std::ref(sum), std::ref(limit)));
    }
    for (auto& one : here)
        first.block_on(std::move(one).join());
    for (auto& one : there)
        second.block_on(std::move(one).join());

    EXPECT_EQ(**sum.try_lock(), 8 * 200);
    EXPECT_EQ(limit.available_permits(), 3u);
}

TEST(sync_on_runtimes, token_stops_tasks_of_every_runtime) {
    sync::cancellation_token stop;
    auto first = two_workers();
    auto second = two_workers();
    auto here = first.spawn(wait_for_stop, stop.child_token());
    auto there = second.spawn(wait_for_stop, stop.child_token());

    stop.cancel();

    first.block_on(std::move(here).join());
    second.block_on(std::move(there).join());
    EXPECT_TRUE(stop.is_cancelled());
}
