#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>

#include <edo/base/clock.h>
#include <edo/base/seam/tuning.h>
#include <edo/io/reactor_kind.h>
#include <edo/runtime/blocked_worker.h>
#include <edo/runtime/worker_hooks.h>
#include <edo/task/hooks.h>

namespace edo::detail {

/// What a builder was told; its setters document each field.
struct runtime_config {
    static constexpr unsigned not_set = ~0U;

    std::source_location built_at;
    std::string name = "edo";
    std::string thread_name = "edo-worker";
    unsigned workers = not_set;
    reactor_kind reactor = reactor_kind::automatic;
    bool reactor_is_set = false;
    std::size_t stack_bytes = 0;
    bool pin_workers = false;
    bool per_core = false;
    unsigned event_interval = tuning::event_interval;
    duration busy_poll{-1};  // adaptive
    std::uint64_t seed = 0;  // 0: from the clock
    bool paused = false;     // virtual time; current-thread runtimes only
    unsigned max_blocking_threads = 64;
    std::size_t blocking_queue = tuning::blocking_queue_capacity;
    duration blocked_after = tuning::blocked_after;
    duration report_blocked_after = tuning::report_blocked_after;
    blocked_stack report_stack = blocked_stack::waiting;
    duration blocking_keep_alive = tuning::blocking_keep_alive;
    edo::task_hooks task_hooks;
    bool has_task_hooks = false;
    edo::worker_hooks worker_hooks;
};

}  // namespace edo::detail
