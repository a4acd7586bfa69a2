// How often a worker looks at its sockets, judged by how long its polls take.

#include <edo/runtime/scheduler/visit_plan.h>

#include <cstdint>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

constexpr unsigned most = 61;

class visit_plan : public ::testing::Test {
protected:
    visit_plan() { plan_.begin(now_, polls_); }

    /// The worker makes as many polls as were planned; each takes so long.
    unsigned after_polls_of(edo::duration each) {
        now_ += each * planned_;
        polls_ += planned_;
        planned_ = plan_.next(now_, polls_, most);
        return planned_;
    }

    edo::detail::visit_plan plan_;
    edo::instant now_{1h};
    std::uint64_t polls_ = 1'000;
    unsigned planned_ = most;
};

TEST_F(visit_plan, leaves_short_polls_as_many_as_the_builder_says) {
    EXPECT_EQ(after_polls_of(50ns), most);
    EXPECT_EQ(after_polls_of(3us), most);
}

TEST_F(visit_plan, lets_no_more_long_polls_pass_than_fit_between_two_looks) {
    EXPECT_EQ(after_polls_of(20us), 10U);
    EXPECT_EQ(after_polls_of(50us), 4U);
}

TEST_F(visit_plan, has_a_look_after_every_other_poll_that_takes_longer) {
    EXPECT_EQ(after_polls_of(10ms), 2U);
    EXPECT_EQ(after_polls_of(10ms), 2U);
}

TEST_F(visit_plan, makes_no_more_polls_than_the_builder_says) {
    now_ += 1s;
    EXPECT_EQ(plan_.next(now_, polls_ + 1, 1), 1U);
}

TEST_F(visit_plan, recovers_at_once_when_polls_are_short_again) {
    after_polls_of(1ms);
    EXPECT_EQ(after_polls_of(1us), most);
}

TEST_F(visit_plan, does_not_count_a_rest_as_the_length_of_a_poll) {
    now_ += 1h;
    plan_.begin(now_, polls_);
    EXPECT_EQ(after_polls_of(1us), most);
}

TEST_F(visit_plan, stands_a_look_after_no_poll_at_all) {
    now_ += 1s;
    EXPECT_EQ(plan_.next(now_, polls_, most), 2U);
    EXPECT_EQ(plan_.next(now_, polls_, most), most) << "in paused time";
}

}  // namespace
