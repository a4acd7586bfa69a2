#include <edo/runtime/block_in_place.h>

#include <edo/runtime/scheduler/core.h>
#include <edo/task/context.h>

namespace edo::detail {

void run_in_place(blocking_job& job) noexcept {
    execution* const exec = current_execution();
    if (exec == nullptr || exec->task == nullptr) {
        job.run();
        return;
    }
    core_of(*exec, "edo::block_in_place", job.called_at).run_in_place(job);
}

}  // namespace edo::detail
