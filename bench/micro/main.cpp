// What spawning, yielding, waking, sleeping and selecting cost, beside the same on Boost.Asio.
//   bench_micro --benchmark_filter=spawn
//   bench_micro --benchmark_format=json

#include "families.h"
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

/// Prints what another reporter would, under the plain names of the cases: how a time was taken and
/// the number of iterations are no part of the question.
class plain_names final : public benchmark::BenchmarkReporter {
public:
    bool ReportContext(const Context& context) override { return printer_->ReportContext(context); }

    void ReportRuns(const std::vector<Run>& runs) override {
        std::vector<Run> renamed = runs;
        for (Run& each : renamed) {
            each.run_name.time_type.clear();
            each.run_name.iterations.clear();
        }
        printer_->ReportRuns(renamed);
    }

    void Finalize() override { printer_->Finalize(); }

private:
    std::unique_ptr<benchmark::BenchmarkReporter> printer_{
        benchmark::CreateDefaultDisplayReporter()};
};

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    bench::add_spawn();
    bench::add_remote_spawn();
    bench::add_fork_join();
    bench::add_yield();
    bench::add_pingpong();
    bench::add_wake();
    bench::add_select();
    bench::add_frame();
    bench::add_timer();
    bench::add_sleeping();
    bench::add_channel();
    bench::add_mutex();
    bench::add_blocking();
    bench::add_shutdown();
    plain_names reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    benchmark::Shutdown();
}
