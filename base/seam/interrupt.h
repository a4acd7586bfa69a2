#pragma once
// Has a look at the registers of another thread of the process while that computes.

#include <sys/ucontext.h>

#include <edo/base/clock.h>

namespace edo::detail {

/// Sees registers of a thread that stands still meanwhile, perhaps with locks held: it may take no
/// memory and no lock.
using interrupted_look = void (*)(void* argument, const ucontext_t& registers) noexcept;

/// Stops a thread by a signal, calls `look`, and lets the thread go on. Meant for one that is in no
/// system call: most of those would be restarted, but not those that wait for a time, like poll.
///
/// The signal is SIGURG, because by default it is ignored: one too many does no harm. Its handler
/// is set for that moment only. If the program has one of its own it is not touched, and nothing is
/// done.
/// Returns: false when the thread was not stopped: within `limit` it did not run, or it keeps the
///          signal back. Always false under the thread sanitizer, which delays signals.
/// Thread-safe: yes; one after the other.
bool interrupt(int thread_id, duration limit, interrupted_look look, void* argument) noexcept;

}  // namespace edo::detail
