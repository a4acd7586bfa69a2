#pragma once

#include <chrono>

namespace bench {

/// What one run of a case has found.
struct measurement {
    std::chrono::duration<double> elapsed{};
    double counted = 0;  ///< a figure that is not a time per operation, if the case has one
};

/// Runs from its construction.
class stopwatch {
public:
    std::chrono::duration<double> elapsed() const {
        return std::chrono::steady_clock::now() - start_;
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace bench
