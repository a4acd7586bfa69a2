// When a worker spins before it parks: while that has helped, and less and less when it has not.

#include <edo/runtime/scheduler/spin.h>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using edo::detail::spin_policy;
using edo::detail::tuning::long_wait;

spin_policy after_short_waits() {
    spin_policy policy(edo::duration(-1));
    for (int i = 0; i < 100; ++i)
        policy.note_wait(10us);
    return policy;
}

/// How many of the next `waits` waits begin with a spin, if none of them helps.
int spins_in_vain(spin_policy& policy, int waits) {
    int spins = 0;
    for (int i = 0; i < waits; ++i) {
        if (policy.limit() == edo::duration::zero()) continue;
        ++spins;
        policy.note_spin(false);
    }
    return spins;
}

TEST(spin_policy, fresh_worker_does_not_spin) {
    spin_policy policy(edo::duration(-1));

    EXPECT_EQ(policy.limit(), edo::duration::zero());
}

TEST(spin_policy, short_waits_make_it_spin_and_a_long_one_stops_it) {
    spin_policy policy = after_short_waits();
    EXPECT_GT(policy.limit(), edo::duration::zero());

    policy.note_wait(long_wait);

    EXPECT_EQ(policy.limit(), edo::duration::zero());
}

TEST(spin_policy, spins_that_never_help_become_rare) {
    spin_policy policy = after_short_waits();

    EXPECT_LT(spins_in_vain(policy, 10'000), 20);
}

TEST(spin_policy, spin_that_has_helped_ends_the_restraint) {
    spin_policy policy = after_short_waits();
    spins_in_vain(policy, 1'000);
    while (policy.limit() == edo::duration::zero())
        continue;

    policy.note_spin(true);

    EXPECT_GT(policy.limit(), edo::duration::zero());
}

TEST(spin_policy, forced_limit_holds_whatever_happens) {
    spin_policy policy(1ms);
    for (int i = 0; i < 10; ++i)
        policy.note_spin(false);

    EXPECT_EQ(policy.limit(), 1ms);
}

}  // namespace
