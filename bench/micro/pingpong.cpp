#include "asio_one_shot.h"
#include "asio_side.h"
#include "contest.h"
#include "families.h"
#include "measurement.h"
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <edo/base/result.h>
#include <edo/sync/oneshot.h>
#include <edo/task/join_handle.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>

namespace bench {
namespace {

namespace asio = boost::asio;
namespace oneshot = edo::sync::oneshot;

// A pair: a task spawns its partner, sends it a message, and waits for the answer.

edo::task<> edo_answer(oneshot::receiver<int> questions, oneshot::sender<int> answers) {
    const edo::result<int> question = co_await questions.recv();
    if (question) static_cast<void>(answers.send(*question + 1));
}

edo::task<> edo_ask() {
    auto [question, questions] = oneshot::channel<int>();
    auto [answer, answers] = oneshot::channel<int>();
    edo::spawn(edo_answer, std::move(questions), std::move(answer)).detach();
    static_cast<void>(question.send(1));
    const edo::result<int> reply = co_await answers.recv();
    benchmark::DoNotOptimize(reply.value());
}

edo::task<measurement> edo_pairs(std::size_t count) {
    std::vector<edo::join_handle<void>> handles;
    handles.reserve(count);
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        handles.push_back(edo::spawn(edo_ask));
    for (edo::join_handle<void>& each : handles)
        co_await std::move(each).join();
    co_return measurement{watch.elapsed()};
}

struct asio_exchange {
    asio_one_shot question;
    asio_one_shot answer;
};

asio_task<> asio_answer(std::shared_ptr<asio_exchange> shared) {
    const int question = co_await shared->question.receive(asio::deferred);
    shared->answer.send(question + 1);
}

asio_task<> asio_ask(asio_executor executor) {
    const auto shared = std::make_shared<asio_exchange>();
    asio::co_spawn(executor, asio_answer(shared), asio::detached);
    shared->question.send(1);
    const int reply = co_await shared->answer.receive(asio::deferred);
    benchmark::DoNotOptimize(reply);
}

asio_task<measurement> asio_pairs(std::size_t count) {
    const asio_executor executor = co_await asio::this_coro::executor;
    std::atomic<std::size_t> left{count};
    asio_one_shot all_ended;
    const auto on_end = [&](std::exception_ptr) {
        if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) all_ended.send(1);
    };
    const stopwatch watch;
    for (std::size_t i = 0; i < count; ++i)
        asio::co_spawn(executor, asio_ask(executor), on_end);
    co_await all_ended.receive(asio::deferred);
    co_return measurement{watch.elapsed()};
}

}  // namespace

void add_pingpong() {
    add({.name = "ping_pong_pair", .operations = 1'000}, edo_pairs, asio_pairs);
}

}  // namespace bench
