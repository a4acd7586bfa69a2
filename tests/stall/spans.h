#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <edo/base/clock.h>

namespace edo::testing {

/// How long each of many things took. Exact, for a limit is held against it.
class spans {
public:
    void add(duration one) {
        all_.push_back(one);
        is_sorted_ = false;
    }

    void add(const spans& others) {
        all_.insert(all_.end(), others.all_.begin(), others.all_.end());
        is_sorted_ = false;
    }

    std::size_t count() const { return all_.size(); }

    /// The least span that the share `q` (0 to 1) of all does not exceed; zero when there are none.
    duration quantile(double q) {
        if (all_.empty()) return {};
        if (!is_sorted_) std::sort(all_.begin(), all_.end());
        is_sorted_ = true;
        const auto below = static_cast<std::size_t>(q * static_cast<double>(all_.size()));
        return all_[std::min(below, all_.size() - 1)];
    }

    duration worst() { return quantile(1); }

    std::size_t count_above(duration limit) const {
        return static_cast<std::size_t>(
            std::count_if(all_.begin(), all_.end(), [=](duration one) { return one > limit; }));
    }

private:
    std::vector<duration> all_;
    bool is_sorted_ = false;
};

}  // namespace edo::testing
