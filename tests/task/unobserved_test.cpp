#include <edo/task/unobserved.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/error.h>
#include <edo/task/state/line_limit.h>

namespace {

using namespace std::chrono_literals;
using edo::detail::line_limit;

constexpr edo::instant start{1h};

TEST(line_limit, says_yes_ten_times_in_a_second) {
    line_limit limit;
    int lines = 0;

    for (int i = 0; i < 25; ++i)
        lines += limit.ask(start + i * 1ms).yes ? 1 : 0;

    EXPECT_EQ(lines, 10);
}

TEST(line_limit, tells_once_how_many_were_left_out) {
    line_limit limit;
    for (int i = 0; i < 25; ++i)
        static_cast<void>(limit.ask(start));

    const line_limit::answer first = limit.ask(start + 1s);
    const line_limit::answer second = limit.ask(start + 1s);

    EXPECT_TRUE(first.yes);
    EXPECT_EQ(first.left_out, 15U);
    EXPECT_TRUE(second.yes);
    EXPECT_EQ(second.left_out, 0U);
}

TEST(unobserved_failure, default_hook_does_not_flood_the_error_output) {
    const edo::unobserved_failure failure{1, {}, make_error_code(edo::errc::closed), nullptr};

    ::testing::internal::CaptureStderr();
    for (int i = 0; i < 10'000; ++i)
        edo::detail::report_unobserved(failure);
    const std::string written = ::testing::internal::GetCapturedStderr();

    EXPECT_THAT(written, ::testing::HasSubstr("returned the error \"closed\""));
    EXPECT_LT(std::ranges::count(written, '\n'),
              5'000);  // many seconds would have to pass meanwhile
}

}  // namespace
