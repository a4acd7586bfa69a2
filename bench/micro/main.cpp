// What spawning, yielding, waking, sleeping and selecting cost, beside the same on Boost.Asio.
//   bench_micro --benchmark_filter=spawn
//   bench_micro --benchmark_format=json

#include "families.h"
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

/// Prints what another reporter would, under the plain names of the cases: how a time was taken and the
/// number of iterations are no part of the question.
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
    if (argc == 3 && std::string_view(argv[1]) == "--sleep") return bench::sleep_and_print(argv[2]);

    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    bench::add_spawn();
    bench::add_yield();
    bench::add_pingpong();
    bench::add_select();
    bench::add_frame();
    bench::add_timer();
    bench::add_sleeping(std::filesystem::read_symlink("/proc/self/exe").native());
    plain_names reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    benchmark::Shutdown();
}
