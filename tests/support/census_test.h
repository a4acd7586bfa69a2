#pragma once

#include <gtest/gtest.h>

#include <edo/base/seam/census.h>

namespace edo::testing {

/// Checks after every test of the program that nothing is left alive: no task, frame, descriptor,
/// timer,
/// operation or thread. Registered by tests/support/main.cpp; a test needs to do nothing for it.
class census_listener : public ::testing::EmptyTestEventListener {
    void OnTestEnd(const ::testing::TestInfo&) override {
        for (int i = 0; i < detail::census_kinds; ++i) {
            const auto kind = static_cast<detail::census_kind>(i);
            EXPECT_EQ(detail::census_of(kind), 0) << detail::census_name(kind) << " left alive";
        }
    }
};

}  // namespace edo::testing
