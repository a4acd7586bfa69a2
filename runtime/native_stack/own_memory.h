#pragma once

#include <cstddef>
#include <cstdint>

namespace edo::detail {

/// An address as a number: of code, of a stack, of anything that may not be there any more.
using address = std::uintptr_t;

/// Copies memory of this process that other threads may be writing, unmapping or have never mapped:
/// the kernel copies it, so that nothing faults and no sanitizer sees a race.
/// Returns: false when not all of it can be read, or the system refuses.
bool read_memory(address from, void* to, std::size_t size) noexcept;

/// The same for one object.
template <class T>
bool read_object(address from, T& to) noexcept {
    return read_memory(from, &to, sizeof to);
}

}  // namespace edo::detail
