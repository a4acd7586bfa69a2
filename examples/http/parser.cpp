#include "http/characters.h"
#include "http/parser.h"
#include "http/scan.h"
#include "http/target.h"
#include <cstring>
#include <limits>

namespace http {

using detail::byte_class;
using detail::is_any_case;
using detail::is_blank;

namespace {

request_method method_named(std::string_view name) noexcept {
    switch (name.size()) {
        case 3:
            if (name == "GET") return request_method::get;
            if (name == "PUT") return request_method::put;
            break;
        case 4:
            if (name == "HEAD") return request_method::head;
            if (name == "POST") return request_method::post;
            break;
        case 5:
            if (name == "PATCH") return request_method::patch;
            if (name == "TRACE") return request_method::trace;
            break;
        case 6:
            if (name == "DELETE") return request_method::delete_;
            break;
        case 7:
            if (name == "CONNECT") return request_method::connect;
            if (name == "OPTIONS") return request_method::options;
            break;
        default:
            break;
    }
    return request_method::other;
}

/// Takes the next member off a comma-separated list and returns it without the blanks around it.
std::string_view take_member(std::string_view& list) noexcept {
    const auto comma = std::min(list.find(','), list.size());
    const auto member = detail::trimmed(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    return member;
}

enum class coding : std::uint8_t { chunked, unsupported, malformed };

/// What a Transfer-Encoding field asks for. Only `chunked` alone is understood; a list in which it
/// is not the last leaves the length of the content open, which makes the request malformed.
coding transfer_coding(std::string_view value) noexcept {
    if (is_any_case(value, "chunked")) return coding::chunked;
    if (value.empty() || value.back() == ',') return coding::malformed;
    while (!value.empty()) {
        const auto member = take_member(value);
        const auto name = detail::trimmed(member.substr(0, member.find(';')));
        const bool has_parameters = name.size() != member.size();
        if (name.empty() || !detail::all(byte_class::token, name)) return coding::malformed;
        if (is_any_case(name, "chunked") && (has_parameters || !value.empty())) {
            return coding::malformed;
        }
        if (has_parameters) return coding::unsupported;
    }
    return coding::unsupported;
}

/// The number that consists of nothing but digits; false for anything else, also if it needs more
/// than 64 bits.
bool read_decimal(std::string_view digits, std::uint64_t& number) noexcept {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    number = 0;
    for (const char byte : digits) {
        if (!detail::is(byte_class::digit, byte)) return false;
        const auto digit = static_cast<unsigned>(byte - '0');
        if (number > (most - digit) / 10) return false;
        number = number * 10 + digit;
    }
    return !digits.empty();
}

/// Limits that 16-bit offsets can express and the array of fields can hold.
constexpr limits bounded(limits accepted) noexcept {
    constexpr std::size_t half = std::numeric_limits<std::uint16_t>::max() / 2;
    accepted.method = std::min(accepted.method, half);
    accepted.request_line = std::min(accepted.request_line, half);
    accepted.header_section = std::min(accepted.header_section, half - 2);
    accepted.fields = std::min(accepted.fields, request::field_capacity);
    return accepted;
}

}  // namespace

request_parser::request_parser(const limits& accepted) noexcept
    : chunk_line_(accepted.chunk_extensions), limits_(bounded(accepted)) {}

parse_step request_parser::parse(std::string_view bytes) noexcept {
    if (state_ <= state::section_lf && !in_trailers_) return parse_head(bytes);
    if (state_ == state::ended) {
        state_ = state::start;
        return {.what = parse_event::complete};
    }
    if (state_ == state::failed) return {.what = parse_event::failed};
    return parse_content(bytes);
}

// ---- the head --------------------------------------------------------------------------------

[[gnu::flatten]] parse_step request_parser::parse_head(std::string_view bytes) noexcept {
    if (bytes.size() <= resume_at_) return {};
    const auto clip = [&bytes](std::size_t limit) {
        return bytes.data() + std::min(bytes.size(), limit);
    };
    cursor in{bytes.data(), bytes.data() + resume_at_, bytes.data() + bytes.size()};
    if (state_ < state::method) {
        const auto result = read_leading_line(in);
        if (result != progress::done) return stop(result, in, bytes);
    }
    if (state_ < state::field_start) {
        in.end = clip(line_begin_ + limits_.request_line);
        const auto result = read_request_line(in);
        if (result != progress::done) return stop(result, in, bytes);
    }
    in.end = clip(section_begin_ + limits_.header_section);
    for (;;) {
        auto result = read_field_line(in);
        if (result == progress::done) result = accept_field(in);
        if (result == progress::section_done) result = accept_head(in);
        if (result == progress::section_done) break;
        if (result != progress::done) return stop(result, in, bytes);
        ++in.at;
        state_ = state::field_start;
    }
    ++in.at;
    request_.base_ = in.base;
    const auto size = static_cast<std::size_t>(in.at - in.base);
    work_ += size - resume_at_;
    resume_at_ = 0;
    consumed_ = size;
    return {.what = parse_event::head, .consumed = size};
}

void request_parser::begin_request() noexcept {
    saw_host_ = false;
    saw_content_length_ = false;
    saw_close_ = false;
    saw_keep_alive_ = false;
    field_lines_ = 0;
    consumed_ = 0;
    request_.host_ = {};
    request_.field_count_ = 0;
    request_.content_length_ = 0;
    request_.is_chunked_ = false;
    request_.expects_continue_ = false;
}

request_parser::progress request_parser::read_leading_line(cursor& in) noexcept {
    if (state_ == state::start) {
        begin_request();
        if (*in.at == '\r') {
            ++in.at;
            if (in.at == in.end) return starve(state::leading_lf);
            state_ = state::leading_lf;
        }
    }
    if (state_ == state::leading_lf) {
        if (*in.at != '\n') return fail(in, status::bad_request, "CR without LF");
        ++in.at;
    }
    line_begin_ = in.offset();
    state_ = state::method;
    return progress::done;
}

request_parser::progress request_parser::read_request_line(cursor& in) noexcept {
    switch (state_) {
        case state::method:
            if (const auto result = read_method(in); result != progress::done) return result;
            target_begin_ = in.offset();
            [[fallthrough]];
        case state::target:
            in.at = detail::skip_target(in.at, in.end);
            if (in.at == in.end) return starve(state::target);
            if (*in.at != ' ') return fail(in, status::bad_request, "forbidden byte in the target");
            if (in.offset() == target_begin_) {
                return fail(in, status::bad_request, "target expected");
            }
            request_.target_ = span_between(target_begin_, in.offset());
            ++in.at;
            protocol_at_ = 0;
            [[fallthrough]];
        case state::protocol:
            if (const auto result = read_protocol(in); result != progress::done) return result;
            [[fallthrough]];
        case state::line_cr:
            if (in.at == in.end) return starve(state::line_cr);
            if (*in.at != '\r') {
                return fail(in, status::bad_request, "request line not ended by CR LF");
            }
            ++in.at;
            [[fallthrough]];
        default:  // state::line_lf
            if (in.at == in.end) return starve(state::line_lf);
            if (*in.at != '\n') return fail(in, status::bad_request, "CR without LF");
            return accept_request_line(in);
    }
}

request_parser::progress request_parser::read_method(cursor& in) noexcept {
    const char* const begin = in.base + line_begin_;
    const auto seen = static_cast<std::size_t>(in.end - begin);
    in.at = detail::skip_token(in.at, begin + std::min(seen, limits_.method + 1));
    if (static_cast<std::size_t>(in.at - begin) > limits_.method) {
        --in.at;
        return fail(in, status::not_implemented, "method too long");
    }
    if (in.at == in.end) return starve(state::method);
    if (in.at == begin) return fail(in, status::bad_request, "method expected");
    if (*in.at != ' ') return fail(in, status::bad_request, "forbidden byte in the method");
    request_.method_name_ = span_between(line_begin_, in.offset());
    request_.method_ = method_named(in.text(request_.method_name_));
    ++in.at;
    return progress::done;
}

request_parser::progress request_parser::read_protocol(cursor& in) noexcept {
    // What nearly all requests say, whole; the loop below would come to the same end.
    if (protocol_at_ == 0 && in.end - in.at >= 8 && std::memcmp(in.at, "HTTP/1.1", 8) == 0) {
        request_.version_ = protocol_version::http_1_1;
        in.at += 8;
        return progress::done;
    }
    constexpr std::string_view pattern = "HTTP/1.1";
    for (; protocol_at_ < pattern.size(); ++protocol_at_, ++in.at) {
        if (in.at == in.end) return starve(state::protocol);
        const bool is_number = protocol_at_ == 5 || protocol_at_ == 7;
        if (is_number ? !detail::is(byte_class::digit, *in.at) : *in.at != pattern[protocol_at_]) {
            return fail(in, status::bad_request, "protocol version expected");
        }
        if (protocol_at_ == 5) is_other_major_ = *in.at != '1';
        if (protocol_at_ == 7 && (is_other_major_ || *in.at > '1')) {
            return fail(in, status::version_not_supported, "version other than 1.0 and 1.1");
        }
    }
    // When the last digit was read in this call, it is the byte before.
    request_.version_ = in.at[-1] == '0' ? protocol_version::http_1_0 : protocol_version::http_1_1;
    return progress::done;
}

request_parser::progress request_parser::accept_request_line(cursor& in) noexcept {
    const auto target = in.text(request_.target_);
    work_ += target.size();
    const auto parts = detail::parse_target(target, request_.method_);
    if (!parts) return fail(in, status::bad_request, "malformed target");
    request_.form_ = parts->form;
    if (parts->authority_size > 0) {
        const auto begin = target_begin_ + parts->authority_begin;
        request_.host_ = span_between(begin, begin + parts->authority_size);
        request_.path_begin_ =
            static_cast<std::uint16_t>(parts->authority_begin + parts->authority_size);
    }
    ++in.at;
    section_begin_ = in.offset();
    state_ = state::field_start;
    return progress::done;
}

// ---- field lines, in the header section and in trailers --------------------------------------

request_parser::progress request_parser::read_field_line(cursor& in) noexcept {
    switch (state_) {
        case state::field_start:
            if (in.at == in.end) return starve(state::field_start);
            if (!detail::is(byte_class::token, *in.at)) {
                if (*in.at != '\r') return refuse_line(in);
                ++in.at;
                return read_section_end(in);
            }
            if (field_lines_ == limits_.fields) return refuse_field(in);
            ++field_lines_;
            name_begin_ = in.offset();
            [[fallthrough]];
        case state::field_name:
            in.at = detail::skip_token(in.at, in.end);
            if (in.at == in.end) return starve(state::field_name);
            if (*in.at != ':') return fail(in, status::bad_request, "forbidden byte in a name");
            name_end_ = in.offset();
            ++in.at;
            [[fallthrough]];
        case state::field_value:
            in.at = detail::skip_value(in.at, in.end);
            if (in.at == in.end) return starve(state::field_value);
            if (*in.at != '\r') {
                return fail(in, status::bad_request, "bare LF or control character in a value");
            }
            value_end_ = in.offset();
            ++in.at;
            [[fallthrough]];
        case state::field_lf:
            if (in.at == in.end) return starve(state::field_lf);
            if (*in.at != '\n') return fail(in, status::bad_request, "CR without LF in a value");
            return progress::done;
        default:  // state::section_lf
            return read_section_end(in);
    }
}

request_parser::progress request_parser::read_section_end(cursor& in) noexcept {
    if (in.at == in.end) return starve(state::section_lf);
    if (*in.at != '\n') return fail(in, status::bad_request, "CR without LF");
    return progress::section_done;
}

[[gnu::cold, gnu::noinline]] request_parser::progress request_parser::refuse_line(
    const cursor& in) noexcept {
    if (is_blank(*in.at)) return fail(in, status::bad_request, "folded line");
    if (*in.at == ':') return fail(in, status::bad_request, "field without a name");
    return fail(in, status::bad_request, "field name expected");
}

[[gnu::cold, gnu::noinline]] request_parser::progress request_parser::refuse_field(
    const cursor& in) noexcept {
    if (in_trailers_) return fail(in, status::bad_request, "too many trailer fields");
    return fail(in, status::header_fields_too_large, "too many fields");
}

request_parser::progress request_parser::accept_field(const cursor& in) noexcept {
    std::size_t begin = name_end_ + std::size_t{1};
    std::size_t end = value_end_;
    work_ += end - name_begin_;
    while (begin < end && is_blank(in.base[begin]))
        ++begin;
    while (begin < end && is_blank(in.base[end - 1]))
        --end;
    const auto value_span = span_between(begin, end);
    request_.fields_[request_.field_count_] = {.name = span_between(name_begin_, name_end_),
                                               .value = value_span};
    ++request_.field_count_;

    const std::string_view name{in.base + name_begin_, std::size_t{name_end_} - name_begin_};
    const std::string_view value{in.base + begin, end - begin};
    switch (name.size()) {
        case 4:
            if (is_any_case(name, "host")) return accept_host(in, value_span);
            break;
        case 6:
            if (is_any_case(name, "expect")) return accept_expectation(value);
            break;
        case 10:
            if (is_any_case(name, "connection")) return accept_connection(in, value);
            break;
        case 14:
            if (is_any_case(name, "content-length")) return accept_content_length(in, value);
            break;
        case 17:
            if (is_any_case(name, "transfer-encoding")) return accept_transfer_encoding(in, value);
            break;
        default:
            break;
    }
    return progress::done;
}

request_parser::progress request_parser::accept_host(const cursor& in,
                                                     http::request::span value) noexcept {
    if (saw_host_) return fail(in, status::bad_request, "repeated Host");
    saw_host_ = true;
    if (!detail::is_valid_host(in.text(value))) {
        return fail(in, status::bad_request, "malformed Host");
    }
    // An absolute target overrules Host (RFC 9112, section 3.2.2).
    if (request_.form_ != target_form::absolute) request_.host_ = value;
    return progress::done;
}

request_parser::progress request_parser::accept_expectation(std::string_view value) noexcept {
    // A client of HTTP/1.0 cannot know what 100 means (RFC 9110, section 10.1.1).
    request_.expects_continue_ |=
        request_.version_ != protocol_version::http_1_0 && is_any_case(value, "100-continue");
    return progress::done;
}

request_parser::progress request_parser::accept_connection(const cursor& in,
                                                           std::string_view value) noexcept {
    while (!value.empty()) {
        const auto option = take_member(value);
        if (!detail::all(byte_class::token, option)) {
            return fail(in, status::bad_request, "malformed Connection");
        }
        saw_close_ |= is_any_case(option, "close");
        saw_keep_alive_ |= is_any_case(option, "keep-alive");
    }
    return progress::done;
}

request_parser::progress request_parser::accept_content_length(const cursor& in,
                                                               std::string_view value) noexcept {
    if (saw_content_length_) return fail(in, status::bad_request, "repeated Content-Length");
    if (request_.is_chunked_) {
        return fail(in, status::bad_request, "Content-Length beside Transfer-Encoding");
    }
    saw_content_length_ = true;
    if (!read_decimal(value, request_.content_length_)) {
        return fail(in, status::bad_request, "malformed Content-Length");
    }
    return progress::done;
}

request_parser::progress request_parser::accept_transfer_encoding(const cursor& in,
                                                                  std::string_view value) noexcept {
    if (request_.version_ == protocol_version::http_1_0) {
        return fail(in, status::bad_request, "Transfer-Encoding in HTTP/1.0");
    }
    if (saw_content_length_) {
        return fail(in, status::bad_request, "Transfer-Encoding beside Content-Length");
    }
    if (request_.is_chunked_) return fail(in, status::bad_request, "repeated Transfer-Encoding");
    switch (transfer_coding(value)) {
        case coding::chunked:
            break;
        case coding::unsupported:
            return fail(in, status::not_implemented, "transfer coding other than chunked");
        case coding::malformed:
            return fail(in, status::bad_request, "malformed Transfer-Encoding");
    }
    request_.is_chunked_ = true;
    return progress::done;
}

request_parser::progress request_parser::accept_head(const cursor& in) noexcept {
    const bool is_1_1 = request_.version_ == protocol_version::http_1_1;
    if (is_1_1 && !saw_host_) return fail(in, status::bad_request, "Host missing");
    if (request_.content_length_ > limits_.content) {
        return fail(in, status::content_too_large, "Content-Length too large");
    }
    request_.keep_alive_ = !saw_close_ && (is_1_1 || saw_keep_alive_);
    content_left_ = request_.content_length_;
    state_ = content_left_ > 0 ? state::fixed_data : state::ended;
    if (request_.is_chunked_) {
        chunk_line_.begin_content();
        content_size_ = 0;
        state_ = state::chunk_size;
    }
    return progress::section_done;
}

// ---- content ---------------------------------------------------------------------------------

parse_step request_parser::parse_content(std::string_view bytes) noexcept {
    cursor in{bytes.data(), bytes.data(), bytes.data() + bytes.size()};
    for (;;) {
        if (in_trailers_) return parse_trailers(in, bytes);
        if (in.at == in.end) return stop(progress::starved, in, bytes);
        if (state_ == state::fixed_data || state_ == state::chunk_data) return take_content(in);
        const auto result = read_chunk_framing(in);
        if (result != progress::done) return stop(result, in, bytes);
    }
}

parse_step request_parser::take_content(cursor& in) noexcept {
    const auto seen = static_cast<std::size_t>(in.end - in.at);
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(seen, content_left_));
    const std::string_view content{in.at, size};
    in.at += size;
    content_left_ -= size;
    if (content_left_ == 0) {
        state_ = state_ == state::fixed_data ? state::ended : state::chunk_cr;
    }
    return stop_with(parse_event::content, in, content);
}

request_parser::progress request_parser::read_chunk_framing(cursor& in) noexcept {
    if (state_ == state::chunk_cr) {
        if (*in.at != '\r') return fail(in, status::bad_request, "CR expected after chunk data");
        state_ = state::chunk_lf;
    } else if (state_ == state::chunk_lf) {
        if (*in.at != '\n') return fail(in, status::bad_request, "LF expected after chunk data");
        chunk_line_.begin_line();
        state_ = state::chunk_size;
    } else {
        const auto result = chunk_line_.feed(*in.at);
        if (result == detail::chunk_line::progress::failed) {
            return fail(in, status::bad_request, chunk_line_.reason());
        }
        if (result == detail::chunk_line::progress::done &&
            accept_chunk_line(in) != progress::done) {
            return progress::failed;
        }
    }
    ++in.at;
    return progress::done;
}

request_parser::progress request_parser::accept_chunk_line(const cursor& in) noexcept {
    const auto size = chunk_line_.size();
    if (size > limits_.content - content_size_) {
        return fail(in, status::content_too_large, "chunks too large");
    }
    content_size_ += size;
    content_left_ = size;
    state_ = state::chunk_data;
    if (size == 0) {
        in_trailers_ = true;
        field_lines_ = 0;
        trailer_left_ = limits_.trailer_section;
        state_ = state::field_start;
    }
    return progress::done;
}

parse_step request_parser::parse_trailers(cursor in, std::string_view bytes) noexcept {
    const auto begin = in.at;
    const auto seen = static_cast<std::size_t>(in.end - in.at);
    in.end = in.at + std::min(seen, trailer_left_);
    for (;;) {
        const auto result = read_field_line(in);
        if (result == progress::section_done) break;
        if (result != progress::done) {
            trailer_left_ -= static_cast<std::size_t>(in.at - begin);
            return stop(result, in, bytes);
        }
        // Trailers are checked and forgotten: nothing in them may change how a request is framed or
        // handled (RFC 9110, section 6.5.1), and this server needs none.
        ++in.at;
        state_ = state::field_start;
    }
    ++in.at;
    in_trailers_ = false;
    state_ = state::start;
    return stop_with(parse_event::complete, in, {});
}

// ---- ways out --------------------------------------------------------------------------------

http::request::span request_parser::span_between(std::size_t begin, std::size_t end) noexcept {
    return {.begin = static_cast<std::uint16_t>(begin),
            .size = static_cast<std::uint16_t>(end - begin)};
}

request_parser::progress request_parser::starve(state resume_in) noexcept {
    state_ = resume_in;
    return progress::starved;
}

[[gnu::cold, gnu::noinline]] request_parser::progress request_parser::fail(
    const cursor& in, status code, const char* reason) noexcept {
    const auto offset = consumed_ + static_cast<std::uint64_t>(in.at - in.base);
    error_ = {.code = code, .offset = offset, .reason = reason};
    return progress::failed;
}

[[gnu::noinline]] parse_step request_parser::stop(progress why,
                                                  const cursor& in,
                                                  std::string_view bytes) noexcept {
    const bool is_clipped = in.end != bytes.data() + bytes.size();
    if (why == progress::starved && is_clipped) {
        why = fail_at_limit(in);
    }
    const auto size = static_cast<std::size_t>(in.at - in.base);
    if (why == progress::failed) {
        state_ = state::failed;
        work_ += size - resume_at_;
        return {.what = parse_event::failed};
    }
    if (state_ > state::section_lf || in_trailers_) {
        return stop_with(parse_event::need_more, in, {});
    }
    work_ += size - resume_at_;
    resume_at_ = in.offset();
    return {};
}

parse_step request_parser::stop_with(parse_event what,
                                     const cursor& in,
                                     std::string_view content) noexcept {
    const auto size = static_cast<std::size_t>(in.at - in.base);
    work_ += size;
    consumed_ += size;
    return {.what = what, .consumed = size, .content = content};
}

[[gnu::cold, gnu::noinline]] request_parser::progress request_parser::fail_at_limit(
    const cursor& in) noexcept {
    if (in_trailers_) return fail(in, status::bad_request, "trailers too long");
    if (state_ < state::field_start) return fail(in, status::uri_too_long, "request line too long");
    return fail(in, status::header_fields_too_large, "header section too long");
}

}  // namespace http
