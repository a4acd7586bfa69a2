#pragma once

#include <cstdint>
#include <source_location>
#include <string_view>

namespace edo {

/// What a hook is told of a task. The name is valid during the call.
class task_info {
public:
    task_info(std::uint64_t number, std::string_view called, std::source_location site) noexcept
        : id(number), name(called), spawned_at(site) {}

    std::uint64_t id;       ///< unique in its runtime
    std::string_view name;  ///< as given by spawn_options::name(); empty: none
    std::source_location spawned_at;
};

/// How a task ended.
enum class task_end : std::uint8_t {
    value,      ///< with a value, or without one if it yields none
    error,      ///< with a result that holds an error
    exception,  ///< it threw
    cancelled,  ///< it was dropped
};

/// Called in the life of every task of a runtime; see runtime_builder::task_hooks(). Each may be
/// null. They run on the thread that spawns, polls or drops the task, so they must be quick and
/// must not block; they may use edo::spawn() and wake whom they like.
class task_hooks {
public:
    task_hooks() noexcept {}

    /// The task was spawned and is about to be queued. Not called for a task that is refused
    /// because the runtime or its group has ended. (Of a child that one task spawns into a group
    /// while another one destroys that group this may be told after its end.)
    void (*spawned)(void* data, const task_info& task) noexcept = nullptr;
    /// It is about to be polled, on this thread. Not called for the drop of a cancelled task.
    void (*before_poll)(void* data, const task_info& task) noexcept = nullptr;
    /// It was polled, and has not ended yet for those who wait for it.
    void (*after_poll)(void* data, const task_info& task) noexcept = nullptr;
    /// It has ended, its coroutines are gone; who joins it learns of it next. Exactly once for each
    /// task that was spawned.
    void (*ended)(void* data, const task_info& task, task_end how) noexcept = nullptr;
    /// Handed to each of them.
    void* data = nullptr;
};

}  // namespace edo
