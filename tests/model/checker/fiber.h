#pragma once
// The threads of a model are fibers of one real thread: what runs next is the checker's decision.

#include <cstddef>

namespace edo_check {

/// A stack of its own, and where it was left.
/// Switching costs some 10 ns; swapcontext() makes a system call each time, for 300.
class fiber {
public:
    fiber();
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;
    ~fiber();

    /// Prepares to call `entry` on the empty stack. What was on it is forgotten, not unwound: a run
    /// that failed is abandoned where it is.
    void prepare(void (*entry)()) noexcept;
    /// Leaves `from` here and goes on where `to` was left.
    static void change(fiber& from, fiber& to) noexcept;

private:
    static constexpr std::size_t stack_bytes = 256 * 1024;
    void* top_ = nullptr;  // of the saved registers
    void* memory_ = nullptr;
};

}  // namespace edo_check
