#include "pct.h"
#include <algorithm>
#include <functional>
#include <utility>

namespace edo_check {

void pct::start_run(unsigned early_ends) {
    most_steps_ = std::max(most_steps_, steps_);
    steps_ = 0;
    lowest_ = 0;
    // Below are the priorities of those that fall: 1 to depth - 1, and then less and less.
    for (unsigned i = 0; i < max_threads; ++i) {
        priorities_[i] = static_cast<int>(falls_at_.size() + 1 + i);
        std::swap(priorities_[i], priorities_[draws_.below(i + 1)]);
    }
    for (unsigned& step : falls_at_)
        step = 1 + draws_.below(most_steps_);
    early_ends_from_.resize(early_ends);
    for (unsigned& step : early_ends_from_)
        step = 1 + draws_.below(most_steps_);
    std::sort(early_ends_from_.begin(), early_ends_from_.end(), std::greater{});
}

void pct::count_step(unsigned thread) noexcept {
    ++steps_;
    for (std::size_t i = 0; i < falls_at_.size(); ++i)
        if (falls_at_[i] == steps_) priorities_[thread] = static_cast<int>(i + 1);
}

bool pct::ends_wait_early() noexcept {
    if (early_ends_from_.empty() || early_ends_from_.back() > steps_) return false;
    early_ends_from_.pop_back();
    return true;
}

}  // namespace edo_check
