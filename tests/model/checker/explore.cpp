#include "explore.h"
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace edo_check {
namespace {

constexpr unsigned unbounded = 1'000'000;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* const given = std::getenv(name);
    return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

/// One scenario under one set of limits.
class search {
public:
    search(const exploration& how, const std::function<void()>& scenario)
        : how_(how), scenario_(scenario) {}

    bool run(const run_limits& limits) {
        return engine::get().run([](void* f) { (*static_cast<const std::function<void()>*>(f))(); },
                                 const_cast<std::function<void()>*>(&scenario_), limits, decisions);
    }

    /// Tries all runs with at most `preemptions`. Returns: whether there are no more; false also
    /// after a failure.
    bool exhaust(unsigned preemptions, std::uint64_t budget, findings& found) {
        const run_limits limits = limits_for(preemptions);
        decisions.search_all();
        was_bounded = false;
        states.clear();
        engine::get().set_visited(how_.skips_known_states ? &states : nullptr);
        const bool is_done = exhaust_from_here(limits, budget, found);
        engine::get().set_visited(nullptr);
        return is_done;
    }

    bool exhaust_from_here(const run_limits& limits, std::uint64_t budget, findings& found) {
        for (std::uint64_t i = 0; i < budget; ++i) {
            ++found.runs;
            if (!run(limits)) {
                engine::get().set_visited(nullptr);
                explain(limits, found);
                return false;
            }
            if (engine::get().was_known()) ++found.known;
            was_bounded |= engine::get().was_bounded();
            if (engine::get().learn_sharing()) {
                decisions.search_all();
                was_bounded = false;
                states.clear();
            } else if (!decisions.next_run()) {
                return true;
            }
        }
        return false;
    }

    // With each preemption more, memory may be odd once more, too; once at least.
    run_limits limits_for(unsigned preemptions) const {
        run_limits limits = how_.limits;
        limits.preemptions = preemptions;
        limits.keeps_calm = preemptions != unbounded;
        limits.oddities = preemptions == 0 ? 1 : preemptions;
        return limits;
    }

    void draw(std::uint64_t count, findings& found) {
        const run_limits limits = limits_for(unbounded);
        decisions.search_at_random(seed());
        for (std::uint64_t i = 0; i < count; ++i) {
            ++found.runs;
            if (!run(limits)) return explain(limits, found);
            engine::get().learn_sharing();
        }
    }

    void draw_by_priority(std::uint64_t count, findings& found) {
        pct priorities(~seed(), how_.pct_depth);  // others than what memory draws
        engine::get().set_pct(&priorities);
        draw(count, found);
        engine::get().set_pct(nullptr);
    }

    std::uint64_t seed() const { return from_environment("EDO_SEED", how_.seed); }

    // Repeats the failed run with a trace.
    void explain(const run_limits& limits, findings& found) {
        const std::string text = decisions.text();
        found.failed = true;
        found.what = engine::get().failure();
        found.replay =
            how_.name + "=" +
            (limits.preemptions == unbounded ? "all" : std::to_string(limits.preemptions)) + ":" +
            text + ":" + engine::get().sharing_text();
        found.table = trace_of(limits, text);
    }

    std::string trace_of(const run_limits& limits, std::string_view text) {
        trace rows;
        decisions.replay(text);
        engine::get().set_pct(nullptr);
        engine::get().set_trace(&rows);
        run(limits);
        engine::get().set_trace(nullptr);
        return rows.table();
    }

    choices decisions;
    visited states;
    bool was_bounded = false;

private:
    const exploration& how_;
    const std::function<void()>& scenario_;
};

/// What EDO_CHECK_REPLAY says: <name>=<bound>:<decisions>:<shared objects>.
struct wanted_run {
    unsigned bound;
    std::string decisions;
    std::string sharing;
};

std::optional<wanted_run> asked_for(const std::string& name) {
    const char* const given = std::getenv("EDO_CHECK_REPLAY");
    if (given == nullptr) return {};
    std::string_view text = given;
    if (!text.starts_with(name + "=")) return {};
    text.remove_prefix(name.size() + 1);
    const auto first = text.find(':');
    const auto second = text.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return {};
    const std::string bound(text.substr(0, first));
    return wanted_run{bound == "all"
                          ? unbounded
                          : static_cast<unsigned>(std::strtoul(bound.c_str(), nullptr, 10)),
                      std::string(text.substr(first + 1, second - first - 1)),
                      std::string(text.substr(second + 1))};
}

}  // namespace

findings explore(const exploration& how, const std::function<void()>& scenario) {
    const auto begin = std::chrono::steady_clock::now();
    findings found;
    std::optional<mutation> bug;
    if (how.bug != nullptr) {
        bug.emplace(*how.bug);
        found.has_bug_lines = bug->has_lines();
        if (!found.has_bug_lines) return found;
    }
    search all(how, scenario);
    // Once for nothing: what a program does only the first time (static locals) must be over before
    // decisions are counted.
    engine::get().forget_sharing();
    all.decisions.search_all();
    // Without the bug: a run that is cut short would leave a mess.
    engine::get().set_mutation(nullptr);
    all.run(how.limits);
    engine::get().heap().keep_what_is_left();
    engine::get().learn_sharing();
    engine::get().set_mutation(bug ? &*bug : nullptr);

    if (const auto wanted = asked_for(how.name)) {
        engine::get().set_sharing(wanted->sharing);
        const std::string table = all.trace_of(all.limits_for(wanted->bound), wanted->decisions);
        std::printf("%s\n%s", how.name.c_str(), table.c_str());
        found.runs = 1;
        found.what = engine::get().failure();
        found.failed = !found.what.empty();
        engine::get().set_mutation(nullptr);
        return found;
    }

    const auto deepest = static_cast<unsigned>(from_environment("EDO_CHECK_BOUND", how.bound));
    const std::uint64_t most = from_environment("EDO_CHECK_RUNS", how.most_runs);
    // Beyond the bound that was asked for, as far as the extra budget goes.
    std::uint64_t extra = how.extra_runs;
    for (unsigned bound = 0; !found.failed && !found.is_complete; ++bound) {
        const std::uint64_t before = found.runs;
        const bool is_extra = bound > deepest;
        const std::uint64_t budget = is_extra ? extra : most > before ? most - before : 0;
        if (!all.exhaust(bound, budget, found)) break;
        if (is_extra) extra -= found.runs - before;
        found.bound = static_cast<int>(bound);
        found.is_complete = !all.was_bounded;
    }
    if (!found.failed && !found.is_complete) all.draw(how.random_runs, found);
    if (!found.failed && !found.is_complete) all.draw_by_priority(how.pct_runs, found);
    engine::get().set_mutation(nullptr);
    found.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return found;
}

std::string findings::summary(const std::string& name) const {
    char text[160];
    const std::string depth = is_complete  ? "complete"
                              : bound >= 0 ? "bound " + std::to_string(bound) + " exhausted"
                                           : "not exhausted";
    std::snprintf(text, sizeof text, "%-44s %9lu runs, %s, %.2f s", name.c_str(),
                  static_cast<unsigned long>(runs), depth.c_str(), seconds);
    return text;
}

}  // namespace edo_check
