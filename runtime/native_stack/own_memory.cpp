#include <edo/runtime/native_stack/own_memory.h>

#include <bit>

#include <edo/base/seam/sys.h>

namespace edo::detail {

bool read_memory(address from, void* to, std::size_t size) noexcept {
    return sys::read_process_memory(sys::getpid(), std::bit_cast<const void*>(from), to, size) ==
           static_cast<ssize_t>(size);
}

}  // namespace edo::detail
