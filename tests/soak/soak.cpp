// Puts a mixed load on one runtime, on loopback, and looks whether the process grows:
//   edo_soak --seconds 300 [--warm-up 60] [--interval-ms 1000] [--most-growth 256] [--plant FAULT]
// Ends with 0, or with 1 and a line that says what has grown (the limit is in KiB per second), what
// has not come back at the end, or what has failed. FAULT is memory, descriptor, thread or failure,
// and has to be found.

#include "growth.h"
#include "mixed_load.h"
#include "process_sample.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <edo/base/unique_fd.h>
#include <edo/runtime/runtime.h>

namespace {

using namespace edo::soak;
using namespace std::chrono_literals;
using wall_clock = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

struct options {
    double run_seconds = 0;
    double warm_up_seconds = -1;
    double interval_ms = 0;
    double most_growth_kib = 256;
    std::string plant;
};

bool take(options& to, std::string_view name, const char* value) {
    if (name == "--plant") {
        to.plant = value;
        return true;
    }
    double* number = nullptr;
    if (name == "--seconds") number = &to.run_seconds;
    if (name == "--warm-up") number = &to.warm_up_seconds;
    if (name == "--interval-ms") number = &to.interval_ms;
    if (name == "--most-growth") number = &to.most_growth_kib;
    if (number == nullptr) return false;
    *number = std::strtod(value, nullptr);
    return true;
}

std::optional<options> parse(int argc, char** argv) {
    options wanted;
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !take(wanted, argv[i], argv[i + 1])) return {};
    if (wanted.run_seconds <= 0) return {};
    if (wanted.warm_up_seconds < 0) wanted.warm_up_seconds = std::min(wanted.run_seconds / 3, 60.0);
    if (wanted.interval_ms <= 0)
        wanted.interval_ms = std::clamp(wanted.run_seconds * 1000 / 60, 100.0, 10'000.0);
    return wanted;
}

/// What has gone wrong on purpose.
class planted {
public:
    explicit planted(std::string fault) : fault_(std::move(fault)) {}

    planted(const planted&) = delete;
    planted& operator=(const planted&) = delete;

    ~planted() {
        for (std::thread& each : threads_)
            each.detach();
    }

    /// One more of it.
    void grow() {
        if (fault_ == "memory") memory_.emplace_back(1 << 20, 'x');
        if (fault_ == "descriptor") descriptors_.emplace_back(::dup(STDOUT_FILENO));
        if (fault_ == "thread") threads_.emplace_back([] { ::pause(); });
    }

private:
    std::string fault_;
    std::list<std::string> memory_;
    std::vector<edo::unique_fd> descriptors_;
    std::vector<std::thread> threads_;
};

class soak {
public:
    explicit soak(const options& wanted) : wanted_(wanted), planted_(wanted.plant) {}

    /// Returns: what is wrong, one line each.
    std::vector<std::string> run() {
        std::thread([] {}).join();  // a sanitizer may start a thread of its own with the first one
        const process_sample bare = sample_process();
        {
            auto rt = edo::runtime::builder().blocking_keep_alive(200ms).build().value();
            const process_sample idle = sample_process();
            if (wanted_.plant == "failure") notes_.fail_on_purpose();
            auto load = rt.spawn(run_mixed_load, std::ref(notes_));
            watch();
            notes_.end();
            for (const failure& each : rt.block_on(std::move(load).join()))
                wrong_.push_back(each.part + ": " + each.reason);
            expect_return_to(idle, count_spares(rt));
            const edo::shutdown_report report = rt.shutdown();
            if (!report.is_clean()) wrong_.push_back(report.to_string());
        }
        expect_return_to(bare, 0);
        judge_memory();
        return std::move(wrong_);
    }

private:
    void watch() {
        const auto begun = wall_clock::now();
        const auto interval =
            std::chrono::duration_cast<wall_clock::duration>(seconds(wanted_.interval_ms / 1000));
        for (auto next = begun + interval; !notes_.is_over(); next += interval) {
            std::this_thread::sleep_until(next);
            const double at = seconds(wall_clock::now() - begun).count();
            if (at >= wanted_.run_seconds) break;
            take_sample(at);
            planted_.grow();
        }
    }

    void take_sample(double at) {
        const process_sample now = sample_process();
        const double p99_ms = seconds(notes_.take_p99()).count() * 1000;
        std::printf(
            "%8.1f s %8zu KiB %5td descriptors %4td threads %10.3f ms p99 %12llu requests\n", at,
            now.resident_bytes / 1024, now.descriptors, now.threads, p99_ms,
            static_cast<unsigned long long>(notes_.requests()));
        std::fflush(stdout);
        if (at < wanted_.warm_up_seconds) return;
        memory_.push_back({at, static_cast<double>(now.resident_bytes) / 1024});
        latency_.push_back({at, p99_ms});
    }

    /// Each stays, with nothing to do: a thread, and what it waits on.
    static std::ptrdiff_t count_spares(const edo::runtime& rt) {
        const auto all = rt.metrics().workers;
        return std::count_if(all.begin(), all.end(), [](const auto& w) { return w.is_spare; });
    }

    // Threads of blocking calls leave a moment later, and the kernel forgets them even later.
    void expect_return_to(const process_sample& before, std::ptrdiff_t spares) {
        constexpr std::ptrdiff_t of_spare = 3;  // descriptors
        const auto limit = wall_clock::now() + (wanted_.plant.empty() ? 10s : 1s);
        process_sample now = sample_process();
        const auto is_back = [&] {
            return now.descriptors <= before.descriptors + spares * of_spare &&
                   now.threads <= before.threads + spares;
        };
        while (!is_back() && wall_clock::now() < limit) {
            std::this_thread::sleep_for(20ms);
            now = sample_process();
        }
        if (now.descriptors > before.descriptors + spares * of_spare)
            wrong_.push_back("descriptors do not return: " + std::to_string(before.descriptors) +
                             " before, " + std::to_string(now.descriptors) + " afterwards");
        if (now.threads > before.threads + spares)
            wrong_.push_back("threads do not return: " + std::to_string(before.threads) +
                             " before, " + std::to_string(now.threads) + " afterwards");
    }

    void judge_memory() {
        const double growth = steady_growth_of(memory_);
        std::printf(
            "memory: slope %+.2f KiB/s, of which steady %.2f (at most %.2f); p99: slope "
            "%+.5f ms/s; %llu requests; %zu samples after the warm-up\n",
            slope_of(memory_), growth, wanted_.most_growth_kib, slope_of(latency_),
            static_cast<unsigned long long>(notes_.requests()), memory_.size());
        if (growth > wanted_.most_growth_kib)
            wrong_.push_back("the memory grows by " + std::to_string(growth) + " KiB/s");
        if (notes_.requests() == 0 || memory_.size() < 6)
            wrong_.push_back("too little was done to say anything");
    }

    options wanted_;
    planted planted_;
    notes notes_;
    std::vector<point> memory_;
    std::vector<point> latency_;
    std::vector<std::string> wrong_;
};

}  // namespace

int main(int argc, char** argv) {
    const std::optional<options> wanted = parse(argc, argv);
    if (!wanted) {
        std::fputs(
            "usage: edo_soak --seconds N [--warm-up N] [--interval-ms N] "
            "[--most-growth KIB_PER_SECOND] [--plant FAULT]\n",
            stderr);
        return 2;
    }
    const std::vector<std::string> wrong = soak(*wanted).run();
    for (const std::string& each : wrong)
        std::printf("edo_soak: failed: %s\n", each.c_str());
    if (wrong.empty()) std::puts("edo_soak: passed");
    return wrong.empty() ? 0 : 1;
}
