#include "census_test.h"
#include "stand_in.h"

#include <gtest/gtest.h>

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    ::testing::UnitTest::GetInstance()->listeners().Append(new edo::testing::census_listener);
    if (!GTEST_FLAG_GET(list_tests)) edo::testing::replace_missing_calls();
    return RUN_ALL_TESTS();
}
