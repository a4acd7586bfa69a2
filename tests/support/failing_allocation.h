#pragma once

#include <cstddef>

namespace edo::testing {

/// Has one allocation of the calling thread fail: the `n`-th from now on, counted from 1, if it
/// comes while this lives. One at a time on a thread.
///
///     for (std::size_t n = 1;; ++n) {
///         failing_allocation failing(n);
///         ...                              // throws std::bad_alloc, or is done without
///         if (!failing.has_failed()) break;  // fewer than n were needed
///     }
///
/// Everything that goes through operator new counts. Frames of up to a kilobyte do not, but in
/// builds with a sanitizer: the frame pool cuts them from pages. Under clang's thread sanitizer
/// nothing fails.
class failing_allocation {
public:
    explicit failing_allocation(std::size_t n) noexcept;
    failing_allocation(const failing_allocation&) = delete;
    failing_allocation& operator=(const failing_allocation&) = delete;
    ~failing_allocation();

    bool has_failed() const noexcept;

    static const bool is_possible;  ///< false where nothing fails
};

/// How many blocks that operator new gave out, on all threads, are not given back; for what the
/// census does not know. Always 0 where no allocation can be made to fail.
std::ptrdiff_t count_live_blocks() noexcept;

}  // namespace edo::testing
