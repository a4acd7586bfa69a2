#pragma once
// Who goes on in runs that are drawn by probabilistic concurrency testing (PCT).

#include "clock.h"
#include "draws.h"
#include <cstdint>
#include <vector>

namespace edo_check {

/// The priorities of the threads: of those that can go on, the one with the highest does.
///
/// They are drawn for each run, and so are `depth` - 1 of its steps, at which the thread whose turn
/// it is falls below all that have not fallen. A bug of that depth (it takes so many orderings
/// between steps of different threads) is met by a run with a probability of 1 / (n k^(depth - 1))
/// or more, for n threads and k steps. How many steps lie between does not matter; if each step was
/// drawn for itself, all of them would have to fall right.
///
/// Source: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic
/// Guarantees of Finding Bugs", ASPLOS 2010.
class pct {
public:
    /// Requires: a depth of 1 at least.
    pct(std::uint64_t seed, unsigned depth) : draws_(seed), falls_at_(depth - 1) {}

    /// Draws anew. `early_ends`: how many waits may end before their time in a run.
    void start_run(unsigned early_ends);

    /// Before each step of `thread` that another may precede: it falls there if that was drawn.
    void count_step(unsigned thread) noexcept;

    /// `thread` waits in a loop: for threads that may be below it, and would never come.
    void fall_below_all(unsigned thread) noexcept { priorities_[thread] = --lowest_; }

    /// Asked where a wait could end early. Those that do are drawn as well, by the step from which
    /// on it may be.
    bool ends_wait_early() noexcept;

    int priority(unsigned thread) const noexcept { return priorities_[thread]; }

    unsigned draw_below(unsigned count) noexcept { return draws_.below(count); }

private:
    draws draws_;
    int priorities_[max_threads] = {};
    int lowest_ = 0;
    unsigned steps_ = 0;
    unsigned most_steps_ = 1;  // of the runs so far: the next will have about as many
    std::vector<unsigned> falls_at_;
    std::vector<unsigned> early_ends_from_;  // the latest first
};

}  // namespace edo_check
