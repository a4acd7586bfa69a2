#include "http/characters.h"
#include "http/response.h"
#include "http/scan.h"
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace http {

namespace {

/// Copies pieces one behind the other into room that was made for all of them.
class piece_writer {
public:
    explicit piece_writer(char* at) noexcept : at_(at) {}

    piece_writer& operator<<(std::string_view piece) noexcept {
        // An empty view may have no address, which memcpy does not accept.
        if (!piece.empty()) std::memcpy(at_, piece.data(), piece.size());
        at_ += piece.size();
        return *this;
    }

private:
    char* at_;
};

/// Counts what a piece_writer would write.
class piece_counter {
public:
    piece_counter& operator<<(std::string_view piece) noexcept {
        size_ += piece.size();
        return *this;
    }

    std::size_t size() const noexcept { return size_; }

private:
    std::size_t size_ = 0;
};

/// A number as text, without allocation.
class decimal {
public:
    explicit decimal(std::uint64_t number) noexcept
        : end_(std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr) {}

    decimal(const decimal&) = delete;
    decimal& operator=(const decimal&) = delete;

    std::string_view text() const noexcept {
        return {digits_.data(), static_cast<std::size_t>(end_ - digits_.data())};
    }

private:
    std::array<char, 20> digits_;
    char* end_;
};

bool is_value(std::string_view text) noexcept {
    const char* const end = text.data() + text.size();
    return detail::skip_value(text.data(), end) == end;
}

bool is_reserved(std::string_view name) noexcept {
    return detail::is_any_case(name, "content-length") ||
           detail::is_any_case(name, "transfer-encoding") ||
           detail::is_any_case(name, "connection");
}

append_result check(const response& answer) noexcept {
    if (!is_value(answer.date) || !is_value(answer.content_type)) return append_result::bad_value;
    for (const auto& [name, value] : answer.fields) {
        if (name.empty() || !detail::all(detail::byte_class::token, name)) {
            return append_result::bad_name;
        }
        if (!is_value(value)) return append_result::bad_value;
        if (is_reserved(name)) return append_result::reserved_name;
    }
    return append_result::appended;
}

bool has_no_content(status code) noexcept {
    return static_cast<unsigned>(code) < 200 || code == status::no_content ||
           code == status::not_modified;
}

std::string_view connection_line(connection_option option) noexcept {
    switch (option) {
        case connection_option::implied:
            break;
        case connection_option::close:
            return "Connection: close\r\n";
        case connection_option::keep_alive:
            return "Connection: keep-alive\r\n";
    }
    return {};
}

template <class Pieces>
void write(Pieces& pieces,
           const response& answer,
           std::string_view code_digits,
           std::string_view length_digits) noexcept {
    pieces << "HTTP/1.1 " << code_digits << " " << reason_phrase(answer.code) << "\r\n"
           << connection_line(answer.connection);
    if (!answer.date.empty()) pieces << "Date: " << answer.date << "\r\n";
    if (!answer.content_type.empty()) pieces << "Content-Type: " << answer.content_type << "\r\n";
    for (const auto& [name, value] : answer.fields) {
        pieces << name << ": " << value << "\r\n";
    }
    if (has_no_content(answer.code)) {
        pieces << "\r\n";
        return;
    }
    pieces << "Content-Length: " << length_digits << "\r\n\r\n";
    if (!answer.is_for_head) pieces << answer.content;
}

}  // namespace

append_result append(std::string& out, const response& answer) {
    const auto verdict = check(answer);
    if (verdict != append_result::appended) return verdict;
    const decimal code{static_cast<std::uint64_t>(answer.code)};
    const decimal length{answer.content.size()};

    piece_counter counter;
    write(counter, answer, code.text(), length.text());
    const auto old_size = out.size();
    out.resize(old_size + counter.size());
    piece_writer writer{out.data() + old_size};
    write(writer, answer, code.text(), length.text());
    return append_result::appended;
}

void append_error(std::string& out, status code, std::string_view date) {
    response answer{.code = code,
                    .connection = connection_option::close,
                    .date = date,
                    .content_type = "text/plain",
                    .content = reason_phrase(code)};
    // A date that cannot be sent must not keep the error from being sent.
    if (append(out, answer) == append_result::appended) return;
    answer.date = {};
    static_cast<void>(append(out, answer));
}

void append_continue(std::string& out) {
    out += "HTTP/1.1 100 Continue\r\n\r\n";
}

}  // namespace http
