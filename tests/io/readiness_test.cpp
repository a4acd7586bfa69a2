#include <edo/io/reactor/readiness.h>

#include <gtest/gtest.h>

namespace edo::testing {
namespace {

using detail::interest;
using detail::readiness;
using detail::readiness_view;

TEST(readiness, allows_a_first_try_because_nothing_is_known) {
    readiness r;

    EXPECT_TRUE(r.look().allows(interest::read));
    EXPECT_TRUE(r.look().allows(interest::write));
}

TEST(readiness, cleared_direction_waits_for_an_event) {
    readiness r;
    r.clear(interest::read, r.look());
    EXPECT_FALSE(r.look().allows(interest::read));
    EXPECT_TRUE(r.look().allows(interest::write));

    r.set(readiness_view::readable);

    EXPECT_TRUE(r.look().allows(interest::read));
}

TEST(readiness, late_clear_is_ignored) {
    readiness r;
    const readiness_view before = r.look();
    r.set(readiness_view::readable);

    r.clear(interest::read, before);

    EXPECT_TRUE(r.look().allows(interest::read));
}

TEST(readiness, clear_of_one_direction_does_not_disturb_the_other) {
    readiness r;
    const readiness_view before = r.look();
    r.clear(interest::write, before);

    r.clear(interest::read, before);

    EXPECT_FALSE(r.look().allows(interest::read));
    EXPECT_FALSE(r.look().allows(interest::write));
    EXPECT_TRUE(r.look().is_as_old_as(before));
}

TEST(readiness, closed_and_error_bits_stay) {
    for (const auto bit : {readiness_view::read_closed, readiness_view::error}) {
        readiness r;
        r.set(bit);
        r.clear(interest::read, r.look());
        EXPECT_TRUE(r.look().allows(interest::read));
    }
    readiness r;
    r.set(readiness_view::write_closed);
    r.clear(interest::write, r.look());
    EXPECT_TRUE(r.look().allows(interest::write));
    r.clear(interest::read, r.look());
    EXPECT_FALSE(r.look().allows(interest::read));
}

TEST(readiness, every_event_makes_views_older) {
    readiness r;
    const readiness_view before = r.look();
    EXPECT_TRUE(r.look().is_as_old_as(before));

    r.set(readiness_view::readable);

    EXPECT_FALSE(r.look().is_as_old_as(before));
}

TEST(readiness, end_of_owner_and_reactor_are_remembered) {
    readiness r;
    EXPECT_FALSE(r.look().is_dropped());
    EXPECT_FALSE(r.look().is_orphaned());
    r.set(readiness_view::dropped);
    r.set(readiness_view::orphaned);
    r.set(readiness_view::readable);

    EXPECT_TRUE(r.look().is_dropped());
    EXPECT_TRUE(r.look().is_orphaned());
}

}  // namespace
}  // namespace edo::testing
