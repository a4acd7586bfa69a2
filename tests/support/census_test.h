#pragma once

#include "open_files.h"
#include <cstddef>

#include <gtest/gtest.h>

#include <edo/base/seam/census.h>

namespace edo::testing {

/// Checks after every test of the program that nothing is left alive: no task, frame, registered
/// descriptor, timer, operation or thread, and no file that was not open before the test.
/// Registered by tests/support/main.cpp; a test needs to do nothing for it.
class census_listener : public ::testing::EmptyTestEventListener {
public:
    void OnTestStart(const ::testing::TestInfo&) override { open_before_ = count_open_files(); }

    void OnTestEnd(const ::testing::TestInfo&) override {
        for (int i = 0; i < detail::census_kinds; ++i) {
            const auto kind = static_cast<detail::census_kind>(i);
            EXPECT_EQ(detail::census_of(kind), 0) << detail::census_name(kind) << " left alive";
        }
        EXPECT_EQ(count_open_files(), open_before_) << "files left open";
    }

private:
    std::ptrdiff_t open_before_ = 0;
};

}  // namespace edo::testing
