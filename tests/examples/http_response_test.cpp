#include "http/parser.h"
#include "http/response.h"
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::string_view_literals;

using http::append;
using http::append_result;
using http::connection_option;
using http::field;
using http::response;
using http::status;

const response hello{.content_type = "text/plain", .content = "Hello, World!"};

std::string written(const response& answer) {
    std::string out;
    EXPECT_EQ(append(out, answer), append_result::appended);
    return out;
}

append_result refusal(std::string_view name, std::string_view value) {
    const std::array fields{field{.name = name, .value = value}};
    std::string out = "before";
    const auto result = append(out, {.fields = fields});
    EXPECT_EQ(out, "before");
    return result;
}

TEST(http_response, has_status_line_fields_length_and_content) {
    EXPECT_EQ(written(hello),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n"
              "Hello, World!");
}

TEST(http_response, is_appended_behind_what_is_there) {
    std::string out;

    static_cast<void>(append(out, hello));
    static_cast<void>(append(out, hello));

    EXPECT_EQ(out, written(hello) + written(hello));
}

TEST(http_response, needs_no_allocation_where_there_is_room) {
    std::string out = written(hello);
    const auto* const room = out.data();
    out.clear();

    static_cast<void>(append(out, hello));

    EXPECT_EQ(out.data(), room);
}

TEST(http_response, to_head_has_the_length_and_no_content) {
    auto answer = hello;
    answer.is_for_head = true;

    EXPECT_EQ(written(answer),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n");
}

TEST(http_response, without_content_says_so) {
    EXPECT_EQ(written({}), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(http_response, of_a_status_without_content_has_none_whatever_the_handler_wrote) {
    for (const auto code : {status::continue_, status::switching_protocols, status::no_content,
                            status::not_modified}) {
        auto answer = hello;
        answer.code = code;

        const auto text = written(answer);

        EXPECT_EQ(text.find("Content-Length"), std::string::npos) << text;
        EXPECT_TRUE(text.ends_with("Content-Type: text/plain\r\n\r\n")) << text;
    }
}

TEST(http_response, carries_date_connection_and_further_fields) {
    const std::array fields{field{.name = "Allow", .value = "GET, HEAD"},
                            field{.name = "X-Empty", .value = ""}};

    const auto text = written({.code = status::method_not_allowed,
                               .connection = connection_option::keep_alive,
                               .date = "Sun, 06 Nov 1994 08:49:37 GMT",
                               .fields = fields});

    EXPECT_EQ(text,
              "HTTP/1.1 405 Method Not Allowed\r\nConnection: keep-alive\r\n"
              "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nAllow: GET, HEAD\r\nX-Empty: \r\n"
              "Content-Length: 0\r\n\r\n");
}

TEST(http_response, of_an_unnamed_status_has_an_empty_phrase) {
    EXPECT_EQ(written({.code = status{299}}), "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
}

TEST(http_response, refuses_line_ends_and_controls_in_values) {
    for (const auto value : {"a\r\nSet-Cookie: b"sv, "a\nb"sv, "a\rb"sv, "a\0b"sv, "\x7f"sv,
                             "a long value, longer than sixteen bytes\n"sv}) {
        EXPECT_EQ(refusal("X-Value", value), append_result::bad_value) << value;
    }
}

TEST(http_response, refuses_names_that_are_not_tokens) {
    for (const auto name : {""sv, "a b"sv, "a:"sv, "a\r\nb"sv, "a\0"sv, "\xc3\xa9"sv}) {
        EXPECT_EQ(refusal(name, "value"), append_result::bad_name) << name;
    }
}

TEST(http_response, refuses_fields_that_frame_messages) {
    for (const auto name : {"Content-Length"sv, "transfer-encoding"sv, "CONNECTION"sv}) {
        EXPECT_EQ(refusal(name, "close"), append_result::reserved_name) << name;
    }
}

TEST(http_response, refuses_line_ends_in_its_own_fields) {
    std::string out;

    EXPECT_EQ(append(out, {.content_type = "a\r\nb"}), append_result::bad_value);
    EXPECT_EQ(append(out, {.date = "a\nb"}), append_result::bad_value);
    EXPECT_EQ(out, "");
}

TEST(http_response, lets_content_be_anything) {
    EXPECT_TRUE(
        written({.content = "\r\n\0\r\n"sv}).ends_with("Content-Length: 5\r\n\r\n\r\n\0\r\n"sv));
}

TEST(http_response, to_an_error_closes_and_names_it) {
    std::string out;

    http::append_error(out, status::header_fields_too_large);

    EXPECT_EQ(out,
              "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
              "Content-Type: text/plain\r\nContent-Length: 31\r\n\r\n"
              "Request Header Fields Too Large");
}

TEST(http_response, to_an_error_is_sent_even_if_the_date_cannot_be) {
    std::string out;

    http::append_error(out, status::request_timeout, "yesterday\n");

    EXPECT_TRUE(out.starts_with("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent"));
}

TEST(http_response, interim_is_complete_in_itself) {
    std::string out;

    http::append_continue(out);

    EXPECT_EQ(out, "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST(http_response, answers_the_connection_as_the_request_asked) {
    const auto option = [](std::string_view bytes, bool is_closing) {
        http::request_parser parser;
        parser.parse(bytes);
        return connection_for(parser.request(), is_closing);
    };
    const auto plain = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv;

    EXPECT_EQ(option(plain, false), connection_option::implied);
    EXPECT_EQ(option(plain, true), connection_option::close);
    EXPECT_EQ(option("GET / HTTP/1.0\r\n\r\n", false), connection_option::close);
    EXPECT_EQ(option("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
              connection_option::keep_alive);
}

}  // namespace
