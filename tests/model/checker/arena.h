#pragma once
// The memory that a scenario allocates, watched: use after free, double free, leaks and races.

#include "clock.h"
#include <cstddef>
#include <cstdint>
#include <string>

namespace edo_check {

/// A heap that never gives an address twice within a run and is empty at the start of each.
///
/// It also keeps, for each address, who last wrote it and who has read it since: every plain access
/// of the production code is checked (see plain.cpp), so a scenario needs no special types to find
/// that a hand-over lacks an ordering. An access is known by its first byte; accesses of different
/// sizes that overlap are not compared.
class arena {
public:
    arena();
    arena(const arena&) = delete;
    arena& operator=(const arena&) = delete;

    void start_run(std::uint32_t run) noexcept;

    /// What the last run has left belongs to static objects: later runs leave it alone.
    void keep_what_is_left() noexcept {
        if (live_ != 0) floor_ = used_;
    }

    void* allocate(std::size_t bytes, std::size_t alignment) noexcept;
    void release(void* block) noexcept;

    bool contains(const void* p) const noexcept {
        return static_cast<std::size_t>(static_cast<const char*>(p) - memory_) < capacity;
    }

    bool is_freed(const void* p) const noexcept;

    std::size_t live_blocks() const noexcept { return live_; }

    std::string describe_leaks() const;

    void plain_read(const void* p) noexcept;
    void plain_write(const void* p) noexcept;

private:
    struct shadow {
        std::uint32_t run;  ///< others than the present one: never touched
        std::uint16_t written;
        std::uint8_t writer;
        std::uint8_t readers;  ///< a bit for each thread whose entry in its clock in reads_ counts
    };

    /// Blocks are whole numbers of these.
    struct granule {
        std::uint32_t touched_in;  ///< the last run with a plain access to it
        std::uint32_t freed_in;    ///< the last run that freed it
        std::uint32_t touched;     ///< in that run: a bit for each byte with which one began
    };

    struct block {
        std::uint32_t offset;
        std::uint32_t bytes;
        std::uint8_t by;
        bool is_live;
    };

    static constexpr std::size_t granule_bytes = 16;
    std::size_t touch(const void* p, const char* if_freed) noexcept;
    void check_write(std::size_t index) noexcept;
    [[noreturn]] void report(const char* what, std::size_t index) noexcept;

    /// Where the shadow of a byte is: of neighbours that begin a word each, side by side, because
    /// most of what is written are words.
    static constexpr std::size_t index_of(std::size_t at) noexcept {
        return at % word_bytes * (capacity / word_bytes) + at / word_bytes;
    }

    static constexpr std::size_t offset_of(std::size_t index) noexcept {
        return index % (capacity / word_bytes) * word_bytes + index / (capacity / word_bytes);
    }

    static constexpr std::size_t capacity = 512 * 1024;
    static constexpr std::size_t word_bytes = 8;
    static constexpr unsigned most_blocks = 2048;
    char* memory_;
    shadow* shadows_;
    vector_clock* reads_;
    granule* granules_;
    std::size_t floor_ = 0;
    std::size_t used_ = 0;
    std::size_t live_ = 0;
    std::uint32_t run_ = 0;
    unsigned count_ = 0;
    block blocks_[most_blocks];
};

}  // namespace edo_check
