#pragma once
// The threads of the library: workers and the blocking pool's. A thread belongs to an owner who
// joins it, or says that it cannot.

#include <cstddef>
#include <pthread.h>
#include <system_error>

#if defined(EDO_MODEL)
#include <edo_check/thread.h>
#endif

namespace edo::detail {

struct thread_options {
    const char* name = "edo";     ///< cut to 15 characters, a limit of Linux
    std::size_t stack_bytes = 0;  ///< 0: the system's default
    int cpu = -1;                 ///< pinned to this core; negative: not pinned
};

#if defined(EDO_MODEL)
using edo_check::this_thread_mark;
using edo_check::thread;
#else
/// Something whose address differs between threads.
inline const void* this_thread_mark() noexcept {
    thread_local const char mark = 0;
    return &mark;
}

/// Owns a thread of the operating system.
/// Thread-safe: no.
class thread {
public:
    thread() noexcept = default;
    thread(const thread&) = delete;
    thread& operator=(const thread&) = delete;
    /// Requires: joined, detached or never started.
    ~thread();

    /// Runs body(argument) on a new thread.
    /// Errors: what pthread_create reports: too many threads, no memory for the stack, or a stack
    ///         size that the system refuses. Nothing runs then.
    std::error_code start(const thread_options& options,
                          void (*body)(void* argument) noexcept,
                          void* argument) noexcept;

    bool is_joinable() const noexcept { return joinable_; }

    /// Waits for the end of the thread. Requires: it was started, and is not the calling thread.
    void join() noexcept;
    /// Leaves a thread to itself that will perhaps never end.
    void detach() noexcept;

private:
    pthread_t handle_{};
    bool joinable_ = false;
};
#endif

}  // namespace edo::detail
