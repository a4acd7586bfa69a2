// Counters that many tasks update, built twice: a lock around a map; a task that owns the map.
//   build/release/bin/metrics_aggregator
// Expect the same sums from both, and what an update and the whole thing cost in each.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <malloc.h>
#include <string>
#include <unordered_map>
#include <variant>

#include <edo/edo.h>

namespace {

constexpr int producers = 4;
constexpr int updates_each = 50'000;
constexpr std::array metrics{"requests", "errors", "bytes_in", "bytes_out", "retries", "timeouts"};

struct sum {
    std::uint64_t count = 0;
    std::uint64_t total = 0;
};

using table = std::unordered_map<std::string, sum>;

struct update {
    const char* metric;
    std::uint64_t amount;
};

void record(table& to, const update& u) {
    sum& s = to[u.metric];
    ++s.count;
    s.total += u.amount;
}

update make_update(int producer, int i) {
    const auto n = static_cast<std::size_t>(producer + i);
    return {metrics[n % metrics.size()], n % 100};
}

/// Design 1. Whoever updates waits for the lock; a reader holds everybody up while it copies.
class locked_metrics {
public:
    edo::task<edo::result<void>> add(update u) {
        auto guard = co_await table_.lock();
        record(*guard, u);
        co_return {};
    }

    edo::task<edo::result<table>> snapshot() {
        auto guard = co_await table_.lock();
        co_return *guard;
    }

private:
    edo::sync::mutex<table> table_;
};

/// Design 2. Nobody shares the map; updates wait in a channel, and their senders only when it is
/// full. A snapshot comes after all updates that were sent before it.
class owned_metrics {
    using question = edo::sync::oneshot::sender<table>;
    using message = std::variant<update, question>;

public:
    edo::task<edo::result<void>> add(update u) {
        co_await edo::or_return(inbox_.send(message(u)));
        co_return {};
    }

    edo::task<edo::result<table>> snapshot() {
        auto answer = edo::sync::oneshot::channel<table>();
        message asked(std::move(answer.first));
        co_await edo::or_return(inbox_.send(std::move(asked)));
        co_return co_await answer.second.recv();
    }

private:
    static edo::task<void> own(edo::sync::mpsc::receiver<message> inbox) {
        table mine;
        while (auto next = co_await inbox.recv()) {
            if (const auto* u = std::get_if<update>(&*next)) record(mine, *u);
            if (auto* q = std::get_if<question>(&*next)) q->send(mine);
        }
    }

    explicit owned_metrics(
        std::pair<edo::sync::mpsc::sender<message>, edo::sync::mpsc::receiver<message>>&& ends)
        : inbox_(std::move(ends.first)), owner_(edo::spawn(own, std::move(ends.second))) {}

    edo::sync::mpsc::sender<message> inbox_;
    edo::join_handle<void> owner_;  // ends with the last sender, or with this object

public:
    owned_metrics() : owned_metrics(edo::sync::mpsc::channel<message>(1024)) {}
};

template <class Metrics>
edo::task<edo::result<void>> produce(Metrics& to, int producer) {
    for (int i = 0; i < updates_each; ++i)
        co_await edo::or_return(to.add(make_update(producer, i)));
    co_return {};
}

/// Runs one design and prints its line. Yields what it has counted.
template <class Metrics>
edo::task<edo::result<table>> measure(const char* name) {
    const auto heap_before = mallinfo2().uordblks;
    const edo::instant begin = edo::now();
    Metrics metrics_here;
    edo::task_group group;
    for (int p = 0; p < producers; ++p)
        group.spawn(produce<Metrics>, std::ref(metrics_here), p);
    co_await edo::or_return(group.join());
    auto counted = co_await edo::or_return(metrics_here.snapshot());
    const std::chrono::duration<double, std::nano> spent = edo::now() - begin;
    std::printf("%-28s %6.0f ns per update, %5zu KiB of heap\n", name,
                spent.count() / (producers * updates_each),
                (mallinfo2().uordblks - heap_before) / 1024);
    co_return counted;
}

bool is_complete(const table& counted) {
    table expected;
    for (int p = 0; p < producers; ++p)
        for (int i = 0; i < updates_each; ++i)
            record(expected, make_update(p, i));
    for (const auto& [name, s] : expected) {
        const auto found = counted.find(name);
        if (found == counted.end() || found->second.count != s.count ||
            found->second.total != s.total)
            return false;
    }
    return counted.size() == expected.size();
}

edo::task<edo::result<int>> compare() {
    auto locked = co_await edo::or_return(measure<locked_metrics>("lock around a map:"));
    auto owned = co_await edo::or_return(measure<owned_metrics>("owner task behind a channel:"));
    const bool both_complete = is_complete(locked) && is_complete(owned);
    std::puts(both_complete ? "both have counted every update" : "updates were lost");
    co_return both_complete ? 0 : 1;
}

}  // namespace

int main() {
    return edo::run(compare());
}
