#include "census_test.h"

#include <gtest/gtest.h>

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    ::testing::UnitTest::GetInstance()->listeners().Append(new edo::testing::census_listener);
    return RUN_ALL_TESTS();
}
