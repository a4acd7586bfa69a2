#include <edo/base/histogram.h>

#include <chrono>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using edo::duration;
using edo::duration_histogram;

TEST(duration_histogram,
     puts_each_span_below_the_limit_of_its_bucket_and_not_below_the_one_before) {
    for (const duration span : {1ns, 2ns, 3ns, 4ns, 1023ns, 1024ns, duration(5min) - 60s}) {
        const std::size_t at = duration_histogram::bucket_of(span);
        EXPECT_LT(span, duration_histogram::limit_of(at));
        EXPECT_GE(span, duration_histogram::limit_of(at - 1));
    }
}

TEST(duration_histogram, has_a_place_for_spans_of_nothing_and_for_the_longest) {
    EXPECT_EQ(duration_histogram::bucket_of(0ns), 0U);
    EXPECT_EQ(duration_histogram::bucket_of(-1h), 0U);
    EXPECT_EQ(duration_histogram::bucket_of(duration::max()), duration_histogram::buckets - 1);
    EXPECT_EQ(duration_histogram::limit_of(duration_histogram::buckets - 1), duration::max());
}

TEST(duration_histogram, of_nothing_answers_zero) {
    EXPECT_EQ(duration_histogram().total(), 0U);
    EXPECT_EQ(duration_histogram().quantile(0.5), duration::zero());
}

TEST(duration_histogram, tells_a_limit_that_a_share_of_the_spans_did_not_reach) {
    edo::detail::duration_counts counts;
    for (int i = 0; i < 99; ++i)
        counts.add(100ns);
    counts.add(1ms);
    const duration_histogram all = counts.read();
    EXPECT_EQ(all.total(), 100U);
    EXPECT_EQ(all.sum, 99 * 100ns + 1ms);
    EXPECT_EQ(all.quantile(0.5), 128ns);
    EXPECT_EQ(all.quantile(0.99), 128ns);
    EXPECT_EQ(all.quantile(1), duration(1 << 20));
    EXPECT_EQ(all.quantile(0), 128ns);
}

TEST(duration_histogram, adds_up) {
    edo::detail::duration_counts some;
    some.add(1us);
    edo::detail::duration_counts others;
    others.add(1us);
    others.add(1s);
    duration_histogram all = some.read();
    all += others.read();
    EXPECT_EQ(all.total(), 3U);
    EXPECT_EQ(all.sum, 1s + 2us);
    EXPECT_EQ(all.counts[duration_histogram::bucket_of(1us)], 2U);
}

}  // namespace
