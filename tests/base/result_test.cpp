#include <edo/base/result.h>

#include "support/failing_allocation.h"
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>

#include <gtest/gtest.h>

#include <edo/base/error.h>

namespace {

using edo::errc;
using edo::result;

TEST(result, compares_with_an_error_enumeration) {
    const result<int> closed = errc::closed;
    const result<void> late = errc::timed_out;

    EXPECT_TRUE(closed == errc::closed);
    EXPECT_TRUE(errc::closed == closed);
    EXPECT_TRUE(closed != errc::timed_out);
    EXPECT_TRUE(late == errc::timed_out);
    EXPECT_TRUE(late != errc::closed);
    EXPECT_TRUE(result<int>(1) != errc::closed);
    EXPECT_TRUE(result<void>() != errc::closed);
}

TEST(result, compares_with_a_standard_error_by_its_meaning) {
    const result<int> refused = std::error_code(ECONNREFUSED, std::system_category());
    const result<void> late = errc::timed_out;

    EXPECT_TRUE(refused == std::errc::connection_refused);
    EXPECT_TRUE(late == std::errc::timed_out);
    EXPECT_TRUE(late != std::errc::connection_refused);
}

result<std::string> too_long() {
    return std::errc::message_size;
}

TEST(result, is_made_from_a_standard_error) {
    EXPECT_EQ(too_long().error(), std::make_error_code(std::errc::message_size));
    EXPECT_EQ(result<void>(std::errc::message_size).error(),
              std::make_error_code(std::errc::message_size));
}

TEST(result, gives_its_success_or_failure_to_a_result_without_value) {
    const result<int> good = 1;
    const result<std::unique_ptr<int>> bad = errc::closed;

    EXPECT_TRUE(result<void>(good));
    EXPECT_EQ(result<void>(bad), result<void>(errc::closed));
    static_assert(!std::is_convertible_v<result<int>, result<void>>,
                  "a value is lost only by name");
}

// Says something when it runs alone, as CTest has it: then this is the first error.
TEST(errc, first_error_needs_no_memory) {
    const edo::testing::failing_allocation failing(1);

    const std::error_code first = errc::closed;

    EXPECT_FALSE(failing.has_failed());
    EXPECT_EQ(first.value(), static_cast<int>(errc::closed));
}

}  // namespace
