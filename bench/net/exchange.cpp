#include "exchange.h"
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <strings.h>

namespace bench {

namespace {

constexpr std::string_view expected_body = "Hello, World!";
constexpr std::size_t longest_head_bytes = 16 * 1024;

std::string excerpt(std::string_view bytes) {
    return std::string{bytes.substr(0, 120)};
}

// Returns the value of a header field, without blanks around it; empty when there is none.
std::string_view field(std::string_view head, std::string_view name) {
    for (std::size_t line = head.find("\r\n"); line != head.npos; line = head.find("\r\n", line)) {
        line += 2;
        const std::string_view rest = head.substr(line);
        if (rest.size() <= name.size() || rest[name.size()] != ':' ||
            ::strncasecmp(rest.data(), name.data(), name.size()) != 0)
            continue;
        std::string_view value = rest.substr(name.size() + 1, rest.find("\r\n") - name.size() - 1);
        while (value.starts_with(' '))
            value.remove_prefix(1);
        while (value.ends_with(' '))
            value.remove_suffix(1);
        return value;
    }
    return {};
}

// Returns the length of the complete answer at the front of `bytes`, or 0 when more must come.
std::size_t answer_length(std::string_view bytes) {
    const std::size_t blank_line = bytes.find("\r\n\r\n");
    if (blank_line == bytes.npos) {
        if (bytes.size() > longest_head_bytes) throw std::runtime_error{"answer without an end"};
        return 0;
    }
    const std::string_view head = bytes.substr(0, blank_line + 2);
    if (!head.starts_with("HTTP/1.1 200 "))
        throw std::runtime_error{"expected status 200, found: " + excerpt(head)};
    if (field(head, "content-length") != std::to_string(expected_body.size()))
        throw std::runtime_error{"expected Content-Length 13, found: " + excerpt(head)};
    const std::size_t length = blank_line + 4 + expected_body.size();
    if (bytes.size() < length) return 0;
    if (bytes.substr(blank_line + 4, expected_body.size()) != expected_body)
        throw std::runtime_error{"wrong body: " + excerpt(bytes.substr(blank_line + 4))};
    return length;
}

}  // namespace

echo_exchange::echo_exchange(std::uint32_t connection, std::size_t size_bytes, unsigned depth)
    : size_(size_bytes), batch_(size_bytes * depth, '\0') {
    for (std::size_t i = 0; i < batch_.size(); ++i)
        batch_[i] = static_cast<char>('a' + (i + connection) % 26);
    for (std::size_t at = 0; at < batch_.size(); at += size_)
        if (size_ >= 8) std::memcpy(&batch_[at + 4], &connection, sizeof connection);
}

std::string_view echo_exchange::next_batch() {
    for (std::size_t at = 0; at < batch_.size(); at += size_) {
        ++sequence_;
        std::memcpy(&batch_[at], &sequence_, std::min(size_, sizeof sequence_));
    }
    heard_ = 0;
    return batch_;
}

unsigned echo_exchange::take(std::string_view bytes) {
    if (bytes.size() > batch_.size() - heard_)
        throw std::runtime_error{"more bytes came back than were sent"};
    if (std::memcmp(bytes.data(), batch_.data() + heard_, bytes.size()) != 0)
        throw std::runtime_error{"wrong bytes came back"};
    const std::size_t answered_before = heard_ / size_;
    heard_ += bytes.size();
    return static_cast<unsigned>(heard_ / size_ - answered_before);
}

http_exchange::http_exchange(const std::string& host, unsigned depth) : depth_(depth) {
    const std::string request = "GET / HTTP/1.1\r\nHost: " + host +
                                "\r\nUser-Agent: bench_load_generator\r\nAccept: */*\r\n\r\n";
    for (unsigned i = 0; i < depth; ++i)
        batch_ += request;
}

std::string_view http_exchange::next_batch() {
    missing_ = depth_;
    return batch_;
}

unsigned http_exchange::take(std::string_view bytes) {
    unsigned answers = 0;
    if (incomplete_.empty() && !model_.empty())
        while (bytes.starts_with(model_)) {
            bytes.remove_prefix(model_.size());
            ++answers;
        }
    if (!bytes.empty()) {
        incomplete_ += bytes;
        std::string_view rest = incomplete_;
        while (const std::size_t length = answer_length(rest)) {
            model_ = rest.substr(0, length);
            rest.remove_prefix(length);
            ++answers;
        }
        incomplete_.erase(0, incomplete_.size() - rest.size());
    }
    if (answers > missing_) throw std::runtime_error{"more answers than requests"};
    missing_ -= answers;
    return answers;
}

}  // namespace bench
