#pragma once

#include <cstdint>

#include <edo/base/clock.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

/// Bounds the polls that a worker makes in the middle of others: by their number, by the stack that
/// they use, and by the time since it last looked at its driver.
///
/// Belongs to the worker's thread.
class nested_polls {
public:
    /// Whether a further one may begin. `look_is_due`: the worker's look at its driver, which it
    /// last had at `last_look`.
    bool may_begin(bool look_is_due, instant last_look) noexcept {
        const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        if (count_ == 0) outermost_frame_ = here;
        if (count_ == tuning::nested_polls || outermost_frame_ - here >= tuning::nested_stack_bytes)
            return false;
        if (!look_is_due) return true;
        // To come back for the look is dear: all whose polls these are in have to wait.
        if (unasked_ == 0) {
            if (monotonic_clock::read() - last_look >= tuning::nested_gap) return false;
            unasked_ = tuning::nested_polls_unasked;
        }
        --unasked_;
        return true;
    }

    /// The worker has looked at its driver: the clock is asked before the next look is put off.
    void note_look() noexcept { unasked_ = 0; }

    /// One of them, for a scope.
    class scope {
    public:
        explicit scope(nested_polls& all) noexcept : all_(all) { ++all_.count_; }

        scope(const scope&) = delete;
        scope& operator=(const scope&) = delete;

        ~scope() { --all_.count_; }

    private:
        nested_polls& all_;
    };

private:
    unsigned count_ = 0;
    unsigned unasked_ = 0;                // that may begin before the clock is asked again
    std::uintptr_t outermost_frame_ = 0;  // address of the frame in which the nesting began
};

}  // namespace edo::detail
