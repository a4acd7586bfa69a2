#pragma once

#include <cstddef>
#include <string_view>

namespace bench {

/// What the raw servers answer on one connection: the bytes themselves, or one HTTP response for
/// each blank line. It is the least that any server must do, so the raw servers show the limit of
/// the kernel interface and not what a correct HTTP server costs.
class answerer {
public:
    explicit answerer(bool http) noexcept : http_(http) {}

    /// Takes bytes in pieces of any size.
    /// Returns: everything to send for them, at once; in `received` itself or in static storage.
    std::string_view answer(std::string_view received);

private:
    std::size_t count_blank_lines(std::string_view bytes) noexcept;

    bool http_;
    unsigned char matched_ = 0;  // how much of "\r\n\r\n" ended the piece before
};

}  // namespace bench
