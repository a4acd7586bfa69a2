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

/// Calls `call(argument)` in the middle of each allocation of the calling thread while this lives,
/// and before each return of memory: for what nobody may have locked meanwhile. What counts is as
/// above.
class observed_allocation {
public:
    observed_allocation(void (*call)(void* argument) noexcept, void* argument) noexcept;
    observed_allocation(const observed_allocation&) = delete;
    observed_allocation& operator=(const observed_allocation&) = delete;
    ~observed_allocation();

    /// How many calls there were.
    std::size_t count() const noexcept;
};

/// How many blocks that operator new gave out, on all threads, are not given back; for what the
/// census does not know. Always 0 where no allocation can be made to fail.
std::ptrdiff_t count_live_blocks() noexcept;

}  // namespace edo::testing
