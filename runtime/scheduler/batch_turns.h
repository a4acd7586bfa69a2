#pragma once

#include <edo/base/clock.h>
#include <edo/base/seam/tuning.h>

namespace edo::detail {

/// When a thread that runs tasks has to run a batch task though others are ready: so that they have
/// one part of its time of tuning::batch_share at least. Belongs to that thread.
class batch_turns {
public:
    bool is_due(instant now) const noexcept { return now >= next_; }

    void note_turn(instant began, instant ended) noexcept {
        next_ = ended + (ended - began) * (tuning::batch_share - 1);
    }

private:
    instant next_ = instant::min();
};

}  // namespace edo::detail
