// When a worker spins before it parks: while trials show that it gets more done by it.

#include <edo/runtime/scheduler/spin.h>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using edo::detail::spin_policy;
using edo::detail::tuning::long_wait;

/// A worker whose waits take one time if it spins and another if it parks.
class waiting_worker {
public:
    waiting_worker(edo::duration spinning, edo::duration parked)
        : spinning_(spinning), parked_(parked) {}

    edo::duration spinning_, parked_;
    std::uint32_t polls_each_time = 1;

    /// Returns: how many of the waits began with a spin.
    unsigned wait(unsigned times) {
        unsigned spins = 0;
        for (unsigned i = 0; i < times; ++i) {
            const bool spins_now = policy_.limit() != edo::duration::zero();
            if (spins_now) ++spins;
            wait_for(spins_now ? spinning_ : parked_);
        }
        return spins;
    }

    void wait_for(edo::duration span) {
        now_ += span;
        polls_ += polls_each_time;
        policy_.note_wait(span, now_, polls_);
    }

    bool spins_next() const { return policy_.limit() != edo::duration::zero(); }

private:
    spin_policy policy_{edo::duration(-1)};
    edo::instant now_{1h};
    std::uint32_t polls_ = 0xffff'ffc0;  // soon to wrap
};

constexpr unsigned trial = 4 * (spin_policy::settling + spin_policy::measured);

TEST(spin_policy, fresh_worker_parks) {
    waiting_worker worker(1us, 10us);

    EXPECT_EQ(worker.wait(spin_policy::first_rest), 0U);
}

TEST(spin_policy, worker_that_gets_more_done_by_it_spins) {
    waiting_worker worker(5us, 30us);
    worker.wait(1'000);

    EXPECT_GT(worker.wait(100'000), 95'000U);
}

TEST(spin_policy, worker_that_gets_a_little_more_done_by_it_parks) {
    waiting_worker worker(9us, 10us);
    worker.wait(1'000);

    EXPECT_LT(worker.wait(100'000), 3'000U);
}

TEST(spin_policy, worker_that_gets_less_done_by_it_parks) {
    waiting_worker worker(30us, 10us);
    worker.wait(1'000);

    EXPECT_LT(worker.wait(100'000), 3'000U);
}

TEST(spin_policy, what_counts_is_what_gets_done_and_not_how_often_it_waits) {
    waiting_worker worker(5us, 30us);
    unsigned spins = 0;
    for (int i = 0; i < 100'000; ++i) {
        // Parked it finds more to do each time.
        worker.polls_each_time = worker.spins_next() ? 1 : 6;
        spins += worker.wait(1);
    }

    EXPECT_LT(spins, 3'000U);
}

TEST(spin_policy, it_finds_out_that_the_better_way_has_changed) {
    waiting_worker worker(30us, 10us);
    worker.wait(1'000'000);

    worker.spinning_ = 3us;
    worker.wait(spin_policy::longest_rest + trial);
    EXPECT_GT(worker.wait(100'000), 95'000U);

    worker.spinning_ = 30us;
    worker.wait(spin_policy::longest_rest + trial);
    EXPECT_LT(worker.wait(100'000), 5'000U);
}

TEST(spin_policy, one_disturbance_decides_nothing) {
    for (unsigned disturbed = 0; disturbed < spin_policy::first_rest + trial; ++disturbed) {
        waiting_worker worker(10us, 10us);
        worker.wait(disturbed);
        worker.wait_for(900us);
        worker.wait(spin_policy::first_rest + trial - disturbed);

        ASSERT_LT(worker.wait(1'000), 2 * trial) << "disturbed wait " << disturbed;
        ASSERT_FALSE(worker.spins_next()) << "disturbed wait " << disturbed;
    }
}

TEST(spin_policy, long_waits_end_it) {
    waiting_worker worker(5us, 30us);
    worker.wait(1'000);
    while (!worker.spins_next())
        worker.wait(1);

    worker.wait_for(long_wait);

    EXPECT_FALSE(worker.spins_next());
}

TEST(spin_policy, idle_worker_tries_nothing) {
    waiting_worker worker(200us, 200us);

    EXPECT_EQ(worker.wait(100'000), 0U);
}

TEST(spin_policy, forced_limit_holds_whatever_happens) {
    spin_policy policy(1ms);
    for (unsigned i = 0; i < 10'000; ++i)
        policy.note_wait(long_wait, edo::instant(i * long_wait), i);

    EXPECT_EQ(policy.limit(), 1ms);
}

}  // namespace
