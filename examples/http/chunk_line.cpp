#include "http/characters.h"
#include "http/chunk_line.h"

namespace http::detail {

namespace {

// As many digits as 64 bits hold. Leading zeros count: a line of zeros must end somewhere.
constexpr int size_digits = 16;

constexpr unsigned hex_value(char digit) noexcept {
    const auto byte = static_cast<unsigned char>(digit);
    return byte <= '9' ? byte - unsigned{'0'} : (byte | 0x20U) - unsigned{'a'} + 10U;
}

}  // namespace

chunk_line::progress chunk_line::go(state next) noexcept {
    state_ = next;
    return progress::more;
}

chunk_line::progress chunk_line::fail(const char* reason) noexcept {
    reason_ = reason;
    return progress::failed;
}

chunk_line::progress chunk_line::feed(char byte) noexcept {
    if (state_ == state::size) return feed_size(byte);
    if (state_ == state::line_feed) {
        return byte == '\n' ? progress::done : fail("CR without LF in a chunk line");
    }
    return feed_extension(byte);
}

chunk_line::progress chunk_line::feed_size(char byte) noexcept {
    if (is(byte_class::hex, byte)) {
        if (digits_ == size_digits) return fail("chunk size of more than 16 digits");
        ++digits_;
        size_ = size_ << 4U | hex_value(byte);
        return progress::more;
    }
    if (digits_ == 0) return fail("chunk size expected");
    if (byte == '\r') return go(state::line_feed);
    if (byte != ';' && !is_blank(byte)) return fail("chunk size followed by a stray byte");
    state_ = state::before_semicolon;
    return feed_extension(byte);
}

chunk_line::progress chunk_line::feed_extension(char byte) noexcept {
    const bool may_end =
        state_ == state::name || state_ == state::value || state_ == state::after_quoted;
    if (byte == '\r' && may_end) return go(state::line_feed);
    if (extensions_left_ == 0) return fail("chunk extensions too long");
    --extensions_left_;
    switch (state_) {
        case state::name:
            if (is(byte_class::token, byte)) return progress::more;
            [[fallthrough]];
        case state::before_equals:
            if (byte == '=') return go(state::before_value);
            if (byte == ';') return go(state::before_name);
            if (is_blank(byte)) return go(state::before_equals);
            break;
        case state::before_name:
            if (is_blank(byte)) return progress::more;
            if (is(byte_class::token, byte)) return go(state::name);
            break;
        case state::before_value:
            if (is_blank(byte)) return progress::more;
            if (byte == '"') return go(state::quoted);
            if (is(byte_class::token, byte)) return go(state::value);
            break;
        case state::quoted:
            if (byte == '"') return go(state::after_quoted);
            if (byte == '\\') return go(state::escaped);
            if (is(byte_class::value, byte)) return progress::more;
            break;
        case state::escaped:
            if (is(byte_class::value, byte)) return go(state::quoted);
            break;
        case state::value:
            if (is(byte_class::token, byte)) return progress::more;
            [[fallthrough]];
        case state::after_quoted:
        case state::before_semicolon:
            if (byte == ';') return go(state::before_name);
            if (is_blank(byte)) return go(state::before_semicolon);
            break;
        case state::size:
        case state::line_feed:
            break;  // handled by feed()
    }
    return fail("malformed chunk extension");
}

}  // namespace http::detail
