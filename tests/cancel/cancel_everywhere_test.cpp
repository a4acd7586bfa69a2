// Runs every case of the tables beside this file; see cancel_case.h.

#include "cancel_case.h"
#include "net/io_loop.h"
#include <chrono>
#include <cstdlib>
#include <utility>

#include <gtest/gtest.h>

#include <edo/runtime/builder.h>
#include <edo/runtime/runtime.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;

constexpr unsigned suspension_points = 4;  // no operation here has more before it must complete

std::uint64_t seed() {
    const char* given = std::getenv("EDO_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : 1;
}

task<> all_rounds(const operation_case& op, std::uint64_t& completed, std::uint64_t& dropped) {
    for (unsigned point = 0; point <= suspension_points; ++point) {
        auto d = dropper::at_suspension(point);
        co_await op.round(d);
        ++(d.has_completed() ? completed : dropped);
    }
    for (std::uint64_t i = 0; i < op.rounds; ++i) {
        auto d = dropper::racing(seed() * 1'000'003 + i);
        co_await op.round(d);
        ++(d.has_completed() ? completed : dropped);
    }
}

}  // namespace

std::string name_of_setting(const ::testing::TestParamInfo<cancel_setting>& info) {
    return std::string(std::get<0>(info.param)->name) + "_" + name_of(std::get<1>(info.param)) +
           "_" + std::to_string(std::get<2>(info.param));
}

TEST_P(cancel_everywhere, loses_nothing) {
    const auto [operation, reactor, workers] = GetParam();
    std::uint64_t completed = 0, dropped = 0;

    auto built = edo::runtime::builder().worker_threads(workers).reactor(reactor).build();
    if (!built && reactor == reactor_kind::io_uring && reactors_here().size() < 2)
        GTEST_SKIP() << "the kernel has no io_uring here: " << built.error().message();
    runtime rt = std::move(built).value();
    rt.block_on(all_rounds(*operation, completed, dropped));
    const auto report = rt.shutdown(10s);

    EXPECT_TRUE(report.is_clean()) << report.to_string();
    RecordProperty("completed", std::to_string(completed));
    RecordProperty("dropped", std::to_string(dropped));
    EXPECT_GT(dropped, 1u) << "the drop never won a race; EDO_SEED=" << seed();
}

}  // namespace edo::testing
