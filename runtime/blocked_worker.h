#pragma once

#include <cstdint>
#include <source_location>
#include <string>

#include <edo/base/clock.h>

namespace edo {

/// Whether a report shows the calls that the blocked thread is in.
enum class blocked_stack : unsigned char {
    none,     ///< no
    waiting,  ///< if it waits in the kernel; it does not notice that it is looked at
    always,   ///< also if it computes: it is stopped for a moment; see runtime_builder
};

/// A worker that does not come back from a poll: something in its task blocks the thread, or
/// computes for long. Everything else goes on meanwhile, at the price of a thread; see
/// runtime_builder::blocked_after().
class blocked_worker {
public:
    blocked_worker() noexcept {}

    std::string runtime;         ///< runtime_builder::name()
    unsigned worker = 0;         ///< number in its runtime; spares follow the wanted workers
    duration blocked_for{};      ///< so far, at least
    std::uint64_t task_id = 0;   ///< whose poll it is
    std::string task_name;       ///< as given by edo::named(), cut to 64 characters; empty: none
    bool is_task_known = false;  ///< false if it has ended in that moment; then its sites are empty
    std::source_location spawned_at;
    bool has_waited = false;         ///< false in a first poll
    std::source_location waited_at;  ///< where the task was last seen waiting
    std::string system_call;         ///< in which the thread is; empty: in none, or unknown

    /// The calls in which the thread is, the innermost first, down to the task's poll, of more than
    /// 16 the first and the last 8: "read+0x4c <- load+0x18 <- serve+0x34". Names are those of the
    /// symbol tables of the files, so not of a stripped program; what has no name appears as
    /// "module+0x1234". In all but the first the place is the last byte of the call instruction, as
    /// addr2line needs it. "perhaps" stands before a call that had to be guessed, which is as a
    /// rule right, and on which depends what comes after it: in code without optimization, or when
    /// functions have frames of variable size; on AArch64 also behind functions of libc like
    /// flock(), which keep their return address in a register. Empty: the thread computes (see
    /// runtime_builder::report_stack()) or has moved on, or the machine is neither an x86-64 nor an
    /// AArch64.
    std::string stack;

    /// One line without an end, for a log.
    std::string to_string() const;
};

/// Called when a worker has been in one poll for runtime_builder::report_blocked_after(): once for
/// each such poll, and at most once a second for each runtime. Called on a thread of the runtime
/// that serves the blocked workers meanwhile, so it must not throw or block.
using blocked_worker_hook = void (*)(const blocked_worker& seen) noexcept;

/// Replaces the hook of the process and returns the one that was set. The default writes a line to
/// the standard error output. Null restores the default.
/// Thread-safe: yes.
blocked_worker_hook set_blocked_worker_hook(blocked_worker_hook hook) noexcept;

namespace detail {
void report_blocked(const blocked_worker& seen) noexcept;
}
}  // namespace edo
