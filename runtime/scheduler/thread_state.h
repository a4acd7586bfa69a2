#pragma once

#include <string>

#include <edo/base/clock.h>

namespace edo::detail {

// What the kernel tells of a thread of this process without disturbing it: a signal to ask it
// itself would end its system call early.

/// The name of the system call in which the thread is, or its number; empty when it is in none, or
/// nobody can say. Throws std::bad_alloc.
std::string system_call_of(int thread_id);

/// How long the thread has been ready to run, so far, while others had the processors; zero when
/// nobody can say.
duration waited_for_processor(int thread_id) noexcept;

}  // namespace edo::detail
