#pragma once

#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "http/characters.h"

/// \file
/// Runs of bytes: each function returns the first byte of [at, end) that does not belong to its
/// set, or `end`. None reads at or beyond `end`. The table has the last word; SSE2 only gets there
/// sooner.

namespace http::detail {

/// Skips bytes of one set, in the portable way: one look into the table per byte.
template <byte_class Set>
inline const char* skip(const char* at, const char* end) noexcept {
    while (end - at >= 4) {
        if (!is(Set, at[0])) return at;
        if (!is(Set, at[1])) return at + 1;
        if (!is(Set, at[2])) return at + 2;
        if (!is(Set, at[3])) return at + 3;
        at += 4;
    }
    while (at != end && is(Set, *at))
        ++at;
    return at;
}

#if defined(__SSE2__)
/// 16 bytes, and which of them lie in a set: one bit each, the first byte lowest.
class sixteen_bytes {
public:
    explicit sixteen_bytes(const char* at) noexcept { std::memcpy(&bytes_, at, sizeof bytes_); }

    /// The three ranges that hold most of what a target may consist of.
    unsigned plain_target() const noexcept {
        return mask(_mm_or_si128(_mm_or_si128(within(bytes_, '$', ';'), within(bytes_, '?', '[')),
                                 within(bytes_, 'a', 'z')));
    }

    /// All that a field value may hold.
    unsigned values() const noexcept {
        const __m128i visible = within(bytes_, ' ', '~');
        const __m128i above_ascii = _mm_cmplt_epi8(bytes_, _mm_setzero_si128());
        const __m128i tab = _mm_cmpeq_epi8(bytes_, _mm_set1_epi8('\t'));
        return mask(_mm_or_si128(_mm_or_si128(visible, above_ascii), tab));
    }

private:
    // Signed comparison: bytes from 0x80 count as negative and lie below every ASCII range.
    static __m128i within(__m128i bytes, char low, char high) noexcept {
        const __m128i above = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(low - 1)));
        const __m128i below = _mm_cmplt_epi8(bytes, _mm_set1_epi8(static_cast<char>(high + 1)));
        return _mm_and_si128(above, below);
    }

    static unsigned mask(__m128i hits) noexcept {
        return static_cast<unsigned>(_mm_movemask_epi8(hits));
    }

    __m128i bytes_;
};

constexpr unsigned all_sixteen = 0xffff;
#endif

/// Skips the characters of a token. Tokens are short, and which ones come is easily predicted: the
/// table is faster here than sixteen at a time.
inline const char* skip_token(const char* at, const char* end) noexcept {
    return skip<byte_class::token>(at, end);
}

/// Skips the characters of a request target.
inline const char* skip_target(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
    while (end - at >= 16) {
        const unsigned hits = sixteen_bytes{at}.plain_target();
        if (hits != all_sixteen) {
            at += std::countr_one(hits);
            if (!is(byte_class::target, *at)) return at;
            ++at;
            continue;
        }
        at += 16;
    }
#endif
    return skip<byte_class::target>(at, end);
}

/// Skips a field value.
inline const char* skip_value(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
    while (end - at >= 16) {
        const unsigned hits = sixteen_bytes{at}.values();
        if (hits != all_sixteen) return at + std::countr_one(hits);
        at += 16;
    }
#endif
    return skip<byte_class::value>(at, end);
}

}  // namespace http::detail
