#pragma once
// What the seam's atomic is in a model: the same interface, every operation a step of the checker.

#include <atomic>
#include <bit>
#include <concepts>
#include <cstdint>
#include <source_location>
#include <type_traits>

namespace edo_check {

/// An atomic object without its type. Registered with the run that first uses it; objects that are
/// made before (globals) begin each run with the value that they were given there.
class atomic_word {
public:
    atomic_word(const atomic_word&) = delete;
    atomic_word& operator=(const atomic_word&) = delete;

protected:
    using place = std::source_location;
    enum class change { exchange, add, subtract, bit_or, bit_and, bit_xor };

    constexpr explicit atomic_word(std::uint64_t bits, unsigned bytes) noexcept
        : bits_(bits), bytes_(bytes) {
        if (!std::is_constant_evaluated()) construct();
    }

    constexpr ~atomic_word() {
        if (!std::is_constant_evaluated()) destroy();
    }

    std::uint64_t load_bits(std::memory_order order, const place& at) const noexcept;
    std::uint64_t newest_bits(const place& at) const noexcept;
    std::uint64_t glimpsed_bits() const noexcept;
    void store_bits(std::uint64_t bits, std::memory_order order, const place& at) noexcept;
    std::uint64_t change_bits(change how,
                              std::uint64_t operand,
                              std::memory_order order,
                              const place& at) noexcept;
    bool compare_exchange_bits(std::uint64_t& expected,
                               std::uint64_t desired,
                               bool is_weak,
                               std::memory_order success,
                               std::memory_order failure,
                               const place& at) noexcept;

private:
    friend class lock_access;
    void construct() noexcept;
    void destroy() noexcept;
    class location_ref;

    std::uint64_t bits_;
    unsigned bytes_;
    mutable std::uint32_t id_ = 0;
    mutable std::uint32_t run_ = 0;
};

template <class T>
class atomic : private atomic_word {
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);

public:
    using value_type = T;

    constexpr atomic() noexcept : atomic(T{}) {}

    constexpr atomic(T value) noexcept : atomic_word(to_bits(value), sizeof(T)) {}  // as std's

    T load(std::memory_order order, place at = place::current()) const noexcept {
        return from_bits(load_bits(order, at));
    }

    /// The newest value, whatever the thread may know: what the kernel sees.
    T load_newest(place at = place::current()) const noexcept { return from_bits(newest_bits(at)); }

    /// The same without a step, for what a thread waits for; see engine::wait.
    T glimpse_newest() const noexcept { return from_bits(glimpsed_bits()); }

    void store(T value, std::memory_order order, place at = place::current()) noexcept {
        store_bits(to_bits(value), order, at);
    }

    T exchange(T value, std::memory_order order, place at = place::current()) noexcept {
        return from_bits(change_bits(change::exchange, to_bits(value), order, at));
    }

    bool compare_exchange_weak(T& expected,
                               T desired,
                               std::memory_order success,
                               std::memory_order failure,
                               place at = place::current()) noexcept {
        return compare(expected, desired, true, success, failure, at);
    }

    bool compare_exchange_strong(T& expected,
                                 T desired,
                                 std::memory_order success,
                                 std::memory_order failure,
                                 place at = place::current()) noexcept {
        return compare(expected, desired, false, success, failure, at);
    }

    T fetch_add(T n, std::memory_order order, place at = place::current()) noexcept
        requires std::integral<T>
    {
        return from_bits(change_bits(change::add, to_bits(n), order, at));
    }

    T fetch_sub(T n, std::memory_order order, place at = place::current()) noexcept
        requires std::integral<T>
    {
        return from_bits(change_bits(change::subtract, to_bits(n), order, at));
    }

    T fetch_or(T n, std::memory_order order, place at = place::current()) noexcept
        requires std::integral<T>
    {
        return from_bits(change_bits(change::bit_or, to_bits(n), order, at));
    }

    T fetch_and(T n, std::memory_order order, place at = place::current()) noexcept
        requires std::integral<T>
    {
        return from_bits(change_bits(change::bit_and, to_bits(n), order, at));
    }

    T fetch_xor(T n, std::memory_order order, place at = place::current()) noexcept
        requires std::integral<T>
    {
        return from_bits(change_bits(change::bit_xor, to_bits(n), order, at));
    }

private:
    template <std::size_t N>
    using unsigned_of = std::conditional_t<
        N == 1,
        std::uint8_t,
        std::conditional_t<N == 2,
                           std::uint16_t,
                           std::conditional_t<N == 4, std::uint32_t, std::uint64_t>>>;

    static constexpr std::uint64_t to_bits(T value) noexcept {
        if constexpr (std::is_pointer_v<T>) {
            if (std::is_constant_evaluated()) return 0;  // a constant pointer is null here
            return reinterpret_cast<std::uintptr_t>(value);
        } else {
            return std::bit_cast<unsigned_of<sizeof(T)>>(value);
        }
    }

    static T from_bits(std::uint64_t bits) noexcept {
        if constexpr (std::is_pointer_v<T>) {
            return reinterpret_cast<T>(bits);
        } else {
            return std::bit_cast<T>(static_cast<unsigned_of<sizeof(T)>>(bits));
        }
    }

    bool compare(T& expected,
                 T desired,
                 bool is_weak,
                 std::memory_order success,
                 std::memory_order failure,
                 const place& at) noexcept {
        std::uint64_t bits = to_bits(expected);
        const bool done =
            compare_exchange_bits(bits, to_bits(desired), is_weak, success, failure, at);
        if (!done) expected = from_bits(bits);
        return done;
    }
};

void fence(std::memory_order order,
           std::source_location at = std::source_location::current()) noexcept;

/// The light side of an asymmetric fence: a fence for the compiler only.
void compiler_fence(std::source_location at = std::source_location::current()) noexcept;

/// The heavy side, which makes up for it: the system call, whatever the command. Returns: 0.
int membarrier(int command, std::source_location at = std::source_location::current()) noexcept;

/// In a wait loop: others go on, and what they have stored becomes visible.
void spin_hint() noexcept;

}  // namespace edo_check
