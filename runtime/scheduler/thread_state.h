#pragma once

#include <cstdint>
#include <string>

#include <edo/base/clock.h>

namespace edo::detail {

// What the kernel tells of a thread of this process without disturbing it: a signal to ask it
// itself would end its system call early.

/// Where a thread is that waits in the kernel, as far as it can be known from outside.
class kernel_wait {
public:
    bool is_waiting = false;  ///< false while it computes, or when nobody can say; then all is 0
    bool is_ready = false;    ///< it computes, or would if it had a processor
    long call = -1;           ///< number of the system call; negative: in none, but in a page fault
    std::uintptr_t arguments[6]{};
    std::uintptr_t stack_pointer = 0, program_counter = 0;

    /// The name of the system call, or its number; empty when the thread is in none. Throws
    /// std::bad_alloc.
    std::string system_call() const;

    /// True of two looks between which it has not moved, or has come back to the same call.
    friend bool operator==(const kernel_wait&, const kernel_wait&) = default;
};

kernel_wait kernel_wait_of(int thread_id) noexcept;

/// What a thread has had of the processors so far. All is 0 when nobody can say.
class processor_time {
public:
    bool is_known = false;
    duration ran{};     ///< up to its last turn, and of one that goes on up to some ms ago
    duration waited{};  ///< ready to run while others had the processors; up to its last turn
};

processor_time processor_time_of(int thread_id) noexcept;

}  // namespace edo::detail
