#pragma once

#include "http/request.h"
#include "http/status.h"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace http {

/// What a response says about the connection.
enum class connection_option : std::uint8_t {
    implied,     ///< nothing: HTTP/1.1 stays open
    close,       ///< this is the last response; close after it
    keep_alive,  ///< for a client of HTTP/1.0 that asked for it
};

/// The option that answers what `asked` wants; `close` if the server is about to end anyway.
constexpr connection_option connection_for(const request& asked, bool is_closing = false) noexcept {
    if (is_closing || !asked.keep_alive()) return connection_option::close;
    if (asked.version() == protocol_version::http_1_0) return connection_option::keep_alive;
    return connection_option::implied;
}

/// One response, as views that need to live until it has been appended.
struct response {
    status code = status::ok;
    connection_option connection = connection_option::implied;
    bool is_for_head = false;         ///< the request was HEAD: lengths as for GET, no content
    std::string_view date{};          ///< an IMF-fixdate; left out when empty
    std::string_view content_type{};  ///< left out when empty
    std::string_view content{};
    std::span<const field> fields{};  ///< further fields, in this order
};

/// Why a response was not appended.
enum class append_result : std::uint8_t {
    appended,
    bad_name,       ///< a field name is not a token
    bad_value,      ///< a value holds CR, LF, NUL or another control character
    reserved_name,  ///< Content-Length, Transfer-Encoding or Connection: the writer's own business
};

/// Appends `answer` to `out`, whole or not at all.
///
/// The status line, `Connection` if there is something to say, `Date`, `Content-Type`, the further
/// fields, `Content-Length`, the empty line and the content. A status that never has content (1xx,
/// 204, 304) gets neither content nor length, whatever the handler wrote: a client would take
/// either for the next response.
///
/// Cost: no allocation once `out` has had room for as much before; one copy of each byte.
[[nodiscard]] append_result append(std::string& out, const response& answer);

/// Appends the answer to a request that could not be understood or waited for, with the reason
/// phrase as its content. It announces the end of the connection; close after sending it.
void append_error(std::string& out, status code, std::string_view date = {});

/// Appends the interim response that lets a client with `Expect: 100-continue` send its content.
void append_continue(std::string& out);

}  // namespace http
