#include <edo/runtime/metrics.h>

#include <charconv>
#include <string_view>

namespace edo {
namespace {

constexpr double nanoseconds_per_second = 1e9;

/// Writes the text format, one family of figures after the other.
class exposition {
public:
    explicit exposition(std::string_view runtime) : labels_(label("runtime", runtime)) {}

    /// `name="value"`, with the value escaped.
    static std::string label(std::string_view name, std::string_view value) {
        std::string text(name);
        text += "=\"";
        for (const char c : value) {
            if (c == '\n') {
                text += "\\n";
                continue;
            }
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        return text += '"';
    }

    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
        text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
    }

    template <class Number>
    void sample(Number value, std::string_view more_labels = {}) {
        line({}, more_labels);
        number(value);
        text_ += '\n';
    }

    void histogram(const duration_histogram& of, const std::string& more_labels) {
        std::uint64_t below = 0;
        for (std::size_t i = 0; i + 1 < of.counts.size(); ++i) {
            below += of.counts[i];
            // An empty end says nothing; the first buckets are finer than anybody's question.
            if (i < first_bucket) continue;
            std::string limit = more_labels + ",le=\"";
            append(limit, seconds(duration_histogram::limit_of(i)));
            line("_bucket", limit + '"');
            number(below);
            text_ += '\n';
        }
        line("_bucket", more_labels + ",le=\"+Inf\"");
        number(of.total());
        text_ += '\n';
        line("_sum", more_labels);
        number(seconds(of.sum));
        text_ += '\n';
        line("_count", more_labels);
        number(of.total());
        text_ += '\n';
    }

    static double seconds(duration span) noexcept {
        return static_cast<double>(span.count()) / nanoseconds_per_second;
    }

    std::string take() { return std::move(text_); }

private:
    static constexpr std::size_t first_bucket = 6;  // 64 ns

    void line(std::string_view suffix, std::string_view more_labels) {
        text_.append(name_).append(suffix).append("{").append(labels_);
        if (!more_labels.empty()) text_.append(",").append(more_labels);
        text_ += "} ";
    }

    template <class Number>
    static void append(std::string& to, Number value) {
        char digits[32];
        const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, value);
        to.append(digits, end.ptr);
    }

    template <class Number>
    void number(Number value) {
        append(text_, value);
    }

    std::string labels_;
    std::string name_;
    std::string text_;
};

/// A figure that each worker, or each pool, has.
template <class T>
struct figure {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    double (*of)(const T&) noexcept;
};

template <auto Member, class T>
double figure_of(const T& of) noexcept {
    return static_cast<double>(of.*Member);
}

constexpr figure<worker_metrics> worker_figures[] = {
    {"edo_worker_is_spare", "gauge", "1: takes the place of blocked workers only.",
     &figure_of<&worker_metrics::is_spare>},
    {"edo_worker_polls_total", "counter", "Polls of tasks.", &figure_of<&worker_metrics::polls>},
    {"edo_worker_forced_yields_total", "counter", "Polls ended by a used-up budget.",
     &figure_of<&worker_metrics::forced_yields>},
    {"edo_worker_queued_tasks", "gauge", "Tasks that wait for the worker.",
     &figure_of<&worker_metrics::queued>},
    {"edo_worker_spills_total", "counter", "Times that half of a full queue was given away.",
     &figure_of<&worker_metrics::spills>},
    {"edo_worker_steal_attempts_total", "counter", "Looks into other workers' queues.",
     &figure_of<&worker_metrics::steal_attempts>},
    {"edo_worker_steals_total", "counter", "Looks that found tasks.",
     &figure_of<&worker_metrics::steals>},
    {"edo_worker_stolen_tasks_total", "counter", "Tasks taken from other workers.",
     &figure_of<&worker_metrics::stolen>},
    {"edo_worker_parks_total", "counter", "Times that the worker slept.",
     &figure_of<&worker_metrics::parks>},
    {"edo_worker_busy_seconds_total", "counter", "Time with work.",
     [](const worker_metrics& worker) noexcept { return exposition::seconds(worker.busy); }},
    {"edo_worker_reactor_polls_total", "counter", "Looks at the sockets.",
     &figure_of<&worker_metrics::reactor_polls>},
    {"edo_worker_reactor_events_total", "counter", "Events of sockets.",
     &figure_of<&worker_metrics::reactor_events>},
    {"edo_worker_timers_armed_total", "counter", "Timers set.",
     &figure_of<&worker_metrics::timers_armed>},
    {"edo_worker_timers_fired_total", "counter", "Timers that came to their deadline.",
     &figure_of<&worker_metrics::timers_fired>},
    {"edo_worker_pending_timers", "gauge", "Timers that wait for their deadline.",
     &figure_of<&worker_metrics::timers_pending>},
};

struct worker_histogram {
    std::string_view name;
    std::string_view help;
    duration_histogram worker_metrics::* of;
};

constexpr worker_histogram worker_histograms[] = {
    {"edo_worker_poll_seconds", "Time of a poll, measured of some.", &worker_metrics::poll_time},
    {"edo_worker_schedule_latency_seconds", "Time from wake to poll, measured of some.",
     &worker_metrics::schedule_latency},
    {"edo_worker_timer_lateness_seconds", "Time from deadline to firing.",
     &worker_metrics::timer_lateness},
};

constexpr figure<blocking_pool_metrics> pool_figures[] = {
    {"edo_blocking_threads", "gauge", "Threads of a blocking pool.",
     &figure_of<&blocking_pool_metrics::threads>},
    {"edo_blocking_threads_limit", "gauge", "Most threads that it may have.",
     &figure_of<&blocking_pool_metrics::max_threads>},
    {"edo_blocking_idle_threads", "gauge", "Threads without a call.",
     &figure_of<&blocking_pool_metrics::idle_threads>},
    {"edo_blocking_running_calls", "gauge", "Calls that its threads make.",
     &figure_of<&blocking_pool_metrics::running>},
    {"edo_blocking_queued_calls", "gauge", "Calls that wait for a thread.",
     &figure_of<&blocking_pool_metrics::queued>},
    {"edo_blocking_submitted_calls_total", "counter", "Calls, made or not.",
     &figure_of<&blocking_pool_metrics::submitted>},
    {"edo_blocking_completed_calls_total", "counter", "Calls that have returned.",
     &figure_of<&blocking_pool_metrics::completed>},
    {"edo_blocking_refused_calls_total", "counter", "Calls that were refused.",
     &figure_of<&blocking_pool_metrics::refused>},
    {"edo_blocking_cancelled_calls_total", "counter", "Calls dropped before they began.",
     &figure_of<&blocking_pool_metrics::cancelled>},
};

}  // namespace

worker_metrics runtime_metrics::total() const noexcept {
    worker_metrics sum;
    for (const worker_metrics& each : workers) {
        sum.polls += each.polls;
        sum.forced_yields += each.forced_yields;
        sum.queued += each.queued;
        sum.spills += each.spills;
        sum.steal_attempts += each.steal_attempts;
        sum.steals += each.steals;
        sum.stolen += each.stolen;
        sum.parks += each.parks;
        sum.busy += each.busy;
        sum.reactor_polls += each.reactor_polls;
        sum.reactor_events += each.reactor_events;
        sum.timers_armed += each.timers_armed;
        sum.timers_fired += each.timers_fired;
        sum.timers_pending += each.timers_pending;
        sum.poll_time += each.poll_time;
        sum.schedule_latency += each.schedule_latency;
        sum.timer_lateness += each.timer_lateness;
    }
    return sum;
}

std::string runtime_metrics::to_prometheus() const {
    exposition out(runtime_name);
    out.family("edo_tasks_spawned_total", "counter", "Tasks spawned.");
    out.sample(tasks_spawned);
    out.family("edo_tasks_alive", "gauge", "Tasks that have not ended.");
    out.sample(tasks_alive);
    out.family("edo_tasks_ended_total", "counter", "Tasks that have ended, by how.");
    const std::uint64_t otherwise = tasks_cancelled + tasks_thrown;
    out.sample(tasks_ended > otherwise ? tasks_ended - otherwise : 0, "how=\"completed\"");
    out.sample(tasks_cancelled, "how=\"cancelled\"");
    out.sample(tasks_thrown, "how=\"exception\"");
    out.family("edo_inject_queued_tasks", "gauge", "Tasks that wait for any worker.");
    out.sample(inject_queued);
    out.family("edo_batch_queued_tasks", "gauge", "Batch tasks that wait for any worker.");
    out.sample(batch_queued);
    out.family("edo_injected_tasks_total", "counter", "Tasks queued from other threads.");
    out.sample(injected);
    out.family("edo_blocked_polls_total", "counter", "Polls that blocked their worker.");
    out.sample(blocked_polls);
    out.family("edo_substitutions_total", "counter", "Times that a spare took a worker's place.");
    out.sample(substitutions);
    for (const figure<worker_metrics>& each : worker_figures) {
        out.family(each.name, each.type, each.help);
        for (std::size_t i = 0; i < workers.size(); ++i)
            out.sample(each.of(workers[i]), exposition::label("worker", std::to_string(i)));
    }
    for (const worker_histogram& each : worker_histograms) {
        out.family(each.name, "histogram", each.help);
        for (std::size_t i = 0; i < workers.size(); ++i)
            out.histogram(workers[i].*each.of, exposition::label("worker", std::to_string(i)));
    }
    // Names of pools may repeat; the number tells them apart.
    for (const figure<blocking_pool_metrics>& each : pool_figures) {
        out.family(each.name, each.type, each.help);
        for (std::size_t i = 0; i < pools.size(); ++i)
            out.sample(each.of(pools[i]), exposition::label("pool", pools[i].name) + ',' +
                                              exposition::label("number", std::to_string(i)));
    }
    return out.take();
}

}  // namespace edo
