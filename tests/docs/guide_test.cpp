// The code of docs/guide.md.

#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/edo.h>

namespace {

using namespace std::chrono_literals;

// ---- tasks and spawn

// [snippet: tasks]
edo::task<int> length_of(std::string text) {
    co_await edo::sleep(1s);  // stands for work
    co_return static_cast<int>(text.size());
}

edo::task<int> both_lengths() {
    const int first = co_await length_of("one");             // runs here, in this task
    edo::join_handle<int> h = edo::spawn(length_of, "two");  // runs as a task of its own
    const int second = co_await std::move(h).join();
    co_return first + second;
}

// [end]

TEST(guide, tasks) {
    EXPECT_EQ(edo::testing::run(both_lengths), 6);
}

// ---- errors

// [snippet: errors]
edo::task<edo::result<int>> port_of(std::string name) {
    if (name.empty()) co_return std::errc::invalid_argument;
    co_return 7000;
}

edo::task<edo::result<int>> next_port(std::string name) {
    const int port = co_await edo::or_return(port_of(name));  // an error ends next_port with it
    co_return port + 1;
}

edo::task<int> port_or_default(std::string name) {
    const edo::result<int> port = co_await next_port(name);
    if (port == std::errc::invalid_argument) co_return 80;
    co_return port.value();  // throws std::system_error when there is none
}

// [end]

TEST(guide, errors) {
    EXPECT_EQ(edo::testing::run(port_or_default("")), 80);
    EXPECT_EQ(edo::testing::run(port_or_default("echo")), 7001);
}

// ---- select, timeout, join

// [snippet: select]
edo::task<std::string> wait_for_word(edo::sync::mpsc::receiver<std::string> words) {
    auto next = words.recv();  // a variable survives the select; a temporary is dropped by it
    for (int reminders = 0; reminders < 3; ++reminders) {
        auto first = co_await edo::select(next, edo::sleep(10s));
        if (first.index() == 1) continue;  // time is up; the same recv() goes on
        co_return std::get<0>(first).value_or("the sender is gone");
    }
    co_return "nobody says a word";
}

// [end]

// [snippet: timeout]
edo::task<edo::result<int>> within_half_a_second(std::string text) {
    co_return co_await edo::timeout(500ms, length_of(text));  // errc::timed_out
}

// [end]

// [snippet: join]
edo::task<int> sum_of_lengths() {
    auto both = co_await edo::join(length_of("to"), length_of("gether"));  // in turn, in this task
    auto& [first, second] = both;
    co_return first + second;
}

// [end]

edo::task<> waits_for_words() {
    auto [sender, receiver] = edo::sync::mpsc::channel<std::string>(1);
    auto waiting = edo::spawn(wait_for_word, std::move(receiver));
    co_await edo::sleep(15s);
    EXPECT_TRUE(co_await sender.send("word"));
    EXPECT_EQ(co_await std::move(waiting).join(), "word");
}

TEST(guide, select_timeout_and_join) {
    edo::testing::run(waits_for_words);
    EXPECT_EQ(edo::testing::run(within_half_a_second("late")), edo::errc::timed_out);
    EXPECT_EQ(edo::testing::run(sum_of_lengths), 8);
}

// ---- task groups

// [snippet: group]
struct page {
    int user, orders;
};

edo::task<edo::result<int>> count_in(std::string table) {
    if (table.empty()) co_return edo::errc::closed;
    co_return static_cast<int>(table.size());
}

edo::task<edo::result<page>> render(std::string user_table, std::string order_table) {
    edo::task_group group;  // fail_fast: the first failure cancels the others
    auto user = group.spawn(count_in, user_table);
    auto orders = group.spawn(count_in, order_table);
    co_await edo::or_return(group.join());
    co_return page{user.take(), orders.take()};
}

// [end]

edo::task<int> rendered(std::string a, std::string b) {
    const auto made = co_await render(std::move(a), std::move(b));
    co_return made ? made->user + made->orders : -1;
}

TEST(guide, task_group) {
    EXPECT_EQ(edo::testing::run(rendered("users", "orders")), 11);
    EXPECT_EQ(edo::testing::run(rendered("users", "")), -1);
}

// ---- channels and locks

// [snippet: channel]
edo::task<> produce(edo::sync::mpsc::sender<int> numbers) {
    for (int n = 1; n <= 100; ++n) {
        auto sent = co_await numbers.send(n);  // waits for room
        if (!sent) co_return;                  // nobody receives any more
    }
}

edo::task<int> consume() {
    auto ends = edo::sync::mpsc::channel<int>(16);
    auto producer = edo::spawn(produce, std::move(ends.first));
    int sum = 0;
    while (auto n = co_await ends.second.recv())  // empty when the last sender is gone
        sum += *n;
    co_return sum;
}

// [end]

// [snippet: mutex]
class counters {
public:
    edo::task<> count(std::string name) {
        auto guard = co_await table_.lock();  // may be held across co_await and threads
        ++(*guard)[name];
    }

    edo::task<int> value_of(std::string name) {
        auto guard = co_await table_.lock();
        co_return (*guard)[name];
    }

private:
    edo::sync::mutex<std::map<std::string, int>> table_;
};

// [end]

edo::task<int> counts() {
    counters all;
    co_await all.count("a");
    co_await all.count("a");
    co_return co_await all.value_of("a");
}

TEST(guide, channels_and_locks) {
    EXPECT_EQ(edo::testing::run(consume), 5050);
    EXPECT_EQ(edo::testing::run(counts), 2);
}

// ---- time

// [snippet: time]
edo::task<int> sample_for(edo::duration span) {
    const edo::instant end = edo::now() + span;
    auto ticks = edo::interval(100ms, edo::missed_tick::skip);
    int samples = 0;
    while (edo::now() < end) {
        co_await ticks.tick();  // the first at once
        ++samples;
    }
    co_return samples;
}

// [end]

TEST(guide, time) {
    EXPECT_EQ(edo::testing::run(sample_for(1s)), 11);
}

// ---- blocking work

// [snippet: blocking]
int slow_library_call(int n) {
    return n * 2;
}

edo::task<edo::result<int>> call_the_library(int n) {
    const int answer = co_await edo::spawn_blocking(slow_library_call, n);  // waits for a thread
    auto begun = edo::try_spawn_blocking(slow_library_call, answer);        // never waits for one
    if (!begun) co_return begun.error();  // errc::queue_full: shed the load
    co_return co_await std::move(*begun);
}

// [end]

TEST(guide, blocking_work) {
    EXPECT_EQ(edo::testing::run(call_the_library(3)).value_or(0), 12);
}

// [snippet: blocking_pool]
edo::task<edo::result<int>> ask_the_database(edo::blocking_pool database, int n) {
    const int row = co_await database.spawn(slow_library_call, n);  // waits for one of four threads
    auto begun = database.try_spawn(slow_library_call, row);        // errc::queue_full: 64 wait
    if (!begun) co_return begun.error();
    co_return co_await std::move(*begun);
}

edo::task<edo::result<int>> serve_with_a_database() {
    edo::blocking_pool database("database", edo::blocking_pool_options().max_threads(4).queue(64));
    auto answer = edo::spawn(ask_the_database, database, 3);  // the handle is a value
    co_return co_await std::move(answer).join();
}

// [end]

TEST(guide, blocking_pool) {
    EXPECT_EQ(edo::testing::run(serve_with_a_database()).value_or(0), 12);
}

// ---- turns

// [snippet: turns]
edo::task<long> sum_of(std::vector<int> numbers) {
    long sum = 0;
    for (const int n : numbers) {
        sum += n;                        // stands for work
        co_await edo::consume_budget();  // after 128 of these others have their turn
    }
    co_return sum;
}

edo::task<long> sum_in_one_go(std::vector<int> numbers) {
    co_return co_await edo::unconstrained(sum_of(std::move(numbers)));
}

// [end]

TEST(guide, turns) {
    const std::vector<int> ones(1'000, 1);
    EXPECT_EQ(edo::testing::run(sum_of(ones)), 1'000);
    EXPECT_EQ(edo::testing::run(sum_in_one_go(ones)), 1'000);
}

// ---- context

// [snippet: locals]
edo::task_local<int> request_number;
edo::task_local<std::string> tenant{edo::inherited};

edo::task<std::string> label() {
    const int* const number = request_number.get();
    co_return tenant.value() + '#' + std::to_string(number != nullptr ? *number : 0);
}

edo::task<std::string> answer_request() {
    const std::string here = co_await label();                        // "shop#7"
    const std::string elsewhere = co_await edo::spawn(label).join();  // "shop#0"
    co_return here + ' ' + elsewhere;
}

edo::task<std::string> serve_request() {
    co_return co_await tenant.scope("shop", request_number.scope(7, answer_request()));
}

// [end]

TEST(guide, context) {
    EXPECT_EQ(edo::testing::run(serve_request()), "shop#7 shop#0");
}

// ---- where and when tasks run

// [snippet: batch]
edo::task<long> count_primes(int below) {
    long primes = 0;
    for (int n = 2; n < below; ++n) {
        bool is_prime = true;
        for (int d = 2; d * d <= n && is_prime; ++d)
            is_prime = n % d != 0;
        primes += is_prime ? 1 : 0;
        co_await edo::consume_budget();  // the shorter the turns, the less others are delayed
    }
    co_return primes;
}

edo::task<long> count_beside_the_clients() {
    const auto patient = edo::spawn_options().name("primes").priority(edo::priority::batch);
    co_return co_await edo::spawn(edo::with(patient, count_primes), 1'000).join();
}

// [end]

TEST(guide, batch) {
    edo::current_thread_runtime rt;
    EXPECT_EQ(rt.block_on(count_beside_the_clients()), 168);
}

// [snippet: per_core]
edo::task<edo::result<void>> serve_on_this_core(edo::net::socket_addr at) {
    auto shared_port = edo::net::tcp_listener::options().reuse_port(true);
    auto listener = co_await edo::or_return(edo::net::tcp_listener::bind(at, shared_port));
    std::map<std::string, int> visits;  // of this core's clients; needs no lock
    for (;;) {
        auto accepted = co_await edo::or_return(listener.accept());
        ++visits[accepted.peer.to_string()];
    }
}

edo::runtime serve_on_every_core(edo::net::socket_addr at) {
    auto rt = edo::runtime::builder().per_core(true).pin_workers(true).build().value();
    for (unsigned worker = 0; worker < rt.info().workers; ++worker) {
        const auto there = edo::spawn_options().worker(worker);
        rt.spawn(edo::with(there, serve_on_this_core), at).detach();
    }
    return rt;
}

// [end]

TEST(guide, per_core) {
    const auto any_port = edo::net::socket_addr::parse("127.0.0.1:0");
    auto rt = serve_on_every_core(any_port.value());
    EXPECT_EQ(rt.metrics().tasks_alive, rt.info().workers);
}

// ---- figures

// [snippet: figures]
std::string figures_page(const edo::runtime& rt) {
    return rt.metrics().to_prometheus();
}

bool is_overloaded(const edo::runtime& rt) {
    const edo::runtime_metrics now = rt.metrics();
    return now.total().schedule_latency.quantile(0.99) > 10ms || now.inject_queued > 10'000;
}

// [end]

TEST(guide, figures) {
    const auto rt = edo::runtime::builder().worker_threads(2).build().value();
    EXPECT_NE(figures_page(rt).find("edo_worker_polls_total{runtime=\"edo\",worker=\"1\"} "),
              std::string::npos);
    EXPECT_FALSE(is_overloaded(rt));
}

// ---- graceful shutdown

// [snippet: shutdown]
edo::task<> work(std::atomic<int>& pieces, edo::sync::cancellation_token stop) {
    while (!stop.is_cancelled()) {
        co_await edo::sleep(1ms);  // a piece of work, done to its end
        ++pieces;
    }
}

int serve_until_signal() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the workers start, which inherit it

    auto rt = edo::runtime::builder().worker_threads(2).build().value();
    edo::sync::cancellation_token stop;
    std::atomic<int> pieces = 0;
    auto working = rt.spawn(work, std::ref(pieces), stop);

    int signal = 0;
    sigwait(&signals, &signal);
    stop.cancel();                                                            // 1. ask
    auto in_time = rt.block_on(edo::timeout(2s, std::move(working).join()));  // 2. wait
    const auto report = rt.shutdown(1s);  // 3. drop what is left; names what cannot be dropped
    return in_time && report.is_clean() ? 0 : 1;
}

// [end]

// The signals stay blocked in the thread that serves only, and one is pending before it waits.
TEST(guide, graceful_shutdown) {
    int exit_code = -1;
    std::thread main_thread([&] {
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &one, nullptr);
        pthread_kill(pthread_self(), SIGTERM);
        exit_code = serve_until_signal();
    });
    main_thread.join();

    EXPECT_EQ(exit_code, 0);
}

// ---- tests

// [snippet: paused]
edo::task<edo::result<int>> retry_for(edo::duration limit) {
    const edo::instant end = edo::now() + limit;
    while (edo::now() < end)
        co_await edo::sleep(10min);
    co_return edo::errc::timed_out;
}

edo::task<> gives_up_after_a_day() {
    const edo::instant begin = edo::now();
    const auto answer = co_await retry_for(24h);
    EXPECT_TRUE(answer == edo::errc::timed_out);
    EXPECT_EQ(edo::now() - begin,
              24h);  // exactly: the clock is virtual, and the test takes no time
}

TEST(retry, gives_up_after_a_day) {
    edo::testing::run(gives_up_after_a_day);
}

// [end]

// ---- unobserved failures

// [snippet: hook]
std::atomic<int> failures = 0;

void count_failure(const edo::unobserved_failure&) noexcept {
    ++failures;
}

edo::task<> fails() {
    throw std::runtime_error("nobody will catch this");
    co_return;
}

edo::task<> leaves_a_failure() {
    edo::spawn(fails).detach();
    co_await edo::yield_now();
}

// [end]

TEST(guide, unobserved_failures) {
    auto* const before = edo::set_unobserved_failure_hook(&count_failure);
    edo::testing::run(leaves_a_failure);
    edo::set_unobserved_failure_hook(before);

    EXPECT_EQ(failures, 1);
}

}  // namespace
