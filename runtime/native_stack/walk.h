#pragma once

#include <cstddef>
#include <span>

#include <edo/runtime/native_stack/modules.h>
#include <edo/runtime/native_stack/registers.h>

namespace edo::detail {

/// One function on a stack.
class native_frame {
public:
    /// What the thread is at; in all but the innermost, the last byte of the call that it is in.
    address at = 0;
    bool is_guess = false;  ///< see walk_stack()
};

/// Finds the functions that a thread is in, the innermost first, as many as there is room for. `pc`
/// is the instruction that it would go on with. The thread need not stand still, but then nonsense
/// may come out; it is read through `memory`, so nothing worse can happen. Takes no memory and no
/// lock, which the thread might hold.
/// Returns: how many. Fewer when that takes more effort than own_memory grants.
///
/// Of a thread that waits in the kernel only two registers are known: the stack pointer and `pc`.
/// That is enough wherever .eh_frame says how large a function's frame is. Where it only says that
/// the frame lies at some distance from a register that is not known (-O0, alloca), the next caller
/// is guessed: the first word above the stack pointer that returns behind a call of this very
/// function, else behind one that takes its target from memory, and from where .eh_frame takes a
/// step further. The register is then known from the stack, and the walk goes on with that.
/// On AArch64 a function that calls no other, such as most of libc's around a system call, leaves
/// its return address in a register: its caller is then guessed from the next return address on the
/// stack, and is passed over where it was called by a pointer. A frame that was guessed is marked;
/// what lies outside of it is as good as the guess.
std::size_t walk_stack(own_memory& memory,
                       const modules& mapped,
                       address pc,
                       const register_set& registers,
                       std::span<native_frame> found) noexcept;

}  // namespace edo::detail
