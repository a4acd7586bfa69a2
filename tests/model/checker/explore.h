#pragma once
// All runs of a scenario, as far as bounds and budget go.

#include "engine.h"
#include <cstdint>
#include <functional>
#include <string>

namespace edo_check {

struct exploration {
    std::string name;  ///< unique; replays are told by it
    /// Preemptions per run, and as many oddities of memory, are tried from 0 upwards. Up to this
    /// bound `most_runs` may be spent; beyond it, up to any number, `extra_runs`.
    unsigned bound = 2;
    std::uint64_t most_runs = 2'000'000;
    std::uint64_t extra_runs = 20'000;
    /// Runs afterwards whose decisions are drawn, without bounds: for scenarios that are too large
    /// to be exhausted with more than a few preemptions.
    std::uint64_t random_runs = 0;
    /// And runs whose threads go on by priority, see pct.h; what memory answers is drawn as before.
    std::uint64_t pct_runs = 0;
    unsigned pct_depth = 3;
    std::uint64_t seed = 1;  ///< of both; EDO_SEED says another
    /// Tries nothing more in a state in which the search has been with as much left to spend.
    bool skips_known_states = true;
    run_limits limits = {};
    const mutant* bug = nullptr;
};

struct findings {
    bool failed = false;
    std::string what;    ///< went wrong
    std::string replay;  ///< for EDO_CHECK_REPLAY
    std::string table;   ///< the interleaving
    std::uint64_t runs = 0;
    std::uint64_t known = 0;   ///< of them, those that came to a state that was known
    int bound = -1;            ///< the greatest that was exhausted
    bool is_complete = false;  ///< no run would differ with more preemptions
    double seconds = 0;
    bool has_bug_lines = true;  ///< false: the mutant's line is not in the source

    /// One line with figures.
    std::string summary(const std::string& name) const;
};

/// Runs `scenario` again and again until a run fails, all are done, or the budget is spent.
///
/// EDO_CHECK_REPLAY=<what a failure printed> repeats that one run and prints its table.
/// EDO_CHECK_BOUND and EDO_CHECK_RUNS raise bound and budget of every scenario, for long nights.
findings explore(const exploration& how, const std::function<void()>& scenario);

}  // namespace edo_check
