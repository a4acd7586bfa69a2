#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <edo/base/intrusive_list.h>

namespace edo::detail {

/// Blocks of one size, carved out of one piece of memory, which lies at a multiple of its size: so
/// a block finds its slab. Which blocks are free stands in the head, one bit each, and not in the
/// blocks: memory that nobody uses yet, or any more, is not touched, so a burst of tasks does not
/// wait for one block's cache line after the other. Everything in the head is protected by the lock
/// of the size class's depot.
class slab : public list_node {
public:
    static constexpr std::size_t bytes = std::size_t{32} * 1024;
    static constexpr std::size_t alignment = 64;  ///< of blocks whose size is a multiple of it

    explicit slab(std::size_t block_bytes) noexcept
        : block_bytes_(static_cast<std::uint32_t>(block_bytes)),
          inverse_(static_cast<std::uint32_t>((std::uint64_t{1} << 32) / block_bytes + 1)),
          head_bytes_(static_cast<std::uint16_t>(head_bytes(block_bytes))),
          capacity_(static_cast<std::uint16_t>((bytes - head_bytes_) / block_bytes)),
          free_(capacity_) {
        for (std::uint32_t i = 0; i < words(capacity_); ++i) {
            const std::uint32_t left = capacity_ - i * word_bits;
            map()[i] = left >= word_bits ? ~word{0} : (word{1} << left) - 1;
        }
    }

    /// How far `address` lies above the last place where a slab can begin.
    static std::uintptr_t above_multiple(const void* address) noexcept {
        return reinterpret_cast<std::uintptr_t>(address) & (bytes - 1);
    }

    static slab& of(void* block) noexcept {
        return *reinterpret_cast<slab*>(reinterpret_cast<std::uintptr_t>(block) & ~(bytes - 1));
    }

    bool is_full() const noexcept { return free_ == 0; }

    bool is_unused() const noexcept { return free_ == capacity_; }

    /// Takes up to `most` blocks. Returns: how many; those at the lowest addresses come last.
    unsigned take(void** to, unsigned most) noexcept {
        const unsigned taken = most < free_ ? most : free_;
        unsigned left = taken;
        for (std::uint32_t i = 0; left > 0; ++i) {
            word& bits = map()[i];
            for (; bits != 0 && left > 0; bits &= bits - 1) {
                const std::uint32_t index =
                    i * word_bits + static_cast<std::uint32_t>(std::countr_zero(bits));
                to[--left] = address(head_bytes_ + index * block_bytes_);
            }
        }
        free_ -= taken;
        return taken;
    }

    void give(void* block) noexcept {
        const auto offset = static_cast<std::uint32_t>(above_multiple(block)) - head_bytes_;
        const auto index = static_cast<std::uint32_t>(std::uint64_t{offset} * inverse_ >> 32);
        map()[index / word_bits] |= word{1} << index % word_bits;
        ++free_;
    }

private:
    using word = std::uint64_t;
    static constexpr std::uint32_t word_bits = 64;

    static constexpr std::uint32_t words(std::size_t blocks) noexcept {
        return static_cast<std::uint32_t>((blocks + word_bits - 1) / word_bits);
    }

    // The map takes room from the blocks; for at most as many as there would be without it.
    static constexpr std::size_t head_bytes(std::size_t block_bytes) noexcept {
        const std::size_t used = sizeof(slab) + words(bytes / block_bytes) * sizeof(word);
        return (used + alignment - 1) / alignment * alignment;
    }

    void* address(std::size_t offset) noexcept {
        return reinterpret_cast<std::byte*>(this) + offset;
    }

    word* map() noexcept { return reinterpret_cast<word*>(this + 1); }

    std::uint32_t block_bytes_;
    // 2^32 / block_bytes_, rounded up: exact for multiples of it below `bytes`. A division takes as
    // long as all else that is done with a block.
    std::uint32_t inverse_;
    std::uint16_t head_bytes_;
    std::uint16_t capacity_;
    std::uint32_t free_;
};

}  // namespace edo::detail
