#pragma once

#include <cstring>
#include <span>

#include <edo/runtime/native_stack/own_memory.h>

namespace edo::detail {

/// Reads numbers off a copy of DWARF data, one after the other. Past the end, and after anything
/// that it does not know, every answer is 0 and has_failed() holds.
class byte_reader {
public:
    /// `original` is where the first byte was copied from: some numbers count from where they are.
    byte_reader(std::span<const unsigned char> bytes, address original) noexcept
        : bytes_(bytes), original_(original) {}

    bool has_failed() const noexcept { return has_failed_; }

    bool is_at_end() const noexcept { return has_failed_ || at_ == bytes_.size(); }

    void fail() noexcept { has_failed_ = true; }

    address position() const noexcept { return original_ + at_; }

    template <class T>
    T take() noexcept {
        T value{};
        const auto from = take_bytes(sizeof value);
        if (!from.empty()) std::memcpy(&value, from.data(), sizeof value);
        return value;
    }

    std::span<const unsigned char> take_bytes(std::uint64_t count) noexcept {
        if (count > bytes_.size() - at_) fail();
        if (has_failed_) return {};
        const auto taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
        at_ += taken.size();
        return taken;
    }

    /// The rest, which starts at position().
    std::span<const unsigned char> rest() const noexcept {
        return has_failed_ ? std::span<const unsigned char>{} : bytes_.subspan(at_);
    }

    const char* take_text() noexcept {
        const auto from = rest();
        const auto* const end =
            from.empty()
                ? nullptr
                : static_cast<const unsigned char*>(std::memchr(from.data(), 0, from.size()));
        if (end == nullptr) {
            fail();
            return "";
        }
        at_ += static_cast<std::size_t>(end - from.data()) + 1;
        return reinterpret_cast<const char*>(from.data());
    }

    std::uint64_t take_uleb() noexcept {
        std::uint64_t value = 0;
        for (unsigned shift = 0; !has_failed_; shift += 7) {
            const auto byte = take<unsigned char>();
            if (shift < 64) value |= std::uint64_t{byte & 0x7FU} << shift;
            if (byte < 0x80) break;
        }
        return value;
    }

    std::int64_t take_sleb() noexcept {
        std::uint64_t value = 0;
        for (unsigned shift = 0; !has_failed_;) {
            const auto byte = take<unsigned char>();
            if (shift < 64) value |= std::uint64_t{byte & 0x7FU} << shift;
            shift += 7;
            if (byte >= 0x80) continue;
            if ((byte & 0x40U) != 0 && shift < 64) value |= ~std::uint64_t{0} << shift;
            break;
        }
        return static_cast<std::int64_t>(value);
    }

    /// An address in one of the encodings of .eh_frame (DW_EH_PE_...), or a size in it.
    /// `data` is what those count from that count from the data's begin.
    address take_pointer(unsigned char encoding, address data = 0) noexcept {
        const address here = position();
        const address value = take_number(encoding & 0x0FU);
        switch (encoding & 0xF0U) {
            case 0x00:
                return value;
            case 0x10:
                return value + here;
            case 0x30:
                return value + data;
            default:
                fail();
                return 0;
        }
    }

private:
    address take_number(unsigned encoding) noexcept {
        switch (encoding) {
            case 0x00:
            case 0x04:
            case 0x0C:
                return static_cast<address>(take<std::uint64_t>());
            case 0x01:
                return static_cast<address>(take_uleb());
            case 0x02:
                return take<std::uint16_t>();
            case 0x03:
                return take<std::uint32_t>();
            case 0x0A:
                return static_cast<address>(take<std::int16_t>());
            case 0x0B:
                return static_cast<address>(take<std::int32_t>());
            default:
                fail();
                return 0;
        }
    }

    std::span<const unsigned char> bytes_;
    address original_;
    std::size_t at_ = 0;
    bool has_failed_ = false;
};

}  // namespace edo::detail
