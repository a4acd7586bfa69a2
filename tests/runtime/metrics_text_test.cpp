// The figures of a runtime as text, in the format of Prometheus.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/histogram.h>
#include <edo/runtime/metrics.h>
#include <edo/runtime/runtime.h>
#include <edo/timer/sleep.h>

namespace {

using namespace std::chrono_literals;
using edo::runtime_metrics;
using ::testing::HasSubstr;

struct sample {
    std::string name;
    std::string labels;
    double value;
};

/// Reads the text format as a server does, and holds each line against it.
std::vector<sample> parse(const std::string& text) {
    std::vector<sample> all;
    std::istringstream lines(text);
    std::string family;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# HELP ")) continue;
        if (line.starts_with("# TYPE ")) {
            std::istringstream words(line.substr(7));
            std::string type;
            words >> family >> type;
            EXPECT_TRUE(type == "counter" || type == "gauge" || type == "histogram") << line;
            continue;
        }
        const std::size_t open = line.find('{');
        const std::size_t close = line.rfind("} ");
        if (open == std::string::npos || close == std::string::npos) {
            ADD_FAILURE() << line;
            continue;
        }
        sample each{line.substr(0, open), line.substr(open + 1, close - open - 1), 0};
        std::size_t read = 0;
        each.value = std::stod(line.substr(close + 2), &read);
        EXPECT_EQ(read, line.size() - close - 2) << line;
        EXPECT_TRUE(each.name.starts_with(family)) << line;
        all.push_back(each);
    }
    return all;
}

TEST(metrics_as_text, say_each_figure_of_each_worker) {
    auto rt = edo::runtime::builder().worker_threads(2).name("shop").build().value();
    rt.block_on([]() -> edo::task<> { co_await edo::sleep(1ms); });
    const runtime_metrics now = rt.metrics();
    const std::string text = now.to_prometheus();
    EXPECT_TRUE(text.ends_with('\n'));
    double polls = 0;
    double completed = 0;
    for (const sample& each : parse(text)) {
        EXPECT_THAT(each.labels, HasSubstr("runtime=\"shop\""));
        if (each.name == "edo_worker_polls_total") polls += each.value;
        if (each.labels.find("how=\"completed\"") != std::string::npos) completed = each.value;
    }
    EXPECT_EQ(polls, static_cast<double>(now.total().polls));
    EXPECT_EQ(completed, 1);
}

TEST(metrics_as_text, have_histograms_of_each_worker_that_add_up) {
    runtime_metrics now;
    now.workers.resize(2);
    edo::detail::duration_counts counts;
    now.workers[0].poll_time = counts.read();
    counts.add(10ns);
    counts.add(1us);
    counts.add(10min);
    now.workers[1].poll_time = counts.read();
    double before = 0;
    double below_128_ns = -1;
    double counted = -1;
    double sum = -1;
    for (const sample& each : parse(now.to_prometheus())) {
        if (!each.name.starts_with("edo_worker_poll_seconds")) continue;
        if (each.labels.find("worker=\"1\"") == std::string::npos) {
            EXPECT_THAT(each.labels, HasSubstr("worker=\"0\""));
            EXPECT_EQ(each.value, 0) << each.name;
            continue;
        }
        if (each.name.ends_with("_bucket")) {
            EXPECT_GE(each.value, before);
            before = each.value;
            if (each.labels.find("le=\"1.28e-07\"") != std::string::npos) below_128_ns = each.value;
        }
        if (each.name.ends_with("_count")) counted = each.value;
        if (each.name.ends_with("_sum")) sum = each.value;
    }
    EXPECT_EQ(below_128_ns, 1);
    EXPECT_EQ(counted, before);
    EXPECT_EQ(counted, 3);
    EXPECT_NEAR(sum, 600, 0.001);
    EXPECT_THAT(now.to_prometheus(), HasSubstr("worker=\"1\",le=\"+Inf\"} 3\n"));
}

/// Fills figures with numbers that differ, and knows under which name the text has to have each.
class numbers {
public:
    /// A field whose figure is a sample called `name`, such as `edo_tasks_alive{how="x"}`.
    template <class Number>
    void fill(Number& field, const std::string& name) {
        field = static_cast<Number>(++last_);
        expected_[name] = static_cast<double>(last_);
    }

    void fill(edo::duration& field, const std::string& name) {
        field = std::chrono::seconds(++last_);
        expected_[name] = static_cast<double>(last_);
    }

    void fill(edo::duration_histogram& field, const std::string& name, const std::string& labels) {
        auto& [counts, sum] = field;
        fill(counts[20], name + "_count{" + labels + '}');
        fill(sum, name + "_sum{" + labels + '}');
    }

    void fill(edo::worker_metrics& worker, const std::string& labels) {
        // A figure more does not compile. It gets a line below, and so needs one in the text.
        auto& [is_spare, polls, forced_yields, queued, spills, steal_attempts, steals, stolen,
               parks, busy, reactor_polls, reactor_events, timers_armed, timers_fired,
               timers_pending, poll_time, schedule_latency, timer_lateness] = worker;
        const std::string of = '{' + labels + '}';
        is_spare = true;
        expected_["edo_worker_is_spare" + of] = 1;
        fill(polls, "edo_worker_polls_total" + of);
        fill(forced_yields, "edo_worker_forced_yields_total" + of);
        fill(queued, "edo_worker_queued_tasks" + of);
        fill(spills, "edo_worker_spills_total" + of);
        fill(steal_attempts, "edo_worker_steal_attempts_total" + of);
        fill(steals, "edo_worker_steals_total" + of);
        fill(stolen, "edo_worker_stolen_tasks_total" + of);
        fill(parks, "edo_worker_parks_total" + of);
        fill(busy, "edo_worker_busy_seconds_total" + of);
        fill(reactor_polls, "edo_worker_reactor_polls_total" + of);
        fill(reactor_events, "edo_worker_reactor_events_total" + of);
        fill(timers_armed, "edo_worker_timers_armed_total" + of);
        fill(timers_fired, "edo_worker_timers_fired_total" + of);
        fill(timers_pending, "edo_worker_pending_timers" + of);
        fill(poll_time, "edo_worker_poll_seconds", labels);
        fill(schedule_latency, "edo_worker_schedule_latency_seconds", labels);
        fill(timer_lateness, "edo_worker_timer_lateness_seconds", labels);
    }

    void fill(edo::blocking_pool_metrics& pool, const std::string& labels) {
        auto& [name, max_threads, threads, idle_threads, running, queued, submitted, completed,
               refused, cancelled] = pool;
        const std::string of = '{' + labels + '}';
        name = "disk";
        fill(max_threads, "edo_blocking_threads_limit" + of);
        fill(threads, "edo_blocking_threads" + of);
        fill(idle_threads, "edo_blocking_idle_threads" + of);
        fill(running, "edo_blocking_running_calls" + of);
        fill(queued, "edo_blocking_queued_calls" + of);
        fill(submitted, "edo_blocking_submitted_calls_total" + of);
        fill(completed, "edo_blocking_completed_calls_total" + of);
        fill(refused, "edo_blocking_refused_calls_total" + of);
        fill(cancelled, "edo_blocking_cancelled_calls_total" + of);
    }

    void fill(runtime_metrics& all) {
        auto& [runtime_name, tasks_spawned, tasks_alive, tasks_ended, tasks_cancelled, tasks_thrown,
               inject_queued, batch_queued, injected, blocked_polls, substitutions, workers,
               pools] = all;
        runtime_name = "shop";
        fill(tasks_spawned, "edo_tasks_spawned_total{}");
        fill(tasks_alive, "edo_tasks_alive{}");
        fill(tasks_cancelled, "edo_tasks_ended_total{how=\"cancelled\"}");
        fill(tasks_thrown, "edo_tasks_ended_total{how=\"exception\"}");
        fill(tasks_ended, "edo_tasks_ended_total{how=\"completed\"}");
        tasks_ended += tasks_cancelled + tasks_thrown;
        fill(inject_queued, "edo_inject_queued_tasks{}");
        fill(batch_queued, "edo_batch_queued_tasks{}");
        fill(injected, "edo_injected_tasks_total{}");
        fill(blocked_polls, "edo_blocked_polls_total{}");
        fill(substitutions, "edo_substitutions_total{}");
        workers.resize(2);
        fill(workers[0], "worker=\"0\"");
        fill(workers[1], "worker=\"1\"");
        pools.resize(1);
        fill(pools[0], "pool=\"disk\",number=\"0\"");
    }

    const std::map<std::string, double>& expected() const { return expected_; }

private:
    std::uint64_t last_ = 1000;
    std::map<std::string, double> expected_;
};

/// All samples but the buckets of histograms, without the label that each has.
std::map<std::string, double> samples_of(const runtime_metrics& metrics) {
    std::map<std::string, double> found;
    const std::string common = "runtime=\"" + metrics.runtime_name + '"';
    for (const sample& each : parse(metrics.to_prometheus())) {
        if (each.name.ends_with("_bucket")) continue;
        EXPECT_TRUE(each.labels.starts_with(common)) << each.labels;
        const bool has_more = each.labels.size() > common.size();
        const std::string more = has_more ? each.labels.substr(common.size() + 1) : "";
        found[each.name + '{' + more + '}'] = each.value;
    }
    return found;
}

TEST(metrics_as_text, have_each_figure_under_its_name_and_nothing_else) {
    runtime_metrics metrics;
    numbers distinct;
    distinct.fill(metrics);

    EXPECT_EQ(samples_of(metrics), distinct.expected());
}

TEST(metrics_as_text, sum_of_all_workers_has_each_figure) {
    runtime_metrics of_two, of_one;
    numbers distinct;
    distinct.fill(of_two);
    of_one.workers.push_back(of_two.total());

    const std::map<std::string, double> parts = samples_of(of_two), sums = samples_of(of_one);

    for (const auto& [name, sum] : sums) {
        const std::size_t label = name.find("{worker=");
        if (label == std::string::npos || name.starts_with("edo_worker_is_spare")) continue;
        const std::string figure = name.substr(0, label);
        EXPECT_EQ(sum, parts.at(figure + "{worker=\"0\"}") + parts.at(figure + "{worker=\"1\"}"))
            << figure;
    }
}

TEST(metrics_as_text, escape_the_name) {
    runtime_metrics now;
    now.runtime_name = "a \"b\\c\"\nd";
    EXPECT_THAT(now.to_prometheus(), HasSubstr(R"(runtime="a \"b\\c\"\nd")"));
}

}  // namespace
