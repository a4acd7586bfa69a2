#pragma once

#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include <edo/runtime/dump.h>

namespace edo {

/// A blocking call that has not returned.
class unfinished_call {
public:
    unfinished_call(std::source_location site, std::string pool_name) noexcept
        : called_at(site), pool(std::move(pool_name)) {}

    std::source_location called_at;  ///< where it was made: spawn_blocking(), blocking_pool::spawn
    std::string pool;                ///< the name of the pool whose thread makes it
};

/// Who did not stop in time; see runtime::shutdown().
class shutdown_report {
public:
    shutdown_report() noexcept {}

    /// True when everything has ended: tasks, workers and blocking calls.
    bool is_clean() const noexcept {
        return tasks.empty() && blocking_calls.empty() && stuck_workers == 0;
    }

    explicit operator bool() const noexcept { return is_clean(); }

    std::vector<task_dump> tasks;                 ///< not destroyed yet, and where each is
    std::vector<unfinished_call> blocking_calls;  ///< that still run
    unsigned stuck_workers = 0;                   ///< workers inside a poll that does not return

    /// One paragraph for a log; "everything stopped" when it is clean.
    std::string to_string() const;
};

}  // namespace edo
