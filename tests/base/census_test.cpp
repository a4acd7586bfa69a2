#include <edo/base/seam/census.h>

#include "../support/census_test.h"
#include <unistd.h>

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

namespace {

using edo::detail::census_kind;

/// The check that follows every test, around something that a test might do.
void check_around(void (*act)()) {
    edo::testing::census_listener census;
    const ::testing::TestInfo& here = *::testing::UnitTest::GetInstance()->current_test_info();
    census.OnTestStart(here);
    act();
    census.OnTestEnd(here);
}

int left_open = -1;

void open_a_file() {
    left_open = ::dup(STDERR_FILENO);
}

TEST(census, finds_what_is_left_alive) {
    edo::detail::census_add(census_kind::timer, 1);
    EXPECT_NONFATAL_FAILURE(check_around([] {}), "timers left alive");
    edo::detail::census_add(census_kind::timer, -1);
}

TEST(census, finds_what_has_ended_twice) {
    edo::detail::census_add(census_kind::frame, -1);
    EXPECT_NONFATAL_FAILURE(check_around([] {}), "frames left alive");
    edo::detail::census_add(census_kind::frame, 1);
}

TEST(census, finds_a_file_that_is_left_open) {
    EXPECT_NONFATAL_FAILURE(check_around(&open_a_file), "files left open");
    ::close(left_open);
}

TEST(census, is_content_with_a_test_that_cleans_up) {
    check_around([] { ::close(::dup(STDERR_FILENO)); });
}

}  // namespace
