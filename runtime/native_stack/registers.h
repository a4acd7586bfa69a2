#pragma once

#include <array>
#include <sys/ucontext.h>

#include <edo/runtime/native_stack/machine.h>

namespace edo::detail {

/// What is known of a thread's registers, by DWARF's numbers.
class register_set {
public:
    register_set() noexcept = default;

    /// All those of a thread that was interrupted.
    explicit register_set(const ucontext_t& interrupted) noexcept;

    bool has(unsigned number) const noexcept { return (known_ >> number & 1U) != 0; }

    address operator[](unsigned number) const noexcept { return values_[number]; }

    void set(unsigned number, address value) noexcept {
        values_[number] = value;
        known_ |= std::uint64_t{1} << number;
    }

    void forget(unsigned number) noexcept { known_ &= ~(std::uint64_t{1} << number); }

private:
    std::array<address, machine::registers> values_{};
    std::uint64_t known_ = 0;
};

/// Where the thread was interrupted.
address program_counter_of(const ucontext_t& interrupted) noexcept;

}  // namespace edo::detail
