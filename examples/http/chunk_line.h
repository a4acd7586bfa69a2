#pragma once

#include <cstddef>
#include <cstdint>

namespace http::detail {

/// Reads the line before each chunk, one byte at a time: a size, perhaps extensions, CR LF.
///
///     chunk = chunk-size *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) CRLF
///
/// Extensions are checked and forgotten. There is no shortcut around this machine: what lies
/// between a size and its line end is where readers that disagree are played off against each
/// other.
class chunk_line {
public:
    enum class progress : std::uint8_t { more, done, failed };

    /// `extension_limit` bounds all extensions of one content together, so that a body of many
    /// small chunks cannot carry an unbounded amount of them.
    explicit chunk_line(std::size_t extension_limit) noexcept
        : extension_limit_(extension_limit), extensions_left_(extension_limit) {}

    /// Gets ready for the first chunk of a content.
    void begin_content() noexcept {
        extensions_left_ = extension_limit_;
        begin_line();
    }

    /// Gets ready for the next chunk of the same content.
    void begin_line() noexcept {
        state_ = state::size;
        size_ = 0;
        digits_ = 0;
    }

    progress feed(char byte) noexcept;

    /// The size of the chunk, once feed() has returned done.
    std::uint64_t size() const noexcept { return size_; }

    /// Why feed() has returned failed.
    const char* reason() const noexcept { return reason_; }

private:
    enum class state : std::uint8_t {
        size,
        before_semicolon,
        before_name,
        name,
        before_equals,
        before_value,
        value,
        quoted,
        escaped,
        after_quoted,
        line_feed,
    };

    progress feed_size(char byte) noexcept;
    progress feed_extension(char byte) noexcept;
    progress go(state next) noexcept;
    progress fail(const char* reason) noexcept;

    std::size_t extension_limit_;
    std::size_t extensions_left_;
    std::uint64_t size_ = 0;
    const char* reason_ = "";
    state state_ = state::size;
    std::uint8_t digits_ = 0;
};

}  // namespace http::detail
