#pragma once

#include <array>
#include <optional>

#include <edo/runtime/native_stack/machine.h>
#include <edo/runtime/native_stack/modules.h>

namespace edo::detail {

/// How to get at one value of the caller. `cfa`, the canonical frame address, is what the caller's
/// stack pointer was at the call.
class frame_rule {
public:
    enum class kind : unsigned char {
        same,        ///< the register has not been changed
        unknown,     ///< lost, or told in a way that is not understood
        at_cfa,      ///< in memory at cfa + offset
        is_cfa,      ///< cfa + offset itself
        based,       ///< register + offset
        deref_based  ///< in memory at register + offset
    };

    kind how = kind::same;
    unsigned base = 0;
    std::int64_t offset = 0;
};

/// What .eh_frame says of one instruction of one function.
class frame_rules {
public:
    address function = 0;  ///< its first instruction
    address end = 0;       ///< behind its last one
    bool is_outermost = false;
    bool is_signal = false;  ///< the frame that the kernel makes to run a handler
    frame_rule cfa{frame_rule::kind::unknown};
    std::array<frame_rule, machine::registers> of;
};

/// Finds them for code in `in`. Understands what compilers write for functions, and of DWARF's
/// expressions the two forms that they need for a stack with a stricter alignment; others make a
/// rule unknown.
/// Returns: empty when there are none for this address.
/// Source: Linux Standard Base 5.0, 10.5 and 10.6; DWARF 5, 6.4.
std::optional<frame_rules> find_frame_rules(own_memory& memory,
                                            const module& in,
                                            address where) noexcept;

}  // namespace edo::detail
