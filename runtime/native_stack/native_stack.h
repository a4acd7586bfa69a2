#pragma once

#include <array>
#include <cstddef>
#include <string>

#include <edo/runtime/native_stack/walk.h>

namespace edo::detail {

/// The calls that a thread is in, from a look at it to a line of a report.
class native_stack {
public:
    /// Throws std::bad_alloc.
    native_stack() = default;

    /// Looks at a thread that waits in the kernel: of it no more is known than these registers.
    void look(address program_counter, address stack_pointer) noexcept;

    /// Interrupts a thread that computes, and looks at it; see base/seam/interrupt.h.
    /// Returns: false when it could not be stopped.
    bool interrupt_and_look(int thread_id) noexcept;

    /// "read+0x14 <- load+0x31 <- perhaps serve+0x7a", the innermost first, without the scheduler's
    /// own frames, on which each poll stands. What has no name is "module+0x1234", as addr2line
    /// takes it. Of a deep recursion both ends are shown: "visit+0x1f <- (90 more) <- load+0x31".
    /// Throws std::bad_alloc.
    std::string text() const;

private:
    static constexpr std::size_t most_frames = 128;

    modules mapped_;
    own_memory memory_;
    std::array<native_frame, most_frames> frames_;
    std::size_t count_ = 0;
};

}  // namespace edo::detail
