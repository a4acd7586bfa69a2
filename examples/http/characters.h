#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

/// \file
/// Which bytes may stand where: one table, read by every scanner.

namespace http::detail {

/// Sets of bytes named by the grammar of RFC 9110 and RFC 3986; a byte may be in several.
enum class byte_class : std::uint8_t {
    token = 1,       ///< tchar: methods, field names, list members
    target = 2,      ///< what a URI may hold, without '#': a fragment is never sent
    value = 4,       ///< field values: visible, SP, HTAB, 0x80 to 0xff
    registered = 8,  ///< unreserved and sub-delims: a host name without its %XX
    digit = 16,
    hex = 32,
    alpha = 64,
};

constexpr std::array<std::uint8_t, 256> make_byte_classes() noexcept {
    std::array<std::uint8_t, 256> table{};
    const auto add = [&table](byte_class set, std::string_view bytes) {
        for (const char byte : bytes) {
            auto& entry = table[static_cast<unsigned char>(byte)];
            entry = static_cast<std::uint8_t>(entry | static_cast<std::uint8_t>(set));
        }
    };
    constexpr std::string_view digits = "0123456789";
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const auto set : {byte_class::token, byte_class::target, byte_class::registered}) {
        add(set, digits);
        add(set, letters);
    }
    add(byte_class::digit, digits);
    add(byte_class::alpha, letters);
    add(byte_class::hex, digits);
    add(byte_class::hex, "abcdefABCDEF");
    add(byte_class::token, "!#$%&'*+-.^_`|~");
    add(byte_class::target, "-._~:/?[]@!$&'()*+,;=%");
    add(byte_class::registered, "-._~!$&'()*+,;=");
    for (std::size_t byte = 0; byte < table.size(); ++byte) {
        const bool is_control = byte < 0x20 || byte == 0x7f;
        if (!is_control || byte == '\t') {
            table[byte] = static_cast<std::uint8_t>(table[byte] |
                                                    static_cast<std::uint8_t>(byte_class::value));
        }
    }
    return table;
}

inline constexpr std::array<std::uint8_t, 256> byte_classes = make_byte_classes();

/// Whether `byte` belongs to `set`.
constexpr bool is(byte_class set, char byte) noexcept {
    return (byte_classes[static_cast<unsigned char>(byte)] & static_cast<std::uint8_t>(set)) != 0;
}

/// Whether all of `text` belongs to `set`; true for an empty text.
constexpr bool all(byte_class set, std::string_view text) noexcept {
    for (const char byte : text) {
        if (!is(set, byte)) return false;
    }
    return true;
}

/// Optional whitespace between the parts of a field value.
constexpr bool is_blank(char byte) noexcept {
    return byte == ' ' || byte == '\t';
}

/// `text` without blanks at both ends.
constexpr std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

/// Whether `text` is `lower` in any mixture of cases.
/// Requires: `lower` holds lower-case letters, digits and '-' only; `text` no control characters.
inline bool is_any_case(std::string_view text, std::string_view lower) noexcept {
    const auto size = lower.size();
    if (text.size() != size) return false;
    // Setting bit 5 folds the case of letters. Digits and '-' have it already, and the only other
    // bytes that would become equal to one of them are control characters. Words that overlap leave
    // no odd end; with a constant `lower` all this is a few instructions.
    const auto differ = [&]<class Word>(Word folding, std::size_t at) {
        Word a{};
        Word b{};
        std::memcpy(&a, text.data() + at, sizeof a);
        std::memcpy(&b, lower.data() + at, sizeof b);
        return (a | folding) != b;
    };
    constexpr std::uint64_t fold_8 = 0x2020202020202020U;
    constexpr std::uint32_t fold_4 = 0x20202020U;
    if (size < 4) {
        for (std::size_t at = 0; at < size; ++at) {
            if ((static_cast<unsigned char>(text[at]) | 0x20U) !=
                static_cast<unsigned char>(lower[at])) {
                return false;
            }
        }
        return true;
    }
    if (size < 8) return !differ(fold_4, 0) && !differ(fold_4, size - 4);
    for (std::size_t at = 0; at + 8 <= size; at += 8) {
        if (differ(fold_8, at)) return false;
    }
    return !differ(fold_8, size - 8);
}

}  // namespace http::detail
