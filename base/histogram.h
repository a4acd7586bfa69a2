#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <edo/base/clock.h>
#include <edo/base/seam/counter.h>

namespace edo {

/// How often spans of each order of magnitude have come. Bucket 0 holds spans of nothing, bucket i
/// those from 2^(i-1) up to below 2^i nanoseconds, and the last one (from 275 s) all longer ones.
class duration_histogram {
public:
    static constexpr std::size_t buckets = 40;

    duration_histogram() noexcept {}

    std::array<std::uint64_t, buckets> counts{};
    duration sum{};  ///< of all spans

    /// Its length, without a sign: there are no spans below zero.
    static std::uint64_t nanoseconds_in(duration span) noexcept {
        return span > duration::zero() ? static_cast<std::uint64_t>(span.count()) : 0;
    }

    /// The bucket that a span belongs to.
    static std::size_t bucket_of(duration span) noexcept {
        const auto width = static_cast<std::size_t>(std::bit_width(nanoseconds_in(span)));
        return width < buckets ? width : buckets - 1;
    }

    /// Every span in this bucket is shorter; duration::max() for the last one.
    static duration limit_of(std::size_t bucket) noexcept {
        return bucket + 1 < buckets ? duration(std::int64_t{1} << bucket) : duration::max();
    }

    std::uint64_t total() const noexcept {
        std::uint64_t all = 0;
        for (const std::uint64_t each : counts)
            all += each;
        return all;
    }

    /// A span that the share `q` (0 to 1) of all did not reach: the limit of a bucket, so up to
    /// twice too long. Zero when there are none.
    duration quantile(double q) const noexcept {
        const double wanted = q * static_cast<double>(total());
        std::uint64_t below = 0;
        for (std::size_t i = 0; i < buckets; ++i) {
            below += counts[i];
            if (below > 0 && static_cast<double>(below) >= wanted) return limit_of(i);
        }
        return duration::zero();
    }

    duration_histogram& operator+=(const duration_histogram& other) noexcept {
        for (std::size_t i = 0; i < buckets; ++i)
            counts[i] += other.counts[i];
        sum += other.sum;
        return *this;
    }
};

namespace detail {

/// A duration_histogram that one thread fills while others read it.
class duration_counts {
public:
    void add(duration span) noexcept {
        counts_[duration_histogram::bucket_of(span)].add();
        sum_.add(duration_histogram::nanoseconds_in(span));
    }

    duration_histogram read() const noexcept {
        duration_histogram picture;
        for (std::size_t i = 0; i < picture.counts.size(); ++i)
            picture.counts[i] = counts_[i].get();
        picture.sum = duration(static_cast<std::int64_t>(sum_.get()));
        return picture;
    }

private:
    std::array<counter, duration_histogram::buckets> counts_;
    counter sum_;
};

}  // namespace detail
}  // namespace edo
