#pragma once

#include <edo/base/seam/mutex.h>

namespace edo::detail {

class timer_wheel;

/// The lock of a timer wheel and of all entries that were armed on it.
///
/// It is apart from the wheel because it must stay a lock when the wheel is gone: an operation may
/// end on a thread of another runtime while the runtime of its wheel is torn down. Its memory is
/// never given back; a later wheel uses it again. So who still has its address may always lock it,
/// and finds under the lock whether the entry is armed.
struct alignas(64) wheel_gate {
    mutex lock;
    timer_wheel* wheel = nullptr;     ///< whose gate it is; protected by `lock`
    wheel_gate* next_free = nullptr;  ///< protected by the lock of the free list

    /// A gate that no wheel uses. Errors: throws std::bad_alloc.
    static wheel_gate& acquire();
    /// Keeps the gate for a later wheel. Requires: no armed entry refers to it.
    void retire() noexcept;
};

}  // namespace edo::detail
