#pragma once

#include <optional>

#include <edo/runtime/native_stack/own_memory.h>

namespace edo::detail::machine {

// What of the processor's calling convention the walk along a stack has to know. Registers have the
// numbers of DWARF.

#if defined(__x86_64__)
inline constexpr bool is_known = true;
inline constexpr unsigned registers = 17;
inline constexpr unsigned stack_pointer = 7;
inline constexpr unsigned return_address = 16;
/// Registers that a call leaves as they are: rbx, rbp and r12 to r15.
inline constexpr std::uint64_t preserved = 0xF048;
/// Where instructions can begin.
inline constexpr unsigned alignment = 1;
#elif defined(__aarch64__)
inline constexpr bool is_known = true;
inline constexpr unsigned registers = 32;
inline constexpr unsigned stack_pointer = 31;
inline constexpr unsigned return_address = 30;
/// x19 to x29.
inline constexpr std::uint64_t preserved = 0x3FF80000;
inline constexpr unsigned alignment = 4;
#else
inline constexpr bool is_known = false;
inline constexpr unsigned registers = 1;
inline constexpr unsigned stack_pointer = 0;
inline constexpr unsigned return_address = 0;
inline constexpr std::uint64_t preserved = 0;
inline constexpr unsigned alignment = 1;
#endif

/// A call instruction.
class call {
public:
    address target = 0;  ///< 0: taken from a register or from memory
};

/// Returns: the call that returns to `where`; empty when no call instruction ends there.
std::optional<call> call_before(own_memory& memory, address where) noexcept;

/// Returns: where a call of `target` gets to: there, or what a table of the dynamic linker says.
address behind_linkage(own_memory& memory, address target) noexcept;

/// Returns: true when a call of `target` gets to `function`: at once, through a table of the
/// dynamic linker, or because what is called jumps there from somewhere near its begin, as
/// functions do that end with a call, and those of which the compiler has split off a part.
bool leads_to(own_memory& memory, address target, address function) noexcept;

/// A return address without what some processors sign it with.
address plain(address signed_address) noexcept;

}  // namespace edo::detail::machine
