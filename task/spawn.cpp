#include <edo/task/spawn.h>

#include <string>

namespace edo::detail {

void launch(task_header& cell, bool has_handle) noexcept {
    cell.init_state(has_handle);
    scheduler& owner = cell.owner();
    if (owner.tasks.insert(cell)) {
        if (owner.tasks.hooks != nullptr) [[unlikely]]
            cell.tell_spawned();
        owner.schedule(cell);
    } else {
        cell.end_unlisted();
    }
}

scheduler& scheduler_here(std::source_location site, const char* what) noexcept {
    if (execution* exec = current_execution(); exec != nullptr) return *exec->spawns_into;
    const std::string message =
        std::string(what) +
        " was called on a thread that runs no task of a runtime; call it from a task, or use "
        "runtime::spawn() from other threads";
    fail(message.c_str(), site);
}

}  // namespace edo::detail
