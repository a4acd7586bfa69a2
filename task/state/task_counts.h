#pragma once

#include <edo/base/seam/counter.h>

namespace edo::detail {

/// What a thread that runs tasks counts of them, for metrics.
struct task_counts {
    counter forced_yields;  ///< polls that ended because the budget was used up
    counter ended;          ///< tasks that have ended here, in any way
    counter cancelled;      ///< of them: dropped
    counter thrown;         ///< of them: by an exception
};

}  // namespace edo::detail
