#pragma once

#include <algorithm>
#include <cstdint>

#include <edo/base/clock.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

/// How many polls a thread makes until it looks at its driver and at the inject queue again: as
/// many as the builder says if they are short, fewer (but two) if so many would take longer than
/// tuning::visit_gap. Judged by the polls since the last look, so no clock is read for it.
///
/// After Tokio's tuning of its global queue interval, which leaves the driver's interval alone.
class visit_plan {
public:
    /// At a look, or after a rest. `polls`: made since the start.
    unsigned next(instant now, std::uint64_t polls, unsigned most) noexcept {
        const duration taken = now - last_;
        const std::uint64_t made = polls - polls_before_;
        begin(now, polls);
        if (taken <= tuning::visit_gap) [[likely]]
            return most;
        const auto fit = made * static_cast<std::uint64_t>(tuning::visit_gap.count()) /
                         static_cast<std::uint64_t>(taken.count());
        return static_cast<unsigned>(std::clamp<std::uint64_t>(fit, std::min(2U, most), most));
    }

    /// Work begins after a rest, which counts for no poll.
    void begin(instant now, std::uint64_t polls) noexcept {
        last_ = now;
        polls_before_ = polls;
    }

private:
    instant last_{};
    std::uint64_t polls_before_ = 0;
};

}  // namespace edo::detail
