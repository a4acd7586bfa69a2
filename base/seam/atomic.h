#pragma once
// The only file of the library that names std::atomic. A model-checking build replaces this
// header's aliases (EDO_MODEL) so that the production sources themselves are what the checker runs.

#if defined(EDO_MODEL)
#include <edo_check/atomic.h>

namespace edo::detail {
using edo_check::atomic;
using edo_check::compiler_fence;
using edo_check::spin_hint;
}  // namespace edo::detail
#else
#include <atomic>

namespace edo::detail {

template <class T>
using atomic = std::atomic<T>;

/// Tells the processor that the caller is in a short wait loop.
inline void spin_hint() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield" ::: "memory");
#endif
}

/// Keeps the compiler from moving accesses over this point; no instruction. For a protocol whose
/// other side makes every processor pass a barrier.
inline void compiler_fence() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace edo::detail
#endif

namespace edo::detail {

// Short names, so that each use can carry its reason on the same line.
inline constexpr std::memory_order relaxed = std::memory_order_relaxed;
inline constexpr std::memory_order acquire = std::memory_order_acquire;
inline constexpr std::memory_order release = std::memory_order_release;
inline constexpr std::memory_order acq_rel = std::memory_order_acq_rel;
inline constexpr std::memory_order seq_cst = std::memory_order_seq_cst;

}  // namespace edo::detail
