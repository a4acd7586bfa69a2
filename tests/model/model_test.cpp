#include "model_test.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edo_check {
namespace {

exploration named(const scenario& s, const std::string& suffix) {
    exploration how = s.how;
    how.name = s.name + suffix;
    return how;
}

// Only so, to compare the two ways of drawing.
void draw_only(exploration& how, std::string_view way) {
    how.most_runs = 0;
    how.random_runs = way == "uniform" ? 10'000 : 0;
    how.pct_runs = way == "pct" ? 10'000 : 0;
}

}  // namespace

void expect_holds(const scenario& s) {
    const exploration how = named(s, "");
    const findings found = explore(how, s.body);
    std::printf("[ model    ] %s\n", found.summary(how.name).c_str());
    std::fflush(stdout);
    EXPECT_FALSE(found.failed) << how.name << ": " << found.what << "\n"
                               << found.table << "EDO_CHECK_REPLAY=" << found.replay;
    if (found.runs == 1) return;  // a replay
    EXPECT_TRUE(found.failed || found.is_complete || found.bound >= static_cast<int>(how.bound) ||
                found.runs >= 2'000'000)
        << found.summary(how.name);
}

void expect_caught(const mutant& bug,
                   std::initializer_list<scenario> family,
                   const std::string& what) {
    std::uint64_t runs = 0;
    // Most bugs need one preemption: try that everywhere first.
    for (unsigned bound = 1; bound <= 2; ++bound) {
        for (const scenario& s : family) {
            exploration how = named(s, "!" + bug.name);
            how.bug = &bug;
            how.bound = std::min(bound, s.how.bound);
            how.extra_runs = 0;
            how.most_runs = 300'000;
            if (const char* const way = std::getenv("EDO_CHECK_DRAWN")) draw_only(how, way);
            const findings found = explore(how, s.body);
            runs += found.runs;
            ASSERT_TRUE(found.has_bug_lines)
                << "the mutant's line is not in " << bug.file << " any more: " << bug.line;
            if (!found.failed) continue;
            std::printf("[ mutant   ] %-36s caught by %s after %lu runs: %s\n", bug.name.c_str(),
                        s.name, static_cast<unsigned long>(runs), found.what.c_str());
            // To see how: the table is worth a look when a protocol is new.
            if (std::getenv("EDO_CHECK_TABLES") != nullptr)
                std::printf("%sEDO_CHECK_REPLAY='%s'\n", found.table.c_str(), found.replay.c_str());
            std::fflush(stdout);
            EXPECT_THAT(found.what, testing::HasSubstr(what));
            return;
        }
    }
    ADD_FAILURE() << "not caught in " << runs << " runs: " << bug.name;
}

}  // namespace edo_check
