#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string_view>
#include <system_error>

#include <edo/base/clock.h>
#include <edo/base/result.h>
#include <edo/io/reactor_kind.h>
#include <edo/runtime/scheduler/config.h>

namespace edo {

class current_thread_runtime;
class runtime;

/// Why a runtime cannot be built. Reactors report their own errors, with cause and cure.
enum class build_errc {
    no_workers = 1,        ///< worker_threads(0)
    too_many_workers,      ///< worker_threads() above 4096
    no_blocking_threads,   ///< max_blocking_threads(0), or blocking_pool_options::max_threads(0)
    no_event_interval,     ///< event_interval(0)
    bad_workers_variable,  ///< EDO_WORKERS is set to something that is no number from 1 to 4096
    bad_reactor_variable,  ///< EDO_REACTOR is set to something that is no reactor
    bad_seed_variable,     ///< EDO_SEED is set to something that is no number
    no_thread,             ///< the system refuses a further thread
    bad_stack_size,        ///< the system refuses a thread stack of this size
    no_memory,
};

/// The category of `build_errc`, named "edo.build". Its messages say what is wrong and what to do.
const std::error_category& build_category() noexcept;

inline std::error_code make_error_code(build_errc code) noexcept {
    return {static_cast<int>(code), build_category()};
}

namespace detail {

/// The number in the environment variable EDO_SEED, 0 when it is not set, or bad_seed_variable.
result<std::uint64_t> seed_of_environment() noexcept;

}  // namespace detail

/// Says what a runtime is to be like, then builds it.
///
///     auto rt = edo::runtime::builder().worker_threads(4).build().value();
///
/// Each setter returns the builder. What is not set has the default its setter names.
/// Thread-safe: no.
class runtime_builder {
public:
    explicit runtime_builder(std::source_location site) : config_{} { config_.built_at = site; }

    /// Threads that run tasks. Default: the environment variable EDO_WORKERS, else the cores this
    /// process may use: its affinity mask, limited by the quota of its control group, at least one.
    runtime_builder& worker_threads(unsigned count) noexcept {
        config_.workers = count;
        return *this;
    }

    /// How to wait for descriptors. Default: the environment variable EDO_REACTOR (io_uring, epoll
    /// or automatic), else automatic.
    runtime_builder& reactor(reactor_kind kind) noexcept {
        config_.reactor = kind;
        config_.reactor_is_set = true;
        return *this;
    }

    /// Most threads for blocking calls; they are started on demand. Default: 64.
    runtime_builder& max_blocking_threads(unsigned count) noexcept {
        config_.max_blocking_threads = count;
        return *this;
    }

    /// Most blocking calls that may wait for a thread before try_spawn_blocking() refuses. Default:
    /// 1024.
    runtime_builder& blocking_queue(std::size_t capacity) noexcept {
        config_.blocking_queue = capacity;
        return *this;
    }

    /// How long a thread for blocking calls stays without work. Default: 10 s.
    runtime_builder& blocking_keep_alive(duration span) noexcept {
        config_.blocking_keep_alive = span;
        return *this;
    }

    /// What the threads are called in tools; cut to 15 characters. Default: "edo-worker".
    runtime_builder& thread_name(std::string_view name) {
        config_.thread_name = name;
        return *this;
    }

    /// Stack of each thread. Default: the system's (8 MiB mostly).
    runtime_builder& thread_stack_size(std::size_t bytes) noexcept {
        config_.stack_bytes = bytes;
        return *this;
    }

    /// Ties worker n to the n-th of the usable cores. Default: no.
    runtime_builder& pin_workers(bool pinned) noexcept {
        config_.pin_workers = pinned;
        return *this;
    }

    /// Every task stays on one worker, as if it was spawned by spawn_local(): there is no stealing,
    /// and what tasks of one worker share needs no locks. What a task spawns is on its own worker;
    /// what comes from outside goes to one after the other, or where spawn_options::worker() says.
    /// A server has a listener on each worker, with tcp_listener::options::reuse_port(), and the
    /// kernel spreads the connections; goes well with pin_workers(). The price: a worker that has
    /// much to do gets no help, and while a task blocks its worker, or is in block_in_place(), all
    /// tasks of that worker wait. Default: no.
    runtime_builder& per_core(bool on) noexcept {
        config_.per_core = on;
        return *this;
    }

    /// How messages and dumps call the runtime. Default: "edo".
    runtime_builder& name(std::string_view name) {
        config_.name = name;
        return *this;
    }

    /// Seeds every choice of the scheduler: whom to steal from, which branch of a select goes
    /// first. On one worker, as on a current-thread runtime, tasks that do the same make the same
    /// choices with the same seed; with more workers it depends on chance which of them polls a
    /// task. Default: the environment variable EDO_SEED, else the clock.
    runtime_builder& seed(std::uint64_t value) noexcept {
        config_.seed = value;
        return *this;
    }

    /// How long a worker without work looks for some before it sleeps. Default: a moment, and only
    /// while work has come in quick succession. Zero: never. Spinning trades processor time for
    /// latency.
    runtime_builder& busy_poll(duration span) noexcept {
        config_.busy_poll = span < duration::zero() ? duration::zero() : span;
        return *this;
    }

    /// How long one poll of a task may take before its worker counts as blocked: by a call that
    /// waits, or by a computation. From then on, until it comes back, everything else goes on
    /// without it: a spare worker takes its place (of those there are at most as many as
    /// max_blocking_threads()), its queued tasks go to the others, and a monitor thread serves its
    /// timers and sockets. It is found out after one to two such spans. Default: 10 ms. Zero:
    /// never; then what is bound to a blocked worker waits for it.
    ///
    /// This is also the grace of the task that a worker has woken last, which is to run next there:
    /// other workers leave it alone, however idle they are, and only the monitor takes it from a
    /// worker that is blocked. With zero it waits until its worker comes back.
    /// Cost: while some worker is awake the monitor has a look at all of them in each span; it
    ///       sleeps while all of them do.
    runtime_builder& blocked_after(duration span) noexcept {
        config_.blocked_after = span < duration::zero() ? duration::zero() : span;
        return *this;
    }

    /// How long one poll may take before it is reported: see set_blocked_worker_hook(). Time in
    /// which others had the processors does not count; of a poll that computes neither does what it
    /// has used before it was found out. Default: 100 ms. Zero: never. Needs blocked_after(), and
    /// is found out as late.
    runtime_builder& report_blocked_after(duration span) noexcept {
        config_.report_blocked_after = span < duration::zero() ? duration::zero() : span;
        return *this;
    }

    /// Whether a report shows the stack of the blocked thread: blocked_worker::stack. Default:
    /// blocked_stack::waiting. With blocked_stack::always a thread that computes is stopped by the
    /// signal SIGURG for about a millisecond. Not by default, because the handler of a signal
    /// belongs to the program: the runtime sets it for that moment, and does without the stack if
    /// the program has set one; and a thread that has just begun a call like poll() sees that end
    /// with EINTR.
    /// Cost: with each report, on the monitor's thread, some milliseconds: the symbol tables of the
    ///       modules in which the calls are get read from their files.
    runtime_builder& report_stack(blocked_stack which) noexcept {
        config_.report_stack = which;
        return *this;
    }

    /// Polls of tasks between two looks at sockets, timers and what other threads have queued;
    /// fewer when so many would take longer than 200 us. Polls of new tasks inside of the poll that
    /// joins them may be more, until 50 us after the last look. Default: 61.
    runtime_builder& event_interval(unsigned polls) noexcept {
        config_.event_interval = polls;
        return *this;
    }

    /// What is called in the life of every task. Default: nothing.
    /// Cost: a call at each of the places that have a hook, and a branch or two at the others.
    runtime_builder& task_hooks(const edo::task_hooks& hooks) noexcept {
        config_.task_hooks = hooks;
        config_.has_task_hooks = true;
        return *this;
    }

    /// What is called in the life of every worker. Default: nothing.
    runtime_builder& worker_hooks(const edo::worker_hooks& hooks) noexcept {
        config_.worker_hooks = hooks;
        return *this;
    }

    /// Starts a runtime with worker threads.
    /// Errors: build_errc, or what the wanted reactor reports; nothing is left running.
    result<runtime> build();
    /// Makes a runtime that runs on the calling thread, which is the only one that may block on it.
    /// Errors: as build().
    result<current_thread_runtime> build_current_thread();

    // For the library.
    detail::runtime_config& config() noexcept { return config_; }

private:
    std::error_code complete() noexcept;

    detail::runtime_config config_;
};

}  // namespace edo

template <>
struct std::is_error_code_enum<edo::build_errc> : std::true_type {};
