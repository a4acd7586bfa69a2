#include <edo/runtime/scheduler/batch_tasks.h>

#include <edo/runtime/scheduler/multi_thread.h>

namespace edo::detail {

batch_tasks::batch_tasks(multi_thread& shared) noexcept : side_scheduler(shared), shared_(shared) {}

void batch_tasks::schedule(task_header& task) noexcept {
    shared_.add_ref();  // the task may end at once, and the runtime with it
    if (queue_.push(task)) shared_.notify_one();
    shared_.release_ref();
}

}  // namespace edo::detail
