#include <edo/runtime/scheduler/core.h>

#include <string_view>
#include <utility>

#include <edo/base/check.h>
#include <edo/task/context.h>
#include <edo/task/state/header.h>

namespace edo::detail {
namespace {

std::string text_of(std::source_location site) {
    return std::string(site.file_name()) + ':' + std::to_string(site.line());
}

}  // namespace

core::core(runtime_config config)
    : config_(std::move(config)),
      title_("runtime '" + config_.name + "' (built at " + text_of(config_.built_at) + ')'),
      pool_(*blocking_pool::create({config_.max_blocking_threads, config_.blocking_queue,
                                    config_.blocking_keep_alive, config_.stack_bytes,
                                    config_.thread_name + "-b"})) {}

core::~core() {
    pool_.release_ref();
}

shutdown_report core::end(const char* what, duration limit) {
    if (ended_) return {};
    check_may_block(what, config_.built_at);
    ended_ = true;
    return shutdown(limit);
}

void core::cancel_all_tasks() noexcept {
    if (tasks.close()) release_ref();  // no cell is left to do it
    tasks.for_each(
        [](void*, task_header& task) {
            // The children of a group end with it, in the order it has chosen.
            if (task.group == nullptr) task.cancel();
        },
        nullptr);
}

void core::cancel_children_too() noexcept {
    tasks.for_each([](void*, task_header& task) { task.cancel(); }, nullptr);
}

void core::check_may_block(const char* what, std::source_location site) const noexcept {
    std::string message;
    if (pool_.is_own_thread()) {
        if (std::string_view(what) == "block_on") return;  // a blocking call may wait for tasks
        message =
            std::string(what) + " of " + title_ +
            " was called in a blocking call of this runtime, which it would wait for; do it on "
            "another thread";
        fail(message.c_str(), site);
    }
    const execution* const exec = current_execution();
    if (exec == nullptr) return;
    message = std::string(what) + " of " + title_ + " was called inside ";
    if (exec->task != nullptr) {
        message += "the task spawned at " + text_of(exec->task->spawn_site()) + " of ";
    }
    message += exec->scheduler->name();
    message +=
        ": a worker that waits runs no tasks. In a task, co_await what you wait for; or make the "
        "blocking "
        "call with edo::spawn_blocking or edo::block_in_place";
    fail(message.c_str(), site);
}

core& core_of(const execution& exec, const char* what, std::source_location site) noexcept {
    auto* const found = dynamic_cast<core*>(exec.scheduler);
    if (found != nullptr) return *found;
    const std::string message =
        std::string(what) + " needs an Edo runtime; it was called in " + exec.scheduler->name();
    fail(message.c_str(), site);
}

}  // namespace edo::detail
