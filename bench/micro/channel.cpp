#include "edo_side.h"
#include "entry.h"
#include "families.h"
#include "measurement.h"
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <edo/sync/mpsc.h>
#include <edo/task/join_handle.h>
#include <edo/task/spawn.h>
#include <edo/task/task.h>

namespace bench {
namespace {

namespace mpsc = edo::sync::mpsc;

constexpr std::size_t channel_capacity = 1'000;

edo::task<> send_all(mpsc::sender<std::size_t> to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto sent = co_await to.send(i);
        if (!sent) co_return;
    }
}

edo::task<measurement> receive_all(std::size_t count, std::size_t senders) {
    auto [tx, rx] = mpsc::channel<std::size_t>(channel_capacity);
    std::vector<edo::join_handle<void>> handles;
    handles.reserve(senders);
    std::size_t sum = 0;
    const stopwatch watch;
    for (std::size_t i = 0; i < senders; ++i)
        handles.push_back(edo::spawn(send_all, tx, count / senders));
    for (std::size_t i = 0; i < count; ++i) {
        const std::optional<std::size_t> message = co_await rx.recv();
        sum += *message;
    }
    const measurement found{watch.elapsed(), static_cast<double>(sum)};
    for (edo::join_handle<void>& each : handles)
        co_await std::move(each).join();
    co_return found;
}

edo::task<measurement> receive_from_one(std::size_t count) {
    return receive_all(count, 1);
}

edo::task<measurement> receive_from_four(std::size_t count) {
    return receive_all(count, 4);
}

}  // namespace

void add_channel() {
    enter_each<edo_side>({.name = "mpsc_1_to_1", .operations = 1'000'000}, receive_from_one);
    enter_each<edo_side>({.name = "mpsc_4_to_1", .operations = 1'000'000}, receive_from_four);
}

}  // namespace bench
