#pragma once

#include "http/parser.h"
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

/// \file
/// What a parser says about some bytes, written down so that two runs can be compared.

namespace http::testing {

struct transcript {
    std::string text;          ///< all heads, contents and the end, in words
    std::size_t requests = 0;  ///< that were complete
    bool has_failed = false;
    bool is_between = true;      ///< the parser's is_between_requests() at the end
    parse_error error{};         ///< if it has failed
    std::uint64_t error_at = 0;  ///< the same offset, counted from the first byte of all
    std::uint64_t work = 0;      ///< bytes the parser looked at
    std::size_t calls = 0;       ///< of parse()

    /// Whether both say the same; work and calls may differ between cuts.
    bool agrees_with(const transcript& other) const {
        return text == other.text && requests == other.requests && has_failed == other.has_failed &&
               is_between == other.is_between;
    }
};

inline void describe_head(std::string& text, const request& head) {
    const auto add = [&text](std::string_view name, std::string_view value) {
        text.append(name).append("=").append(value).append("\n");
    };
    add("method", head.method_name());
    add("target", head.target());
    add("path", head.path());
    add("query", head.query());
    add("host", head.host());
    add("version", head.version() == protocol_version::http_1_1 ? "1.1" : "1.0");
    add("form", std::to_string(static_cast<int>(head.form())));
    add("keep_alive", head.keep_alive() ? "yes" : "no");
    add("continue", head.expects_continue() ? "yes" : "no");
    const auto length = head.content_length();
    add("content", length ? std::to_string(*length) : "chunked");
    for (std::size_t i = 0; i < head.field_count(); ++i) {
        text += "field ";
        add(head.field_at(i).name, head.field_at(i).value);
    }
}

/// Feeds `bytes` to a new parser, the way a server would, and writes down what it says.
///
/// `next_end(n)` says how many bytes have arrived after n have: more than n. Each call of the
/// parser sees its bytes at a new address in an allocation of exactly their size, so that a view
/// kept too long or a byte read too far is found by the address sanitizer.
template <class NextEnd>
transcript transcribe(std::string_view bytes, const limits& accepted, NextEnd next_end) {
    transcript result;
    request_parser parser{accepted};
    std::string content;
    std::uint64_t request_begin = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    for (bool is_over = false; !is_over;) {
        const auto size = end - begin;
        const std::unique_ptr<char[]> copy{new char[size]};
        if (size > 0) std::memcpy(copy.get(), bytes.data() + begin, size);
        const auto step = parser.parse({copy.get(), size});
        ++result.calls;
        begin += step.consumed;
        switch (step.what) {
            case parse_event::need_more:
                is_over = end == bytes.size();
                if (!is_over) end = std::min(bytes.size(), next_end(end));
                break;
            case parse_event::head:
                describe_head(result.text, parser.request());
                break;
            case parse_event::content:
                content += step.content;
                break;
            case parse_event::complete:
                result.text.append("complete ").append(content).append("\n");
                content.clear();
                ++result.requests;
                request_begin = begin;
                break;
            case parse_event::failed:
                result.has_failed = true;
                result.error = parser.error();
                result.error_at = request_begin + result.error.offset;
                result.text.append("failed ")
                    .append(std::to_string(static_cast<int>(result.error.code)))
                    .append(" at ")
                    .append(std::to_string(result.error_at))
                    .append(": ")
                    .append(result.error.reason);
                is_over = true;
                break;
        }
    }
    if (!content.empty() && !result.has_failed) {
        result.text.append("so far ").append(content).append("\n");
    }
    result.is_between = parser.is_between_requests();
    result.work = parser.work();
    return result;
}

/// All bytes at once.
inline transcript transcribe_whole(std::string_view bytes, const limits& accepted = {}) {
    return transcribe(bytes, accepted, [&bytes](std::size_t) { return bytes.size(); });
}

/// One byte at a time.
inline transcript transcribe_bytewise(std::string_view bytes, const limits& accepted = {}) {
    return transcribe(bytes, accepted, [](std::size_t end) { return end + 1; });
}

}  // namespace http::testing
