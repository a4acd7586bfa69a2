#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include <edo/base/error.h>
#include <edo/net/tcp_stream.h>
#include <edo/task/or_return.h>
#include <edo/task/task.h>

namespace example {

/// Cuts what a client sends into lines of at most 511 bytes.
class line_reader {
public:
    line_reader() noexcept {}

    /// Waits for the next line; yields it without its end and without control characters, which
    /// could play tricks on somebody's terminal.
    ///
    /// Errors:       errc::closed  the client has ended its side; a last line without end is lost
    ///               std::errc::message_size  a line is too long
    ///               and those of tcp_stream::read()
    /// Cancellation: loses nothing: what has come stays in the reader.
    edo::task<edo::result<std::string>> next(const edo::net::tcp_stream& client) {
        for (;;) {
            if (auto line = cut()) co_return std::move(*line);
            const auto space = std::as_writable_bytes(std::span(bytes_).subspan(end_));
            if (space.empty()) co_return std::make_error_code(std::errc::message_size);
            const std::size_t n = co_await edo::or_return(client.read(space));
            if (n == 0) co_return edo::errc::closed;
            end_ += n;
        }
    }

private:
    std::optional<std::string> cut() {
        const auto stop = bytes_.begin() + static_cast<std::ptrdiff_t>(end_);
        const auto newline = std::find(bytes_.begin(), stop, '\n');
        if (newline == stop) return std::nullopt;
        std::string line(bytes_.begin(), newline);
        std::erase_if(line,
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
        const auto rest = std::copy(newline + 1, stop, bytes_.begin());
        end_ = static_cast<std::size_t>(rest - bytes_.begin());
        return line;
    }

    std::array<char, 512> bytes_;
    std::size_t end_ = 0;
};

}  // namespace example
