#include "growth.h"
#include <vector>

#include <gtest/gtest.h>

namespace edo::soak {
namespace {

TEST(growth, slope_of_a_line_is_its_own) {
    const std::vector<point> line{{10, 7}, {11, 9}, {13, 13}, {20, 27}};

    EXPECT_DOUBLE_EQ(slope_of(line), 2);
}

TEST(growth, slope_of_a_point_or_of_one_moment_is_none) {
    EXPECT_EQ(slope_of({}), 0);
    EXPECT_EQ(slope_of(std::vector<point>{{1, 5}}), 0);
    EXPECT_EQ(slope_of(std::vector<point>{{1, 5}, {1, 6}}), 0);
}

TEST(growth, is_steady_when_it_goes_on_among_ups_and_downs) {
    std::vector<point> noisy;
    for (int i = 0; i < 30; ++i)
        noisy.push_back({i * 1.0, i * 10.0 + i % 3});

    EXPECT_NEAR(steady_growth_of(noisy), 10, 0.1);
}

TEST(growth, is_not_steady_when_the_end_is_like_the_beginning) {
    const std::vector<point> hill{{0, 1}, {1, 2}, {2, 9}, {3, 9}, {4, 2}, {5, 3}};

    EXPECT_GT(slope_of(hill), 0);
    EXPECT_EQ(steady_growth_of(hill), 0);
}

}  // namespace
}  // namespace edo::soak
