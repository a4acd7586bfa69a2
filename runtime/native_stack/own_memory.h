#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace edo::detail {

/// An address as a number: of code, of a stack, of anything that may not be there any more.
using address = std::uintptr_t;

/// Copies memory of this process that other threads may be writing, unmapping or have never mapped:
/// the kernel copies it, so that nothing faults and no sanitizer sees a race.
/// Returns: false when not all of it can be read, or the system refuses.
bool read_memory(address from, void* to, std::size_t size) noexcept;

/// The same for one search in the memory, with two limits for what that costs. It asks the kernel
/// for whole blocks and keeps some of them, because who looks through code or tables wants one word
/// after the other; so what it says may be as old as the search. And it does not go on for ever:
/// whatever lies about in the memory, after `most_effort` nothing can be read any more.
///
/// Takes no memory and no lock. Thread-safe: no.
class own_memory {
public:
    /// Before each search: what was kept is forgotten, and the effort begins anew.
    void begin_search() noexcept;

    /// Returns: as read_memory().
    bool read(address from, void* to, std::size_t size) noexcept;

    template <class T>
    bool read_object(address from, T& to) noexcept {
        return read(from, &to, sizeof to);
    }

private:
    // A block lies in one page, of which all can be read or nothing.
    static constexpr std::size_t block_bytes = 512;
    static constexpr std::size_t blocks_kept = 64;
    // In looks at some kept bytes, which take 5 to 10 ns; so the most is 2 ms or little more.
    static constexpr unsigned effort_of_call = 64;
    static constexpr unsigned most_effort = 3'000 * effort_of_call;

    class block {
    public:
        static constexpr address none = ~address{0};

        address number = none;  ///< its address, in blocks
        std::array<unsigned char, block_bytes> bytes;
    };

    const block* find(address number) noexcept;

    unsigned effort_ = 0;
    std::array<block, blocks_kept> blocks_;  // each has one place where it can be
};

}  // namespace edo::detail
