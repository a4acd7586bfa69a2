#include <edo/runtime/native_stack/own_memory.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include <edo/base/seam/sys.h>

namespace edo::detail {

bool read_memory(address from, void* to, std::size_t size) noexcept {
    return sys::read_process_memory(sys::getpid(), std::bit_cast<const void*>(from), to, size) ==
           static_cast<ssize_t>(size);
}

void own_memory::begin_search() noexcept {
    effort_ = 0;
    for (block& each : blocks_)
        each.number = block::none;
}

bool own_memory::read(address from, void* to, std::size_t size) noexcept {
    constexpr std::size_t looked_at_once = 64;
    effort_ += static_cast<unsigned>(1 + size / looked_at_once);
    auto* out = static_cast<unsigned char*>(to);
    while (size != 0) {
        const block* const in = find(from / block_bytes);
        if (in == nullptr) return false;
        const std::size_t before = from % block_bytes;
        const std::size_t count = std::min(size, block_bytes - before);
        std::memcpy(out, in->bytes.data() + before, count);
        from += count;
        out += count;
        size -= count;
    }
    return true;
}

const own_memory::block* own_memory::find(address number) noexcept {
    if (effort_ >= most_effort) return nullptr;
    block& kept = blocks_[number % blocks_.size()];
    if (kept.number == number) return &kept;
    effort_ += effort_of_call;
    kept.number = block::none;
    if (!read_memory(number * block_bytes, kept.bytes.data(), block_bytes)) return nullptr;
    kept.number = number;
    return &kept;
}

}  // namespace edo::detail
