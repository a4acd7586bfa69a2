#pragma once
// The decisions of one run, and the search through all of them.

#include "draws.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace edo_check {

/// A run is the list of its decisions: everything else is determined. Each is a number below the
/// count of alternatives, 0 being the plain one (go on, read the newest, succeed).
///
/// Depth first: a run repeats the prefix that it was given and decides 0 from there on;
/// next_run() changes the last decision that has an alternative left.
/// Random: every decision is drawn, here or by who takes it. Replay: all come from a string.
class choices {
public:
    enum class mode { depth_first, random, replay };

    choices();

    void search_all();
    void search_at_random(std::uint64_t seed);
    void replay(std::string_view text);

    /// Decides between `count` alternatives, at least two. `likely_first`: when decisions are
    /// drawn, 0 is as likely as all others together, or three times as likely.
    unsigned pick(unsigned count, bool likely_first);

    /// A random run decides so, for a reason of its own. Returns: `picked`.
    unsigned take(unsigned picked, unsigned count);

    void start_run() noexcept { at_ = 0; }

    /// True when the next decision of a search is one that no run has taken yet.
    bool is_new() const noexcept { return mode_ == mode::depth_first && at_ == path_.size(); }

    /// Returns: false when everything was tried.
    bool next_run();

    /// The decisions of the present run: runs of zeros as a number, each followed by what was
    /// picked; 5 bits a character.
    std::string text() const;

private:
    struct decision {
        std::uint8_t picked;
        std::uint8_t count;
    };

    mode mode_ = mode::depth_first;
    std::vector<decision> path_;
    std::size_t at_ = 0;
    draws draws_{0};
};

}  // namespace edo_check
