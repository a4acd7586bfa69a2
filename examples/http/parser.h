#pragma once

#include "http/chunk_line.h"
#include "http/request.h"
#include "http/status.h"
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace http {

/// How much of a request is accepted. Every figure is exact: a request at the limit passes, one
/// more byte (or field) fails, and it fails as soon as that byte arrives.
struct limits {
    std::size_t method = 32;                  ///< bytes of the method; beyond: 501
    std::size_t request_line = 8 * 1024;      ///< bytes with the line end; beyond: 414
    std::size_t header_section = 16 * 1024;   ///< bytes of all lines with the empty one; 431
    std::size_t fields = 100;                 ///< lines, at most request::field_capacity; 431
    std::uint64_t content = 1024 * 1024;      ///< bytes after the removal of chunks; 413
    std::size_t chunk_extensions = 4 * 1024;  ///< bytes, all chunks of one content together; 400
    std::size_t trailer_section = 4 * 1024;   ///< bytes, with the empty line; 400

    /// The longest head that can pass, with the one empty line that may precede it. The buffer that
    /// is given to the parser must have room for it.
    constexpr std::size_t head() const noexcept { return 2 + request_line + header_section; }

    /// The default limits, with line and header section cut down to what `buffer_bytes` can hold.
    /// Requires: buffer_bytes >= 64.
    static constexpr limits for_buffer(std::size_t buffer_bytes) noexcept {
        limits result;
        result.request_line = std::min(result.request_line, buffer_bytes / 2);
        result.header_section =
            std::min(result.header_section, buffer_bytes - 2 - result.request_line);
        return result;
    }
};

/// Why a request was refused.
struct parse_error {
    status code = status::bad_request;  ///< what to answer before the connection is closed
    std::uint64_t offset = 0;  ///< the byte, counted from the request's first, that decided it
    const char* reason = "";   ///< for a log; a constant, without anything the client sent
};

/// What the parser has to tell.
enum class parse_event : std::uint8_t {
    need_more,  ///< all bytes have been seen; come back with more behind those not consumed
    head,       ///< request() is new, and its views point into the bytes of this call
    content,    ///< parse_step::content holds the next part of it, without chunk framing
    complete,   ///< the request has ended; the next one may begin right behind it
    failed,     ///< see error(); it stays so
};

/// The answer of one call of request_parser::parse().
struct parse_step {
    parse_event what = parse_event::need_more;
    std::size_t consumed = 0;    ///< bytes at the front that are not needed again
    std::string_view content{};  ///< within the bytes of this call; not empty in a content event
};

/// Reads HTTP/1.1 and HTTP/1.0 requests from bytes that somebody else receives.
///
/// It does no input or output, copies nothing and allocates nothing. Give it the bytes that have
/// arrived and not been consumed yet, as often as you like and however they are cut; what it says
/// is the same for every cut. A server keeps one per connection, with a receive buffer of at least
/// limits::head() bytes (or limits::for_buffer() what it has):
///
///     bool is_open = true;
///     for (std::size_t begin = 0, end = 0; is_open;) {
///         const std::size_t got = read(in.data() + end, in.size() - end);
///         if (got == 0) break;                    // a clean end if is_between_requests()
///         end += got;
///         for (bool starved = false; is_open && !starved;) {
///             const auto step = parser.parse({in.data() + begin, end - begin});
///             begin += step.consumed;             // moves an index: views stay valid
///             switch (step.what) {
///                 case parse_event::head: answer = route(parser.request()); break;
///                 case parse_event::content: break;  // step.content: keep it or let it go
///                 case parse_event::complete:
///                     append(out, answer);
///                     is_open = parser.request().keep_alive();
///                     break;
///                 case parse_event::need_more: starved = true; break;
///                 case parse_event::failed:
///                     append_error(out, parser.error().code);
///                     is_open = false;
///                     break;
///             }
///         }
///         write(out), out.clear();                // one write for all that came together
///         std::copy(in.data() + begin, in.data() + end, in.data());  // views end here
///         end -= begin, begin = 0;
///     }
///
/// Each request gives one `head`, any number of `content`, one `complete`. Decide on the answer at
/// `head`, while its views are valid; append it at `complete`, so that a request whose content
/// turns out to be broken gets one response and not two.
///
/// The grammar is that of RFC 9112 and RFC 9110 without the leniency that they permit: a byte that
/// a stricter or a laxer reader on the way could take differently is refused. The target is held to
/// RFC 3986; only '[' and ']' may also stand where it would have them escaped, as browsers send
/// them in queries. One empty line before a request is skipped, as section 2.2 asks.
///
/// Thread-safe: no.
/// Cost:        each byte of a head is looked at twice or three times, however it arrives; content
///              is passed over.
class request_parser {
public:
    /// Limits beyond what 16-bit offsets can express are lowered to that.
    explicit request_parser(const limits& accepted = {}) noexcept;

    /// Goes on until something is to be told.
    ///
    /// Requires: `bytes` begins where the last call stopped consuming. Until a head is complete
    ///           that is its first byte; the bytes may move in memory between calls, but not
    ///           change.
    parse_step parse(std::string_view bytes) noexcept;

    /// The request whose head came last.
    const http::request& request() const noexcept { return request_; }

    /// Why parse() has returned failed.
    const parse_error& error() const noexcept { return error_; }

    /// Whether no byte of an unfinished request has been seen.
    bool is_between_requests() const noexcept {
        return state_ == state::start || state_ == state::leading_lf;
    }

    /// How many bytes have been passed over since construction, repeated looks included: the proof
    /// that work grows with the input and not faster.
    std::uint64_t work() const noexcept { return work_; }

private:
    enum class state : std::uint8_t {
        start,
        leading_lf,
        method,
        target,
        protocol,
        line_cr,
        line_lf,
        field_start,  // from here to section_lf: header and trailer section alike
        field_name,
        field_value,
        field_lf,
        section_lf,
        fixed_data,
        chunk_size,
        chunk_data,
        chunk_cr,
        chunk_lf,
        ended,
        failed,
    };
    enum class progress : std::uint8_t { done, section_done, starved, failed };

    // Where one call reads: `end` is the end of the bytes or of what the limits allow.
    struct cursor {
        const char* base;
        const char* at;
        const char* end;

        std::uint16_t offset() const noexcept { return static_cast<std::uint16_t>(at - base); }

        std::string_view text(http::request::span part) const noexcept {
            return {base + part.begin, part.size};
        }
    };

    static http::request::span span_between(std::size_t begin, std::size_t end) noexcept;

    // Each reads as far as the cursor goes and stops at the byte that decided: the line end of a
    // line that is complete, or the culprit. What is done is moved over by the caller.
    parse_step parse_head(std::string_view bytes) noexcept;
    void begin_request() noexcept;
    progress read_leading_line(cursor& in) noexcept;
    progress read_request_line(cursor& in) noexcept;
    progress read_method(cursor& in) noexcept;
    progress read_protocol(cursor& in) noexcept;
    progress accept_request_line(cursor& in) noexcept;

    progress read_field_line(cursor& in) noexcept;
    progress read_section_end(cursor& in) noexcept;
    progress refuse_line(const cursor& in) noexcept;
    progress refuse_field(const cursor& in) noexcept;
    progress accept_field(const cursor& in) noexcept;
    progress accept_host(const cursor& in, http::request::span value) noexcept;
    progress accept_expectation(std::string_view value) noexcept;
    progress accept_connection(const cursor& in, std::string_view value) noexcept;
    progress accept_content_length(const cursor& in, std::string_view value) noexcept;
    progress accept_transfer_encoding(const cursor& in, std::string_view value) noexcept;
    progress accept_head(const cursor& in) noexcept;

    parse_step parse_content(std::string_view bytes) noexcept;
    parse_step take_content(cursor& in) noexcept;
    progress read_chunk_framing(cursor& in) noexcept;
    progress accept_chunk_line(const cursor& in) noexcept;
    parse_step parse_trailers(cursor in, std::string_view bytes) noexcept;

    progress starve(state resume_in) noexcept;
    progress fail(const cursor& in, status code, const char* reason) noexcept;
    progress fail_at_limit(const cursor& in) noexcept;
    parse_step stop(progress why, const cursor& in, std::string_view bytes) noexcept;
    parse_step stop_with(parse_event what, const cursor& in, std::string_view content) noexcept;

    state state_ = state::start;
    bool in_trailers_ = false;
    std::uint8_t protocol_at_ = 0;  // bytes of "HTTP/1.1" that have been read
    bool is_other_major_ = false;
    bool saw_host_ = false;
    bool saw_content_length_ = false;
    bool saw_close_ = false;
    bool saw_keep_alive_ = false;

    // Offsets from the request's first byte; the three of the field are meaningless in trailers,
    // whose bytes are consumed as they are read.
    std::uint16_t resume_at_ = 0;
    std::uint16_t line_begin_ = 0;
    std::uint16_t section_begin_ = 0;
    std::uint16_t target_begin_ = 0;
    std::uint16_t name_begin_ = 0;
    std::uint16_t name_end_ = 0;
    std::uint16_t value_end_ = 0;
    std::uint16_t field_lines_ = 0;

    std::uint64_t consumed_ = 0;      // bytes of this request that were consumed in earlier calls
    std::uint64_t content_left_ = 0;  // of the content or the chunk
    std::uint64_t content_size_ = 0;  // of all chunks so far
    std::size_t trailer_left_ = 0;
    std::uint64_t work_ = 0;
    detail::chunk_line chunk_line_;
    limits limits_;
    parse_error error_;
    http::request request_;
};

}  // namespace http
