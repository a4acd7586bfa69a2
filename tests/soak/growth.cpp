#include "growth.h"
#include <algorithm>
#include <cstddef>

namespace edo::soak {

double slope_of(std::span<const point> points) noexcept {
    double time = 0, value = 0;
    for (const point& each : points) {
        time += each.at;
        value += each.value;
    }
    const auto count = static_cast<double>(points.size());
    double product = 0, square = 0;
    for (const point& each : points) {
        const double after_middle = each.at - time / count;
        product += after_middle * (each.value - value / count);
        square += after_middle * after_middle;
    }
    return square > 0 ? product / square : 0;
}

double steady_growth_of(std::span<const point> points) noexcept {
    const std::size_t third = points.size() / 3;
    if (third == 0) return 0;
    const auto is_smaller = [](const point& a, const point& b) { return a.value < b.value; };
    const auto first = points.first(third);
    const auto last = points.last(third);
    const double before = std::max_element(first.begin(), first.end(), is_smaller)->value;
    const double after = std::min_element(last.begin(), last.end(), is_smaller)->value;
    return after > before ? slope_of(points) : 0;
}

}  // namespace edo::soak
