#pragma once

#include <span>
#include <string>

#include <edo/runtime/native_stack/modules.h>

namespace edo::detail {

/// An address in a module, and what is found out of it.
class located {
public:
    address at = 0;
    std::string symbol;  ///< as the linker knows it; empty: unknown
    address offset = 0;  ///< from the symbol
};

/// Finds the functions of those addresses that lie in `in`: in the symbol table of its file, which
/// also has functions that are not exported, or what is left of that in a stripped one. A file that
/// is no longer the one that was mapped says nothing.
/// Cost: reads the table once: 1 to 2 ms for 100,000 symbols, however many addresses there are.
/// Throws std::bad_alloc.
void find_symbols(const module& in, std::span<located> wanted);

/// The name of a function for people: demangled, without parameters, and not too long.
/// Throws std::bad_alloc.
std::string readable_name(const std::string& symbol);

}  // namespace edo::detail
