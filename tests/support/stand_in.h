#pragma once

namespace edo::testing {

/// An emulator of another processor (qemu's user mode) has not all calls, and hands through what
/// the kernel says of the emulator's own threads. Tries what tests need, puts something else in the
/// table of system calls where it is missing, and says so on the standard error. On a machine of
/// its own this changes nothing.
void replace_missing_calls();

/// True when the kernel's word on where a thread waits is replaced by the thread's own, which it
/// gives in a signal handler: calls that wait for a time, like poll, end early by that.
bool is_wait_seen_by_signal() noexcept;

/// What a shell needs before the name of this program to run it: nothing, or the emulator. Where a
/// program replaces itself by another one, execv() does the same.
const char* emulator_command() noexcept;

}  // namespace edo::testing
