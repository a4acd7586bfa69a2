#include <edo/runtime/scheduler/core.h>

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/seam/sys.h>
#include <edo/runtime/blocking_pool.h>
#include <edo/runtime/builder.h>
#include <edo/task/context.h>
#include <edo/task/state/header.h>
#include <edo/task/state/wake_batch.h>

namespace edo::detail {
namespace {

std::string place_of(std::source_location site) {
    return std::string(site.file_name()) + ':' + std::to_string(site.line());
}

/// The blocking calls that the calling thread makes for tasks below on its stack, innermost first.
struct call_in_place {
    const core* of;
    call_in_place* outer;
};

constinit thread_local call_in_place* calls_of_this_thread = nullptr;

bool is_in_call_of(const core& at) noexcept {
    for (const call_in_place* call = calls_of_this_thread; call != nullptr; call = call->outer)
        if (call->of == &at) return true;
    return false;
}

}  // namespace

core::core(runtime_config config)
    : config_(std::move(config)),
      title_("runtime '" + config_.name + "' (built at " + place_of(config_.built_at) + ')'),
      pool_(*thread_pool::create({config_.max_blocking_threads, config_.blocking_queue,
                                  config_.blocking_keep_alive, config_.stack_bytes,
                                  config_.thread_name + "-b", "default"})),
      process_(sys::getpid()),
      forks_before_(fork_count()) {
    watch_forks();
    pools_.add(pool_);
    if (config_.has_task_hooks) tasks.hooks = &config_.task_hooks;
}

core::~core() {
    pool_.release_user();
}

thread_pool& core::add_pool(std::string_view name, const blocking_pool_options& options) {
    const std::string title(name);
    if (options.max_threads() == 0)
        throw std::system_error(make_error_code(build_errc::no_blocking_threads),
                                "blocking pool '" + title + '\'');
    thread_pool& made =
        *thread_pool::create({options.max_threads(), options.queue(), options.keep_alive(),
                              config_.stack_bytes, title, title});
    pools_.add(made);
    return made;
}

bool core::is_of_this_process() const noexcept {
    return process_ == sys::getpid();
}

void core::fail_in_fork(std::source_location site) const noexcept {
    const std::string message =
        title_ +
        " was used in a process that was forked from the one that built it: its threads are not "
        "here, and its sockets are the parent's. Build another runtime in the child, or call exec "
        "there";
    fail(message.c_str(), site);
}

void core::end(const char* what, duration limit) noexcept {
    if (ended_) return;
    if (what != nullptr) check_may_block(what, config_.built_at);
    ended_ = true;
    // Not before now: what is left of an instant at the beginning of time cannot be counted.
    const instant until =
        saturating_add(monotonic_clock::read(), std::max(limit, duration::zero()));
    shutdown(until);
    pools_.join(until);
}

shutdown_report core::report() {
    shutdown_report left;
    left.tasks = dump().tasks;
    left.blocking_calls = pools_.unfinished_calls();
    left.stuck_workers = stuck_workers();
    return left;
}

void core::run_here(blocking_job& job) noexcept {
    execution* const inside = current_execution();
    call_in_place call{this, calls_of_this_thread};
    calls_of_this_thread = &call;
    set_current_execution(nullptr);
    job.run();
    set_current_execution(inside);
    calls_of_this_thread = call.outer;
}

void core::count_common(runtime_metrics& picture, std::span<const execution* const> ran) {
    picture.runtime_name = config_.name;
    picture.pools = pools_.metrics();
    picture.tasks_cancelled = tasks.count_dropped_elsewhere();
    picture.tasks_ended = picture.tasks_cancelled;
    for (const execution* const each : ran) {
        picture.tasks_ended += each->counts.ended.get();
        picture.tasks_cancelled += each->counts.cancelled.get();
        picture.tasks_thrown += each->counts.thrown.get();
    }
    // The figures are read in no certain order; but what has ended was spawned.
    picture.tasks_spawned = std::max(tasks.count_inserted(), picture.tasks_ended);
    picture.tasks_alive = picture.tasks_spawned - picture.tasks_ended;
}

void core::refuse_tasks() noexcept {
    if (tasks.close()) release_ref();  // no cell is left to do it
}

// The tasks go into their queues afterwards: a worker that drops the first ones needs the lock of
// the list.
void core::cancel_all_tasks() noexcept {
    wake_batch asked;
    tasks.for_each([](void* to, task_header& task) { static_cast<wake_batch*>(to)->cancel(task); },
                   &asked);
}

void core::check_may_block(const char* what, std::source_location site) noexcept {
    std::string message;
    if (pools_.contains(thread_pool::of_this_thread()) || is_in_call_of(*this)) {
        const std::string_view name = what;
        if (name == "block_on" || name == "poll_for") return;  // it may wait for tasks
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
        message += "the task spawned at " + place_of(exec->task->spawn_site()) + " of ";
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
