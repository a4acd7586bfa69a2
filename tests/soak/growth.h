#pragma once

#include <span>

namespace edo::soak {

/// A value at a time, in seconds.
struct point {
    double at;
    double value;
};

/// The slope of the straight line that fits best (least squares), per second; 0 for less than two
/// points, or if all are of one time.
double slope_of(std::span<const point> points) noexcept;

/// As slope_of(), if the growth is steady: no value of the last third is as small as the largest of
/// the first one. Else 0. What goes up and down, or once grows to what it needs and stays, is no
/// leak.
double steady_growth_of(std::span<const point> points) noexcept;

}  // namespace edo::soak
