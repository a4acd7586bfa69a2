#pragma once

namespace edo {

/// Called in the life of the threads that run tasks; see runtime_builder::worker_hooks(). Each may
/// be null. Workers are numbered from 0; spares follow those that were asked for.
class worker_hooks {
public:
    worker_hooks() noexcept {}

    /// A worker's thread has begun, on it. Not called in a current-thread runtime.
    void (*started)(void* data, unsigned worker) noexcept = nullptr;
    /// The worker has nothing to do and is about to sleep. It may use edo::spawn() and wake tasks:
    /// then the worker does not sleep.
    void (*before_park)(void* data, unsigned worker) noexcept = nullptr;
    /// It has woken.
    void (*after_park)(void* data, unsigned worker) noexcept = nullptr;
    /// A worker's thread is about to end, on it. Not called in a current-thread runtime.
    void (*ended)(void* data, unsigned worker) noexcept = nullptr;
    /// Handed to each of them.
    void* data = nullptr;
};

namespace detail {

inline void call_hook(void (*hook)(void*, unsigned) noexcept,
                      const worker_hooks& of,
                      unsigned worker) noexcept {
    if (hook != nullptr) hook(of.data, worker);
}

}  // namespace detail
}  // namespace edo
