#include "../fuzz/http_transcript.h"
#include "http/chunk_line.h"
#include "http/parser.h"
#include "http/response.h"
#include "http/scan.h"
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::string_literals;

using http::limits;
using http::parse_event;
using http::request_parser;
using http::testing::transcribe;
using http::testing::transcribe_bytewise;
using http::testing::transcribe_whole;
using http::testing::transcript;

/// What a client sends, and what must come of it. For a refusal the bytes carry a mark, <!>, before
/// the byte whose arrival must cause it.
struct wire_case {
    std::string name;
    std::string bytes;
    int status = 0;            ///< of the refusal; 0: none
    std::size_t requests = 0;  ///< complete ones, if not refused
    bool is_whole = true;      ///< nothing unfinished is left at the end
    std::uint64_t refused_at = 0;
};

wire_case accepted(std::string name, std::string bytes, std::size_t requests = 1) {
    return {.name = std::move(name), .bytes = std::move(bytes), .requests = requests};
}

wire_case unfinished(std::string name, std::string bytes, std::size_t requests = 0) {
    return {.name = std::move(name),
            .bytes = std::move(bytes),
            .requests = requests,
            .is_whole = false};
}

wire_case refused(int status, std::string name, std::string bytes) {
    constexpr std::string_view mark = "<!>";
    const auto at = bytes.find(mark);
    EXPECT_NE(at, std::string::npos) << name;
    if (at == std::string::npos) return {};
    bytes.erase(at, mark.size());
    return {.name = std::move(name), .bytes = std::move(bytes), .status = status, .refused_at = at};
}

/// GET with Host and `rest`, which has its own line ends.
std::string get(const std::string& rest) {
    return "GET / HTTP/1.1\r\nHost: a\r\n" + rest;
}

std::string post(const std::string& rest) {
    return "POST /in HTTP/1.1\r\nHost: a\r\n" + rest;
}

std::string chunked(const std::string& content) {
    return post("Transfer-Encoding: chunked\r\n\r\n" + content);
}

/// A request line with `target`, and the rest of a good request.
std::string line(const std::string& target, const std::string& method = "GET") {
    return method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

/// Such a line whose target is refused when the line ends.
std::string bad_line(const std::string& target, const std::string& method = "GET") {
    return method + " " + target + " HTTP/1.1\r<!>\nHost: a\r\n\r\n";
}

std::string host(const std::string& value) {
    return "GET / HTTP/1.1\r\nHost:" + value + "\r\n\r\n";
}

std::string bad_host(const std::string& value) {
    return "GET / HTTP/1.1\r\nHost:" + value + "\r<!>\n\r\n";
}

std::string length(const std::string& value) {
    return post("Content-Length:" + value + "\r<!>\n\r\nhello");
}

std::string coding(const std::string& value) {
    return post("Transfer-Encoding:" + value + "\r<!>\n\r\n0\r\n\r\n");
}

void add_request_lines(std::vector<wire_case>& cases) {
    const std::vector<wire_case> more{
        accepted("plain get", get("\r\n")),
        accepted("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n"),
        accepted("HTTP/1.0 with Host", "GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
        accepted("unknown method", line("/", "BREW")),
        accepted("method of odd token characters", line("/", "!#$%&'*+-.^_`|~aZ9")),
        accepted("lower-case method is another method", line("/", "get")),
        accepted("method of 32 bytes", line("/", std::string(32, 'M'))),
        refused(501, "method of 33 bytes", std::string(32, 'M') + "<!>M / HTTP/1.1\r\n"),
        refused(501, "endless method", std::string(32, 'M') + "<!>" + std::string(9000, 'M')),
        accepted("one empty line first", "\r\n" + get("\r\n")),
        accepted("one empty line between requests", get("\r\n") + "\r\n" + get("\r\n"), 2),
        refused(400, "two empty lines first", "\r\n<!>\r\n" + get("\r\n")),
        refused(400, "two CRs before the LF of an empty line", "\r<!>\r\n" + get("\r\n")),
        refused(400, "empty line of bare LF", "<!>\n" + get("\r\n")),
        refused(400, "CR before the method", "\r<!>GET / HTTP/1.1\r\n"),
        refused(400, "blank before the method", "<!> GET / HTTP/1.1\r\n"),
        refused(400, "tab after the method", "GET<!>\t/ HTTP/1.1\r\n"),
        refused(400, "two blanks after the method", "GET <!> / HTTP/1.1\r\n"),
        refused(400, "two blanks after the target", "GET / <!> HTTP/1.1\r\n"),
        refused(400, "tab after the target", "GET /<!>\tHTTP/1.1\r\n"),
        refused(400, "blank after the version", "GET / HTTP/1.1<!> \r\n"),
        refused(400, "no method", "<!>/ HTTP/1.1\r\n"),
        refused(400, "colon in the method", "GE<!>:T / HTTP/1.1\r\n"),
        refused(400, "NUL in the method", "G<!>\0T / HTTP/1.1\r\n"s),
        refused(400, "high byte in the method", "G<!>\xc3\x89T / HTTP/1.1\r\n"),
        refused(400, "method alone on the line", "GET<!>\r\n"),
        refused(400, "HTTP/0.9", "GET /<!>\r\n"),
        refused(400, "bare LF after the target", "GET /<!>\n"),
        refused(400, "bare LF after the version", "GET / HTTP/1.1<!>\nHost: a\n\n"),
        refused(400, "bare CR after the version", "GET / HTTP/1.1\r<!>Host: a\r\n\r\n"),
        refused(400, "lower-case protocol", "GET / <!>http/1.1\r\n"),
        refused(400, "other protocol", "GET / HTTP<!>S/1.1\r\n"),
        refused(400, "no version", "GET / HTTP/<!>\r\n"),
        refused(400, "version without minor", "GET / HTTP/1<!>\r\n"),
        refused(400, "version with comma", "GET / HTTP/1<!>,1\r\n"),
        refused(400, "version with letters", "GET / HTTP/1.<!>x\r\n"),
        refused(400, "version of two digits", "GET / HTTP/1.1<!>1\r\n"),
        refused(400, "major of two digits", "GET / HTTP/1<!>1.1\r\n"),
        refused(400, "negative version", "GET / HTTP/<!>-1.1\r\n"),
        refused(505, "HTTP/1.2", "GET / HTTP/1.<!>2\r\n"),
        refused(505, "HTTP/1.9", "GET / HTTP/1.<!>9\r\n"),
        refused(505, "HTTP/0.9 spelled out", "GET / HTTP/0.<!>9\r\n"),
        refused(505, "HTTP/0.1", "GET / HTTP/0.<!>1\r\n"),
        refused(505, "HTTP/2.0", "GET / HTTP/2.<!>0\r\n"),
        refused(505, "HTTP/3.1", "GET / HTTP/3.<!>1\r\n"),
        refused(505, "preface of HTTP/2", "PRI * HTTP/2.<!>0\r\n\r\nSM\r\n\r\n"),
        refused(400, "greeting of TLS", "<!>\x16\x03\x01\x02\0\x01"s),
        unfinished("half a method", "GE"),
        unfinished("half a protocol", "GET / HTT"),
        accepted("nothing", "", 0),
    };
    cases.insert(cases.end(), more.begin(), more.end());
}

void add_targets(std::vector<wire_case>& cases) {
    const std::vector<wire_case> more{
        accepted("path and query", line("/a/b;c=1?d=e&f")),
        accepted("all bytes of a URI", line("/-._~!$&'()*+,;=:@/?a[]=/?")),
        accepted("whole escapes", line("/%2e%2E/%00")),
        accepted("two slashes", line("//a")),
        accepted("asterisk with OPTIONS", line("*", "OPTIONS")),
        accepted("path with OPTIONS", line("/", "OPTIONS")),
        accepted("absolute", line("http://b.test/c?d")),
        accepted("absolute without path", line("http://b.test")),
        accepted("absolute with query only", line("http://b.test?d")),
        accepted("absolute in capitals", line("HTTPS://B.TEST:443/")),
        accepted("absolute with IPv6", line("http://[2001:db8::1]:80/")),
        accepted("authority with CONNECT", line("b.test:443", "CONNECT")),
        accepted("IPv6 with CONNECT", line("[::1]:443", "CONNECT")),
        refused(400, "asterisk with GET", bad_line("*")),
        refused(400, "asterisk and more", bad_line("*a", "OPTIONS")),
        refused(400, "relative path", bad_line("a/b")),
        refused(400, "query alone", bad_line("?a")),
        refused(400, "path with CONNECT", bad_line("/", "CONNECT")),
        refused(400, "no port with CONNECT", bad_line("b.test", "CONNECT")),
        refused(400, "empty port with CONNECT", bad_line("b.test:", "CONNECT")),
        refused(400, "port 0 with CONNECT", bad_line("b.test:0", "CONNECT")),
        refused(400, "port 65536 with CONNECT", bad_line("b.test:65536", "CONNECT")),
        refused(400, "no host with CONNECT", bad_line(":443", "CONNECT")),
        refused(400, "user with CONNECT", bad_line("u@b.test:443", "CONNECT")),
        refused(400, "absolute with CONNECT", bad_line("http://b.test/", "CONNECT")),
        refused(400, "authority with GET", bad_line("b.test:80")),
        refused(400, "absolute without host", bad_line("http:///a")),
        refused(400, "absolute with port only", bad_line("http://:80/")),
        refused(400, "absolute with user", bad_line("http://u:p@b.test/")),
        refused(400, "absolute with bad port", bad_line("http://b.test:8x/")),
        refused(400, "absolute with huge port", bad_line("http://b.test:65536/")),
        refused(400, "absolute of another scheme", bad_line("ftp://b.test/")),
        refused(400, "scheme without slashes", bad_line("http:b.test")),
        refused(400, "scheme with one slash", bad_line("http:/b.test")),
        refused(400, "bad bracket in absolute", bad_line("http://[::1/")),
        refused(400, "half an escape", bad_line("/%2")),
        refused(400, "escape of nothing", bad_line("/a%?b")),
        refused(400, "escape with bad digit", bad_line("/%2g")),
        refused(400, "escape with bad first digit", bad_line("/%g2")),
        refused(400, "half an escape in a query", bad_line("/?a=%")),
        refused(400, "half an escape in an absolute path", bad_line("http://b.test/%1")),
        refused(400, "fragment", "GET /a<!>#b HTTP/1.1\r\n"),
        refused(400, "NUL in the target", "GET /a<!>\0b HTTP/1.1\r\n"s),
        refused(400, "control in the target", "GET /a<!>\x01 HTTP/1.1\r\n"),
        refused(400, "DEL in the target", "GET /a<!>\x7f HTTP/1.1\r\n"),
        refused(400, "high byte in the target", "GET /<!>\xff HTTP/1.1\r\n"),
        refused(400, "UTF-8 in the target", "GET /<!>\xc3\xa9 HTTP/1.1\r\n"),
        refused(400, "quote in the target", "GET /<!>\" HTTP/1.1\r\n"),
        refused(400, "backslash in the target", "GET /<!>\\ HTTP/1.1\r\n"),
        refused(400, "angle bracket in the target", "GET /<!><a HTTP/1.1\r\n"),
        refused(400, "brace in the target", "GET /<!>{ HTTP/1.1\r\n"),
        refused(400, "bar in the target", "GET /aaaaaaaaaaaaaaaaaaaa<!>| HTTP/1.1\r\n"),
        refused(400, "blank in the target", "GET /a <!>b HTTP/1.1\r\n"),
        refused(400, "CR in the target", "GET /a<!>\rb HTTP/1.1\r\n"),
        refused(400, "target like a field", "GET http:<!>\r\nHost: a\r\n"),
    };
    cases.insert(cases.end(), more.begin(), more.end());
}

void add_field_lines(std::vector<wire_case>& cases) {
    const std::vector<wire_case> more{
        accepted("value without blank", get("A:b\r\n\r\n")),
        accepted("value between blanks", get("A: \t b c\td \t\r\n\r\n")),
        accepted("empty value", get("A:\r\n\r\n")),
        accepted("value of blanks only", get("A: \t \r\n\r\n")),
        accepted("value of high bytes", get("A: \x80\xff caf\xc3\xa9\r\n\r\n")),
        accepted("colons in the value", get("A: b:c::d\r\n\r\n")),
        accepted("name of odd token characters", get("!#$%&'*+-.^_`|~09zZ: b\r\n\r\n")),
        accepted("name of one byte", get("x: y\r\n\r\n")),
        accepted("same name twice", get("A: b\r\nA: c\r\n\r\n")),
        refused(400, "blank before the colon", get("A<!> : b\r\n\r\n")),
        refused(400, "tab before the colon", get("A<!>\t: b\r\n\r\n")),
        refused(400, "blank in the name", get("A<!> b: c\r\n\r\n")),
        refused(400, "no colon", get("A<!>\r\n\r\n")),
        refused(400, "no name", get("<!>: b\r\n\r\n")),
        refused(400, "folded by a blank", get("A: b\r\n<!> c\r\n\r\n")),
        refused(400, "folded by a tab", get("A: b\r\n<!>\tc\r\n\r\n")),
        refused(400, "folded first line", "GET / HTTP/1.1\r\n<!> Host: a\r\n\r\n"),
        refused(400, "folded empty line", get("A: b\r\n<!> \r\n\r\n")),
        refused(400, "bare LF after a value", get("A: b<!>\n\r\n")),
        refused(400, "bare LF after a name", get("A<!>\n\r\n")),
        refused(400, "bare LF ends the section", get("<!>\n")),
        refused(400, "bare CR in a value", get("A: b\r<!>c\r\n\r\n")),
        refused(400, "CR CR LF", get("A: b\r<!>\r\n\r\n")),
        refused(400, "bare CR ends the section", get("\r<!>GET")),
        refused(400, "NUL in a value", get("A: b<!>\0c\r\n\r\n"s)),
        refused(400, "NUL in a name", get("A<!>\0: c\r\n\r\n"s)),
        refused(400, "control in a value", get("A: b<!>\x1b[0m\r\n\r\n")),
        refused(400, "DEL in a value", get("A: b<!>\x7f\r\n\r\n")),
        refused(400, "vertical tab in a value", get("A: b<!>\x0b\r\n\r\n")),
        refused(400, "form feed after the colon", get("A:<!>\x0c b\r\n\r\n")),
        refused(400, "control deep in a value",
                get("A: " + std::string(40, 'b') + "<!>\x02\r\n\r\n")),
        refused(400, "high byte in a name", get("\x41<!>\xc3\xa9: b\r\n\r\n")),
        refused(400, "quote in a name", get("A<!>\"b: c\r\n\r\n")),
        refused(400, "slash in a name", get("A<!>/b: c\r\n\r\n")),
        refused(400, "bracket begins a name", get("<!>[a]: c\r\n\r\n")),
        refused(400, "header line instead of a request", "Host<!>: a\r\n\r\n"),
        unfinished("half a name", get("Acc")),
        unfinished("half a value", get("Accept: te")),
        unfinished("half a line end", get("Accept: te\r")),
        unfinished("half an empty line", get("\r")),
    };
    cases.insert(cases.end(), more.begin(), more.end());
}

void add_hosts(std::vector<wire_case>& cases) {
    const std::vector<wire_case> more{
        accepted("empty Host", host("")),
        accepted("Host with port", host(" b.test:8080")),
        accepted("Host with empty port", host(" b.test:")),
        accepted("Host with escape", host(" b%41.test")),
        accepted("IPv4 Host", host(" 127.0.0.1:80")),
        accepted("IPv6 Host", host(" [::1]")),
        accepted("IPv6 Host with port", host(" [::ffff:1.2.3.4]:80")),
        accepted("IPvFuture Host", host(" [v1.a:b]:80")),
        accepted("HOST in capitals", "GET / HTTP/1.1\r\nHOST: a\r\n\r\n"),
        refused(400, "no Host", "GET / HTTP/1.1\r\n\r<!>\n"),
        refused(400, "no Host but others", "GET / HTTP/1.1\r\nHosts: a\r\nHos: a\r\n\r<!>\n"),
        refused(400, "no Host with absolute target", "GET http://a/ HTTP/1.1\r\n\r<!>\n"),
        refused(400, "two Hosts", get("Host: b\r<!>\n\r\n")),
        refused(400, "two equal Hosts", get("Host: a\r<!>\n\r\n")),
        refused(400, "two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: a\r<!>\n\r\n"),
        refused(400, "Hosts in a list", bad_host(" a, b")),
        refused(400, "Host with blank", bad_host(" a b")),
        refused(400, "Host with user", bad_host(" u@a")),
        refused(400, "Host with path", bad_host(" a/b")),
        refused(400, "Host with scheme", bad_host(" http://a")),
        refused(400, "Host with letters as port", bad_host(" a:b")),
        refused(400, "Host with huge port", bad_host(" a:65536")),
        refused(400, "Host with port only", bad_host(" :80")),
        refused(400, "Host with two ports", bad_host(" a:1:2")),
        refused(400, "Host with half an escape", bad_host(" a%4")),
        refused(400, "Host with open bracket", bad_host(" [::1")),
        refused(400, "Host with empty brackets", bad_host(" []")),
        refused(400, "Host with a name in brackets", bad_host(" [a.test]")),
        refused(400, "Host with bytes behind brackets", bad_host(" [::1]a")),
        refused(400, "Host with bad IPvFuture", bad_host(" [v.a]")),
        refused(400, "Host with high byte", bad_host(" \xc3\xa9")),
        refused(400, "Host with query", bad_host(" a?b")),
    };
    cases.insert(cases.end(), more.begin(), more.end());
}

void add_lengths(std::vector<wire_case>& cases) {
    const std::vector<wire_case> more{
        accepted("content of known length", post("Content-Length: 5\r\n\r\nhello")),
        accepted("length with zeros", post("Content-Length: 005\r\n\r\nhello")),
        accepted("length 0", post("Content-Length: 0\r\n\r\n")),
        accepted("length in odd capitals", post("cOnTeNt-lEnGtH: 5\r\n\r\nhello")),
        accepted("length in HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"),
        accepted("content, then another request",
                 post("Content-Length: 5\r\n\r\nhello") + get("\r\n"), 2),
        accepted("content that looks like a request",
                 post("Content-Length: 27\r\n\r\n") + get("\r\n"), 1),
        accepted("content with GET", get("Content-Length: 5\r\n\r\nhello")),
        unfinished("content cut short", post("Content-Length: 5\r\n\r\nhell")),
        unfinished("content not begun", post("Content-Length: 5\r\n\r\n")),
        refused(400, "length with plus", length(" +5")),
        refused(400, "negative length", length(" -5")),
        refused(400, "negative zero", length(" -0")),
        refused(400, "list of lengths", length(" 5, 5")),
        refused(400, "list without blank", length(" 5,5")),
        refused(400, "list of different lengths", length(" 5, 6")),
        refused(400, "length followed by letter", length(" 5x")),
        refused(400, "length with blank inside", length(" 5 5")),
        refused(400, "length in hex", length(" 0x5")),
        refused(400, "length in hex digits", length(" a")),
        refused(400, "length with fraction", length(" 5.0")),
        refused(400, "length with exponent", length(" 5e0")),
        refused(400, "length with separator", length(" 1_000")),
        refused(400, "length in quotes", length(" \"5\"")),
        refused(400, "empty length", length("")),
        refused(400, "blank length", length(" \t ")),
        refused(400, "length 2^64", length(" 18446744073709551616")),
        refused(400, "length 2^64 + 5", length(" 18446744073709551621")),
        refused(400, "length of 30 digits", length(" 999999999999999999999999999999")),
        refused(400, "length in wide digits", length(" \xef\xbc\x95")),
        refused(400, "two different lengths",
                post("Content-Length: 5\r\nContent-Length: 6\r<!>\n\r\nhello")),
        refused(400, "two equal lengths",
                post("Content-Length: 5\r\nContent-Length: 5\r<!>\n\r\nhello")),
        refused(400, "two zero lengths", post("Content-Length: 0\r\nContent-Length: 0\r<!>\n\r\n")),
        refused(400, "blank before the colon of the length",
                post("Content-Length<!> : 5\r\n\r\nhello")),
        refused(413, "length 2^64 - 1",
                post("Content-Length: 18446744073709551615\r\n\r<!>\nhello")),
    };
    cases.insert(cases.end(), more.begin(), more.end());
}

void add_codings(std::vector<wire_case>& cases) {
    const std::vector<wire_case> more{
        accepted("chunked in capitals", post("Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n")),
        accepted("chunked between blanks",
                 post("Transfer-Encoding:\t chunked \t\r\n\r\n0\r\n\r\n")),
        refused(501, "gzip", coding(" gzip")),
        refused(501, "identity", coding(" identity")),
        refused(501, "xchunked", coding(" xchunked")),
        refused(501, "chunkedx", coding(" chunkedx")),
        refused(501, "gzip, chunked", coding(" gzip, chunked")),
        refused(501, "identity, chunked", coding(" identity, chunked")),
        refused(501, "coding with parameter", coding(" gzip;level=1, chunked")),
        refused(400, "chunked, identity", coding(" chunked, identity")),
        refused(400, "chunked, gzip", coding(" chunked, gzip")),
        refused(400, "chunked, chunked", coding(" chunked, chunked")),
        refused(400, "chunked with comma", coding(" chunked,")),
        refused(400, "comma before chunked", coding(" , chunked")),
        refused(400, "chunked with semicolon", coding(" chunked;")),
        refused(400, "chunked with parameter", coding(" chunked;a=b")),
        refused(400, "chunked in quotes", coding(" \"chunked\"")),
        refused(400, "two words", coding(" chunked gzip")),
        refused(400, "empty coding", coding("")),
        refused(400, "blank coding", coding(" ")),
        refused(400, "comma alone", coding(" ,")),
        refused(400, "vertical tab before chunked",
                post("Transfer-Encoding: <!>\x0b"
                     "chunked\r\n\r\n0\r\n\r\n")),
        refused(400, "NUL behind chunked",
                post("Transfer-Encoding: chunked<!>\0\r\n\r\n0\r\n\r\n"s)),
        refused(400, "blank before the colon of the coding",
                post("Transfer-Encoding<!> : chunked\r\n\r\n0\r\n\r\n")),
        refused(400, "folded coding", post("Transfer-Encoding:\r<!>\n chunked\r\n\r\n0\r\n\r\n")),
        refused(400, "two codings",
                post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r<!>\n\r\n")),
        refused(400, "chunked, then identity in its own line",
                post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r<!>\n\r\n")),
        refused(400, "length, then coding",
                post("Content-Length: 5\r\nTransfer-Encoding: chunked\r<!>\n\r\n0\r\n\r\n")),
        refused(400, "coding, then length",
                post("Transfer-Encoding: chunked\r\nContent-Length: 5\r<!>\n\r\n0\r\n\r\n")),
        refused(400, "coding, then length 0",
                post("Transfer-Encoding: chunked\r\nContent-Length: 0\r<!>\n\r\n")),
        refused(400, "length, then unknown coding",
                post("Content-Length: 5\r\nTransfer-Encoding: gzip\r<!>\n\r\n")),
        refused(400, "coding in HTTP/1.0",
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r<!>\n\r\n0\r\n\r\n"),
        refused(400, "unknown coding in HTTP/1.0",
                "POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r<!>\n\r\n"),
    };
    cases.insert(cases.end(), more.begin(), more.end());
}

void add_chunks(std::vector<wire_case>& cases) {
    const std::vector<wire_case> more{
        accepted("two chunks", chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")),
        accepted("no content", chunked("0\r\n\r\n")),
        accepted("last chunk of many zeros", chunked("0000000000000000\r\n\r\n")),
        accepted("hex in both cases", chunked("A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n")),
        accepted("size with zeros", chunked("005\r\nhello\r\n0\r\n\r\n")),
        accepted("size of 16 digits", chunked("0000000000000005\r\nhello\r\n0\r\n\r\n")),
        accepted("chunks, then another request", chunked("0\r\n\r\n") + get("\r\n"), 2),
        accepted("line ends as data", chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n")),
        accepted("extension without value", chunked("5;a\r\nhello\r\n0;b\r\n\r\n")),
        accepted("extension with value", chunked("5;a=b;c=d\r\nhello\r\n0\r\n\r\n")),
        accepted("extension with bad blanks", chunked("5 ; a\t= b ;c\r\nhello\r\n0\r\n\r\n")),
        accepted("extension in quotes", chunked("5;a=\"b;\\\"c\\\\ \"\r\nhello\r\n0\r\n\r\n")),
        accepted("extension behind quotes", chunked("5;a=\"\" ;b\r\nhello\r\n0\r\n\r\n")),
        accepted("trailers", chunked("0\r\nA: b\r\nC:d\r\n\r\n")),
        accepted("length as a trailer changes nothing",
                 chunked("0\r\nContent-Length: 9\r\n\r\n") + get("\r\n"), 2),
        refused(400, "bare LF after the size", chunked("5<!>\nhello\r\n0\r\n\r\n")),
        refused(400, "bare CR after the size", chunked("5\r<!>hello\r\n0\r\n\r\n")),
        refused(400, "bare LF after the data", chunked("5\r\nhello<!>\n0\r\n\r\n")),
        refused(400, "bare CR after the data", chunked("5\r\nhello\r<!>0\r\n\r\n")),
        refused(400, "two bytes for the line end after data", chunked("5\r\nhello<!>XX0\r\n\r\n")),
        refused(400, "data longer than its size", chunked("4\r\nhell<!>o\r\n0\r\n\r\n")),
        refused(400, "bare LF after the last size", chunked("0<!>\n\r\n")),
        refused(400, "bare LF instead of trailers", chunked("0\r\n<!>\n")),
        refused(400, "no size", chunked("<!>\r\n")),
        refused(400, "extension without size", chunked("<!>;a\r\n")),
        refused(400, "blank before the size", chunked("<!> 5\r\nhello\r\n0\r\n\r\n")),
        refused(400, "size with plus", chunked("<!>+5\r\nhello\r\n0\r\n\r\n")),
        refused(400, "negative size", chunked("<!>-5\r\nhello\r\n0\r\n\r\n")),
        refused(400, "size with 0x", chunked("0<!>x5\r\nhello\r\n0\r\n\r\n")),
        refused(400, "size with letter beyond hex", chunked("5<!>g\r\nhello\r\n0\r\n\r\n")),
        refused(400, "size with separator", chunked("1<!>_0\r\n")),
        refused(400, "size of 17 digits", chunked("1000000000000000<!>1\r\n")),
        refused(400, "size of 17 zeros", chunked("0000000000000000<!>0\r\n\r\n")),
        refused(413, "size 2^64 - 1", chunked("ffffffffffffffff\r<!>\n")),
        refused(400, "blank behind the size", chunked("5 <!>\r\nhello\r\n0\r\n\r\n")),
        refused(400, "NUL behind the size", chunked("5<!>\0\r\nhello\r\n"s)),
        refused(400, "extension without name", chunked("5;<!>\r\nhello\r\n")),
        refused(400, "extension without name but value", chunked("5;<!>=a\r\nhello\r\n")),
        refused(400, "extension without value behind equals", chunked("5;a=<!>\r\nhello\r\n")),
        refused(400, "bare LF in an extension", chunked("5;a<!>\nhello\r\n")),
        refused(400, "bare CR in an extension", chunked("5;a\r<!>b\r\nhello\r\n")),
        refused(400, "CR in a quoted extension", chunked("5;a=\"<!>\r\n\"\r\nhello\r\n")),
        refused(400, "LF in a quoted extension", chunked("5;a=\"<!>\n\"\r\nhello\r\n")),
        refused(400, "escaped LF in an extension", chunked("5;a=\"\\<!>\n\"\r\nhello\r\n")),
        refused(400, "token behind quotes", chunked("5;a=\"b\"<!>c\r\nhello\r\n")),
        refused(400, "blank at the end of an extension", chunked("5;a <!>\r\nhello\r\n")),
        refused(400, "two words in an extension", chunked("5;a <!>b\r\nhello\r\n")),
        refused(400, "comma between extensions", chunked("5;a<!>,b\r\nhello\r\n")),
        refused(400, "folded trailer", chunked("0\r\nA: b\r\n<!> c\r\n\r\n")),
        refused(400, "trailer without colon", chunked("0\r\nA<!>\r\n\r\n")),
        refused(400, "trailer with blank before the colon", chunked("0\r\nA<!> : b\r\n\r\n")),
        refused(400, "trailer with NUL", chunked("0\r\nA: <!>\0\r\n\r\n"s)),
        refused(400, "trailer with bare LF", chunked("0\r\nA: b<!>\n\r\n")),
        refused(400, "trailer section ended by bare CR", chunked("0\r\n\r<!>\r\n")),
        refused(400, "request where the trailers should end",
                chunked("0\r\nGET<!> / HTTP/1.1\r\nHost: a\r\n\r\n")),
        unfinished("half a size", chunked("5")),
        unfinished("half a chunk", chunked("5\r\nhel")),
        unfinished("no line end after data", chunked("5\r\nhello")),
        unfinished("no last chunk", chunked("5\r\nhello\r\n")),
        unfinished("no end of trailers", chunked("0\r\n")),
        unfinished("half a trailer", chunked("0\r\nA: b")),
    };
    cases.insert(cases.end(), more.begin(), more.end());
}

void add_connections(std::vector<wire_case>& cases) {
    const std::vector<wire_case> more{
        accepted("close", get("Connection: close\r\n\r\n")),
        accepted("list with empty members", get("Connection: , close ,,keep-alive,\r\n\r\n")),
        accepted("empty Connection", get("Connection:\r\n\r\n")),
        accepted("upgrade that is not taken up",
                 get("Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")),
        refused(400, "blank in an option", get("Connection: keep alive\r<!>\n\r\n")),
        refused(400, "quoted option", get("Connection: \"close\"\r<!>\n\r\n")),
        refused(400, "option with semicolon", get("Connection: close;a\r<!>\n\r\n")),
        refused(400, "smuggled after a good request",
                get("\r\n") + get("Content-Length: 1\r\nTransfer-Encoding: chunked\r<!>\n\r\n")),
        accepted("three pipelined requests", get("\r\n") + line("/b") + line("/c", "HEAD"), 3),
        unfinished("two and a half pipelined requests", get("\r\n") + get("\r\n") + "GET /", 2),
        refused(400, "zero byte between requests", get("\r\n") + "<!>\0"s + get("\r\n")),
    };
    cases.insert(cases.end(), more.begin(), more.end());
}

const std::vector<wire_case>& wire_cases() {
    static const std::vector<wire_case> cases = [] {
        std::vector<wire_case> all;
        add_request_lines(all);
        add_targets(all);
        add_field_lines(all);
        add_hosts(all);
        add_lengths(all);
        add_codings(all);
        add_chunks(all);
        add_connections(all);
        return all;
    }();
    return cases;
}

/// What `seen` claims, if it is not what `expected` wants; empty if it is.
std::string complaint(const wire_case& expected, const transcript& seen) {
    const bool is_right = expected.status != 0
                              ? seen.has_failed &&
                                    static_cast<int>(seen.error.code) == expected.status &&
                                    seen.error_at == expected.refused_at
                              : !seen.has_failed && seen.requests == expected.requests &&
                                    seen.is_between == expected.is_whole;
    if (is_right) return {};
    return "want status " + std::to_string(expected.status) + " at " +
           std::to_string(expected.refused_at) + " or " + std::to_string(expected.requests) +
           " requests, got " + std::to_string(seen.requests) + " and:\n" + seen.text;
}

TEST(http_parser_cases, have_different_names_and_bytes) {
    std::set<std::string> names;
    std::set<std::string> bytes;

    for (const auto& one : wire_cases()) {
        EXPECT_TRUE(names.insert(one.name).second) << one.name;
        EXPECT_TRUE(bytes.insert(one.bytes).second) << one.name;
    }

    EXPECT_GE(names.size(), 250U);
}

TEST(http_parser_cases, get_their_verdict_when_the_bytes_come_at_once) {
    for (const auto& one : wire_cases()) {
        EXPECT_EQ(complaint(one, transcribe_whole(one.bytes)), "") << one.name;
    }
}

TEST(http_parser_cases, get_their_verdict_when_the_bytes_come_one_by_one) {
    for (const auto& one : wire_cases()) {
        EXPECT_EQ(complaint(one, transcribe_bytewise(one.bytes)), "") << one.name;
    }
}

TEST(http_parser_cases, read_the_same_at_fifty_random_cuts) {
    std::minstd_rand random{20240229};
    for (const auto& one : wire_cases()) {
        const auto whole = transcribe_whole(one.bytes);
        for (int round = 0; round < 50; ++round) {
            const auto longest = 1 + random() % 40;
            const auto cut = transcribe(
                one.bytes, {}, [&](std::size_t end) { return end + 1 + random() % longest; });
            ASSERT_TRUE(cut.agrees_with(whole)) << one.name << "\n" << cut.text << whole.text;
        }
    }
}

TEST(http_parser_cases, are_refused_by_the_marked_byte_and_not_before) {
    for (const auto& one : wire_cases()) {
        if (one.status == 0) continue;
        const std::string_view bytes = one.bytes;

        EXPECT_FALSE(transcribe_whole(bytes.substr(0, one.refused_at)).has_failed) << one.name;
        EXPECT_TRUE(transcribe_whole(bytes.substr(0, one.refused_at + 1)).has_failed) << one.name;
    }
}

TEST(http_parser_cases, cost_work_that_grows_with_their_bytes_only) {
    for (const auto& one : wire_cases()) {
        EXPECT_LE(transcribe_bytewise(one.bytes).work, 3 * one.bytes.size()) << one.name;
    }
}

// ---- what a request says ---------------------------------------------------------------------

/// A parser that has read one head, with the bytes it points into.
class parsed_head {
public:
    explicit parsed_head(std::string bytes) : bytes_(std::move(bytes)) {
        EXPECT_EQ(parser_.parse(bytes_).what, parse_event::head) << bytes_;
    }

    const http::request& operator*() const { return parser_.request(); }

    const http::request* operator->() const { return &parser_.request(); }

private:
    std::string bytes_;
    request_parser parser_;
};

TEST(http_request, shows_fields_in_order_and_without_blanks_around_values) {
    const parsed_head head{get("One:  1 \t\r\nTWO:2\r\n\r\n")};

    std::vector<std::pair<std::string_view, std::string_view>> fields;
    for (std::size_t i = 0; i < head->field_count(); ++i) {
        fields.emplace_back(head->field_at(i).name, head->field_at(i).value);
    }

    EXPECT_THAT(fields, ::testing::ElementsAre(std::pair("Host", "a"), std::pair("One", "1"),
                                               std::pair("TWO", "2")));
}

TEST(http_request, finds_the_first_field_of_a_name_in_any_case) {
    const parsed_head head{get("X-Key: 1\r\nx-key: 2\r\n\r\n")};

    EXPECT_EQ(head->find("X-KEY"), "1");
}

TEST(http_request, finds_no_field_that_was_not_sent) {
    const parsed_head head{get("X-Key: 1\r\n\r\n")};

    EXPECT_EQ(head->find("X-Ke"), std::nullopt);
}

TEST(http_request, knows_the_methods) {
    const std::vector<std::pair<std::string, http::request_method>> methods{
        {"GET", http::request_method::get},        {"HEAD", http::request_method::head},
        {"POST", http::request_method::post},      {"PUT", http::request_method::put},
        {"DELETE", http::request_method::delete_}, {"OPTIONS", http::request_method::options},
        {"TRACE", http::request_method::trace},    {"PATCH", http::request_method::patch},
        {"get", http::request_method::other},      {"GETS", http::request_method::other},
        {"Connect", http::request_method::other},  {"PUSH", http::request_method::other},
    };

    for (const auto& [name, method] : methods) {
        EXPECT_EQ(parsed_head { line("/", name) } -> method(), method) << name;
    }
}

TEST(http_request, splits_an_origin_target_at_the_first_question_mark) {
    const parsed_head head{line("/a/b?c?d")};

    EXPECT_EQ(std::pair(head->path(), head->query()),
              (std::pair<std::string_view, std::string_view>("/a/b", "c?d")));
}

TEST(http_request, splits_an_absolute_target_behind_its_authority) {
    const parsed_head head{line("http://b.test:80/a?c")};

    EXPECT_EQ(std::pair(head->path(), head->query()),
              (std::pair<std::string_view, std::string_view>("/a", "c")));
}

TEST(http_request, gives_an_absolute_target_without_path_the_root) {
    EXPECT_EQ(parsed_head { line("http://b.test?c") } -> path(), "/");
}

TEST(http_request, takes_its_host_from_an_absolute_target_before_the_field) {
    EXPECT_EQ(parsed_head { line("http://b.test:80/") } -> host(), "b.test:80");
}

TEST(http_request, takes_its_host_from_the_field_otherwise) {
    EXPECT_EQ(parsed_head { host(" b.test:80 ") } -> host(), "b.test:80");
}

TEST(http_request, does_not_inherit_the_host_of_the_request_before) {
    request_parser parser;
    parser.parse("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    parser.parse("");

    parser.parse("GET / HTTP/1.0\r\n\r\n");

    EXPECT_EQ(parser.request().host(), "");
}

TEST(http_request, does_not_inherit_close_from_the_request_before) {
    request_parser parser;
    parser.parse(get("Connection: close\r\n\r\n"));
    parser.parse("");

    parser.parse(get("\r\n"));

    EXPECT_TRUE(parser.request().keep_alive());
}

TEST(http_request, keeps_the_connection_as_version_and_options_say) {
    const std::vector<std::pair<std::string, bool>> cases{
        {"GET / HTTP/1.1\r\nHost: a\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nconnection: Keep-Alive, Close\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x-close, closed\r\n", true},
        {"GET / HTTP/1.0\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: x ,\tKEEP-ALIVE\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n", false},
        {"GET / HTTP/1.0\r\nKeep-Alive: 5\r\n", false},
    };

    for (const auto& [bytes, keeps] : cases) {
        EXPECT_EQ(parsed_head{bytes + "\r\n"} -> keep_alive(), keeps) << bytes;
    }
}

TEST(http_request, expects_100_continue_in_any_case) {
    EXPECT_TRUE(parsed_head { post("Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n") }
                -> expects_continue());
}

TEST(http_request, of_version_1_0_expects_nothing) {
    EXPECT_FALSE(parsed_head{"POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"}
                 -> expects_continue());
}

TEST(http_request, knows_the_length_of_its_content_unless_chunked) {
    EXPECT_EQ(parsed_head { post("Content-Length: 7\r\n\r\n") } -> content_length(), 7U);
    EXPECT_EQ(parsed_head { get("\r\n") } -> content_length(), 0U);
    EXPECT_EQ(parsed_head { chunked("") } -> content_length(), std::nullopt);
}

// ---- how a parser is driven ------------------------------------------------------------------

TEST(http_parser, tells_head_content_and_end_one_after_the_other) {
    request_parser parser;
    const std::string bytes = post("Content-Length: 5\r\n\r\nhello") + "GET";
    std::string_view rest = bytes;
    std::vector<parse_event> events;

    do {
        const auto step = parser.parse(rest);
        rest.remove_prefix(step.consumed);
        events.push_back(step.what);
    } while (events.back() != parse_event::need_more);

    EXPECT_THAT(events, ::testing::ElementsAre(parse_event::head, parse_event::content,
                                               parse_event::complete, parse_event::need_more));
    EXPECT_EQ(rest, "GET");
}

TEST(http_parser, hands_content_over_without_copying_it) {
    request_parser parser;
    const std::string bytes = post("Content-Length: 5\r\n\r\nhello");
    const auto head_size = parser.parse(bytes).consumed;

    const auto step = parser.parse(std::string_view{bytes}.substr(head_size));

    EXPECT_EQ(step.content.data(), bytes.data() + head_size);
}

TEST(http_parser, joins_chunks_of_one_content) {
    const auto seen =
        transcribe_whole(chunked("5\r\nhello\r\n1;a=b\r\n \r\n5\r\nworld\r\n0\r\n\r\n"));

    EXPECT_THAT(seen.text, ::testing::HasSubstr("complete hello world\n"));
}

TEST(http_parser, consumes_nothing_of_an_unfinished_head) {
    request_parser parser;

    const auto step = parser.parse(get("Accept: tex"));

    EXPECT_EQ(std::pair(step.what, step.consumed),
              std::pair(parse_event::need_more, std::size_t{0}));
}

TEST(http_parser, stays_failed) {
    request_parser parser;
    parser.parse("\n");

    const auto step = parser.parse(get("\r\n"));

    EXPECT_EQ(step.what, parse_event::failed);
}

TEST(http_parser, is_between_requests_until_the_first_byte_of_a_method) {
    request_parser parser;
    parser.parse("\r\n");
    EXPECT_FALSE(parser.is_between_requests());

    request_parser fresh;
    fresh.parse("\r");
    EXPECT_TRUE(fresh.is_between_requests());
}

TEST(http_parser, is_not_between_requests_before_the_end_was_told) {
    request_parser parser;
    parser.parse(get("\r\n"));

    EXPECT_FALSE(parser.is_between_requests());
}

TEST(http_parser, counts_the_offset_of_an_error_from_its_own_request) {
    const auto good = get("\r\n");

    const auto seen = transcribe_whole(good + "GET /\n");

    EXPECT_EQ(std::pair(seen.error.offset, seen.error_at),
              std::pair(std::uint64_t{5}, std::uint64_t{good.size() + 5}));
}

/// The loop that the documentation of request_parser shows, around a client made of strings: each
/// is what one read finds. Returns what each write sent.
std::vector<std::string> serve(const std::vector<std::string>& arrivals) {
    std::vector<char> in(256);
    request_parser parser{limits::for_buffer(in.size())};
    std::vector<std::string> writes;
    std::string out;
    http::response answer;
    bool is_open = true;
    std::size_t end = 0;
    for (std::size_t arrival = 0; is_open && arrival < arrivals.size(); ++arrival) {
        const auto& bytes = arrivals[arrival];
        std::copy(bytes.begin(), bytes.end(), in.begin() + static_cast<std::ptrdiff_t>(end));
        end += bytes.size();
        std::size_t begin = 0;
        for (bool starved = false; is_open && !starved;) {
            const auto step = parser.parse({in.data() + begin, end - begin});
            begin += step.consumed;
            switch (step.what) {
                case parse_event::head:
                    answer = {.content = parser.request().path() == "/" ? "root" : "other"};
                    answer.is_for_head = parser.request().method() == http::request_method::head;
                    answer.connection = connection_for(parser.request());
                    break;
                case parse_event::content:
                    break;
                case parse_event::complete:
                    EXPECT_EQ(append(out, answer), http::append_result::appended);
                    is_open = parser.request().keep_alive();
                    break;
                case parse_event::need_more:
                    starved = true;
                    break;
                case parse_event::failed:
                    append_error(out, parser.error().code);
                    is_open = false;
                    break;
            }
        }
        writes.push_back(out);
        out.clear();
        std::copy(in.data() + begin, in.data() + end, in.data());
        end -= begin;
    }
    return writes;
}

constexpr std::string_view root_answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nroot";
constexpr std::string_view other_answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother";

TEST(http_parser, answers_what_came_together_in_order_and_one_write) {
    EXPECT_THAT(
        serve({get("\r\n") + line("/b") + get("\r\n")}),
        ::testing::ElementsAre(std::string{root_answer}.append(other_answer).append(root_answer)));
}

TEST(http_parser, answers_a_request_in_pieces_behind_others_when_it_is_whole) {
    EXPECT_THAT(serve({get("\r\n") + "GET /b HT", "TP/1.1\r\nHost: a\r", "\n\r\nGE"}),
                ::testing::ElementsAre(root_answer, "", other_answer));
}

TEST(http_parser, answers_a_request_with_broken_content_once) {
    const auto writes = serve({chunked("5\r\nhel"), "lo\n"});

    EXPECT_EQ(writes.at(0), "");
    EXPECT_TRUE(writes.at(1).starts_with("HTTP/1.1 400 ")) << writes.at(1);
}

TEST(http_parser, answers_nothing_behind_a_request_that_closes) {
    const auto writes = serve({get("Connection: close\r\n\r\n") + get("\r\n"), get("\r\n")});

    EXPECT_THAT(writes, ::testing::ElementsAre("HTTP/1.1 200 OK\r\nConnection: close\r\n"
                                               "Content-Length: 4\r\n\r\nroot"));
}

TEST(http_parser, refuses_a_head_that_would_fill_the_buffer) {
    const auto writes = serve({get("A: " + std::string(100, 'b')), std::string(120, 'b')});

    EXPECT_TRUE(writes.at(1).starts_with("HTTP/1.1 431 ")) << writes.at(1);
}

// ---- limits ----------------------------------------------------------------------------------

int status_of(const std::string& bytes, const limits& accepted = {}) {
    const auto whole = transcribe_whole(bytes, accepted);
    const auto bytewise = transcribe_bytewise(bytes, accepted);
    EXPECT_TRUE(whole.agrees_with(bytewise)) << whole.text << "\n" << bytewise.text;
    return whole.has_failed ? static_cast<int>(whole.error.code) : 0;
}

/// A request whose line has `size` bytes with its line end.
std::string request_with_line_of(std::size_t size) {
    const std::string fixed = "GET / HTTP/1.1\r\n";
    return line("/" + std::string(size - fixed.size(), 'a'));
}

/// A request whose header section has `size` bytes with the empty line.
std::string request_with_section_of(std::size_t size) {
    const std::string fixed = "Host: a\r\nA: \r\n\r\n";
    return get("A: " + std::string(size - fixed.size(), 'b') + "\r\n\r\n");
}

/// A request with `count` fields.
std::string request_with_fields(std::size_t count) {
    std::string fields;
    for (std::size_t i = 1; i < count; ++i)
        fields += "A: b\r\n";
    return get(fields + "\r\n");
}

/// A chunked request whose trailer section has `size` bytes with the empty line.
std::string request_with_trailers_of(std::size_t size) {
    return chunked("0\r\nA: " + std::string(size - 7, 'b') + "\r\n\r\n");
}

TEST(http_parser_limits, request_line_passes_at_8192_bytes) {
    EXPECT_EQ(status_of(request_with_line_of(8192)), 0);
}

TEST(http_parser_limits, request_line_fails_at_8193_bytes) {
    EXPECT_EQ(status_of(request_with_line_of(8193)), 414);
}

TEST(http_parser_limits, endless_target_fails_at_byte_8192) {
    const auto seen = transcribe_whole("GET /" + std::string(100'000, 'a'));

    EXPECT_EQ(std::pair(static_cast<int>(seen.error.code), seen.error_at),
              std::pair(414, std::uint64_t{8192}));
}

TEST(http_parser_limits, header_section_passes_at_16384_bytes) {
    EXPECT_EQ(status_of(request_with_section_of(16384)), 0);
}

TEST(http_parser_limits, header_section_fails_at_16385_bytes) {
    EXPECT_EQ(status_of(request_with_section_of(16385)), 431);
}

TEST(http_parser_limits, endless_name_fails) {
    EXPECT_EQ(status_of(get(std::string(20'000, 'a'))), 431);
}

TEST(http_parser_limits, line_of_one_mebibyte_fails_within_the_limit) {
    const auto seen = transcribe_whole(get("A: " + std::string(1 << 20, 'b')));

    EXPECT_EQ(static_cast<int>(seen.error.code), 431);
    EXPECT_LE(seen.work, 2U * 16384U);
}

TEST(http_parser_limits, hundred_fields_pass) {
    EXPECT_EQ(status_of(request_with_fields(100)), 0);
}

TEST(http_parser_limits, hundred_and_one_fields_fail) {
    EXPECT_EQ(status_of(request_with_fields(101)), 431);
}

TEST(http_parser_limits, longest_line_and_section_pass_together) {
    std::string bytes = "\r\n" + request_with_line_of(8192);
    bytes.erase(bytes.size() - 2);
    bytes += "A: " + std::string(16384 - 9 - 7, 'b') + "\r\n\r\n";

    EXPECT_EQ(bytes.size(), limits{}.head());
    EXPECT_EQ(status_of(bytes), 0);
}

TEST(http_parser_limits, content_passes_at_the_limit) {
    EXPECT_EQ(status_of(post("Content-Length: 9\r\n\r\n123456789"), {.content = 9}), 0);
}

TEST(http_parser_limits, announced_content_fails_one_past_the_limit) {
    EXPECT_EQ(status_of(post("Content-Length: 10\r\n\r\n"), {.content = 9}), 413);
}

TEST(http_parser_limits, chunks_pass_at_the_limit_together) {
    EXPECT_EQ(status_of(chunked("5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n"), {.content = 9}), 0);
}

TEST(http_parser_limits, chunks_fail_one_past_the_limit_together) {
    EXPECT_EQ(status_of(chunked("5\r\n12345\r\n5\r\n"), {.content = 9}), 413);
}

TEST(http_parser_limits, chunk_sizes_do_not_wrap_around) {
    EXPECT_EQ(status_of(chunked("5\r\n12345\r\nfffffffffffffffb\r\n"), {.content = 9}), 413);
}

TEST(http_parser_limits, extensions_pass_at_the_limit) {
    EXPECT_EQ(status_of(chunked("1;aaa\r\nx\r\n0;aaaa\r\n\r\n"), {.chunk_extensions = 9}), 0);
}

TEST(http_parser_limits, extensions_fail_one_past_the_limit_over_all_chunks) {
    EXPECT_EQ(status_of(chunked("1;aaa\r\nx\r\n0;aaaaa\r\n\r\n"), {.chunk_extensions = 9}), 400);
}

TEST(http_parser_limits, extensions_are_counted_anew_for_each_content) {
    const auto one = chunked("0;aaaa\r\n\r\n");

    EXPECT_EQ(status_of(one + one, {.chunk_extensions = 5}), 0);
}

TEST(http_parser_limits, extension_of_one_mebibyte_fails_within_the_limit) {
    const auto seen = transcribe_whole(chunked("1;" + std::string(1 << 20, 'a')));

    EXPECT_EQ(static_cast<int>(seen.error.code), 400);
    EXPECT_LE(seen.work, 5000U);
}

TEST(http_parser_limits, trailers_pass_at_4096_bytes) {
    EXPECT_EQ(status_of(request_with_trailers_of(4096)), 0);
}

TEST(http_parser_limits, trailers_fail_at_4097_bytes) {
    EXPECT_EQ(status_of(request_with_trailers_of(4097)), 400);
}

TEST(http_parser_limits, ten_thousand_trailers_fail) {
    std::string trailers;
    for (int i = 0; i < 10'000; ++i)
        trailers += "a:\r\n";

    EXPECT_EQ(status_of(chunked("0\r\n" + trailers + "\r\n")), 400);
}

TEST(http_parser_limits, beyond_the_array_of_fields_are_lowered) {
    EXPECT_EQ(status_of(request_with_fields(101), {.fields = 1000}), 431);
}

TEST(http_parser_limits, beyond_16_bit_offsets_are_lowered) {
    const auto huge = std::size_t{1} << 40U;

    EXPECT_EQ(status_of(request_with_section_of(70'000),
                        {.method = huge, .request_line = huge, .header_section = huge}),
              431);
}

TEST(http_parser_limits, for_a_buffer_let_no_head_outgrow_it) {
    for (const std::size_t capacity : {64U, 100U, 1024U, 16384U, 24578U, 24579U, 65536U}) {
        EXPECT_LE(limits::for_buffer(capacity).head(), capacity) << capacity;
    }
}

TEST(http_parser_limits, for_a_large_buffer_are_the_default) {
    EXPECT_EQ(limits::for_buffer(65536).head(), limits{}.head());
}

// ---- work ------------------------------------------------------------------------------------

TEST(http_parser_work, of_the_longest_head_is_linear_byte_by_byte) {
    const auto bytes = request_with_section_of(16384);

    EXPECT_LE(transcribe_bytewise(bytes).work, 2 * bytes.size() + 100);
}

TEST(http_parser_work, of_many_small_chunks_is_linear) {
    std::string content;
    for (int i = 0; i < 20'000; ++i)
        content += "1\r\nx\r\n";
    const auto bytes = chunked(content + "0\r\n\r\n");

    const auto seen = transcribe(bytes, {}, [](std::size_t end) { return end + 997; });

    EXPECT_EQ(seen.requests, 1U);
    EXPECT_LE(seen.work, 2 * bytes.size());
    EXPECT_LE(seen.calls, bytes.size());
}

TEST(http_parser_work, of_many_pipelined_requests_is_linear) {
    std::string bytes;
    for (int i = 0; i < 1000; ++i)
        bytes += get("User-Agent: test\r\nAccept: */*\r\n\r\n");

    const auto seen = transcribe(bytes, {}, [](std::size_t end) { return end + 1021; });

    EXPECT_EQ(seen.requests, 1000U);
    EXPECT_LE(seen.work, 3 * bytes.size());
}

// ---- scanners --------------------------------------------------------------------------------

/// Every byte at every place of a run, and every length: the fast scanner against the table.
template <http::detail::byte_class Set, class Scan>
void expect_same_as_table(Scan scan) {
    for (int byte = 0; byte < 256; ++byte) {
        for (std::size_t size = 0; size <= 40; ++size) {
            for (std::size_t at = 0; at < size; ++at) {
                const std::unique_ptr<char[]> run{new char[size]};
                std::fill_n(run.get(), size, 'a');
                run[at] = static_cast<char>(byte);
                const char* const end = run.get() + size;
                ASSERT_EQ(scan(run.get(), end), http::detail::skip<Set>(run.get(), end))
                    << "byte " << byte << " at " << at << " of " << size;
            }
        }
    }
}

TEST(http_scan, of_values_stops_where_the_table_does) {
    expect_same_as_table<http::detail::byte_class::value>(http::detail::skip_value);
}

TEST(http_scan, of_targets_stops_where_the_table_does) {
    expect_same_as_table<http::detail::byte_class::target>(http::detail::skip_target);
}

TEST(http_scan, of_tokens_stops_where_the_table_does) {
    expect_same_as_table<http::detail::byte_class::token>(http::detail::skip_token);
}

TEST(http_scan, compares_words_of_every_length_in_any_case) {
    const std::string lower = "abcdefghijklmnopqrstuvwxyz-0123456789";
    for (std::size_t size = 0; size <= lower.size(); ++size) {
        const auto word = lower.substr(0, size);
        auto text = word;
        for (auto& byte : text) {
            if (byte >= 'a' && byte <= 'z') byte = static_cast<char>(byte - 'a' + 'A');
        }
        EXPECT_TRUE(http::detail::is_any_case(text, word));
        for (std::size_t at = 0; at < size; ++at) {
            auto other = text;
            other[at] = '~';
            EXPECT_FALSE(http::detail::is_any_case(other, word)) << other;
        }
    }
}

}  // namespace
