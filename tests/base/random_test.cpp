#include <edo/base/random.h>

#include <gtest/gtest.h>

namespace {

using edo::detail::random;

TEST(random, coin_falls_on_each_side_as_often_and_the_same_way_for_a_seed) {
    random first(7), second(7);
    int heads = 0;

    for (int i = 0; i < 10'000; ++i) {
        const bool is_head = first.coin();
        ASSERT_EQ(second.coin(), is_head);
        heads += is_head ? 1 : 0;
    }

    EXPECT_NEAR(heads, 5'000, 250);
}

}  // namespace
