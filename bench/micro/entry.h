#pragma once

#include "child_process.h"
#include "measurement.h"
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

namespace bench {

/// One question that is put to each contestant.
struct contest {
    std::string name;
    std::size_t operations;     ///< in one measurement; what is reported is the time of one
    unsigned most_workers = 2;  ///< asked with one worker, then two, up to this
    unsigned fewest_workers = 1;
    bool once = false;         ///< measures once, without warming up; for what is long to prepare
    std::string counter = {};  ///< what measurement::counted is called; empty: not reported
};

/// Registers `<name of the side>/<contest>/<workers>`. `body` is a coroutine of that side that
/// performs as many operations as it is told and yields a measurement, or a function that gets the
/// side too.
///
/// Starting and ending of threads is not measured, nor is the way from the calling thread into the
/// workers and back, because the body itself reads the clock.
template <class Side, class Body>
void enter(const contest& asked, unsigned workers, Body body) {
    const auto prepare = [asked, workers, body]() -> child_process::measure {
        const auto side = std::make_shared<Side>(workers);
        const auto measure = [side, body, operations = asked.operations]() -> measurement {
            if constexpr (std::invocable<Body, Side&, std::size_t>) {
                return body(*side, operations);
            } else {
                return side->run(body(operations));
            }
        };
        if (!asked.once) measure();
        return measure;
    };
    const auto run = [asked, prepare](benchmark::State& state) {
        try {
            child_process child(prepare);
            measurement last;
            while (
                state.KeepRunningBatch(static_cast<benchmark::IterationCount>(asked.operations))) {
                last = child.request();
                state.SetIterationTime(last.elapsed.count());
            }
            state.SetLabel(std::to_string(asked.operations));
            if (!asked.counter.empty()) state.counters[asked.counter] = last.counted;
        } catch (const std::exception& failure) {
            state.SkipWithError(failure.what());
        }
    };
    const std::string name =
        std::string(Side::name) + '/' + asked.name + '/' + std::to_string(workers);
    auto* entry = benchmark::RegisterBenchmark(name.c_str(), run);
    entry->UseManualTime();
    if (asked.once) entry->Iterations(static_cast<benchmark::IterationCount>(asked.operations));
}

/// Registers a case of one side for each number of workers.
template <class Side, class Body>
void enter_each(const contest& asked, Body body) {
    for (unsigned workers = asked.fewest_workers; workers <= asked.most_workers; ++workers)
        enter<Side>(asked, workers, body);
}

}  // namespace bench
