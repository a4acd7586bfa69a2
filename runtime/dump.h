#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace edo {

/// What one task was doing when it was looked at.
class task_dump {
public:
    /// One place at which a coroutine of the task waits.
    class wait_point {
    public:
        wait_point(std::source_location where, unsigned nesting) noexcept
            : at(where), depth(nesting) {}

        std::source_location at;  ///< the co_await
        std::string what;         ///< what it waits for there: "sleep", "task", "select", ...
        unsigned depth;           ///< how many selects and joins it is inside
    };
    enum class state_kind { waiting, queued, running, ended };

    task_dump() noexcept {}

    std::uint64_t id = 0;
    std::string name;  ///< as given by edo::named(); empty: none
    state_kind state = state_kind::waiting;
    bool is_cancelled = false;
    bool is_detached = false;  ///< owned by the runtime alone: by no handle and no group
    std::source_location spawned_at;
    /// From the outermost coroutine to the innermost. Of a queued or running task only the place
    /// where it last waited is known.
    std::vector<wait_point> waits;

    /// A few lines of text, indented, the last one ended.
    std::string to_string() const;
};

/// All live tasks of a runtime, one after the other: none is stopped for longer than it takes to
/// look at it, so the pictures are not of one instant.
class runtime_dump {
public:
    runtime_dump() noexcept {}

    std::string runtime_name;
    std::vector<task_dump> tasks;

    std::string to_string() const;
};

}  // namespace edo
