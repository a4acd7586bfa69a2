// A small HTTP/1.1 server: keep-alive, pipelining, deadlines for slow clients.
//   build/release/bin/http_server --port 8080            then: curl -i http://127.0.0.1:8080/
// Expect "Hello, World!"; on Ctrl-C requests that have begun are answered, then it ends.
#include "http/parser.h"
#include "http/response.h"
#include "support/server.h"
#include <algorithm>
#include <array>
#include <string>

namespace {

using namespace std::chrono_literals;
constexpr auto idle_limit = 60s;      // between two requests
constexpr auto request_limit = 10s;   // from a request's first byte to its last
constexpr auto write_limit = 30s;     // for a client to take its answers
constexpr auto linger_limit = 500ms;  // for a client to read its last answer
constexpr auto last_look = 50ms;      // at the end, for a request that is on its way
constexpr std::size_t most_unsent = 64 * 1024;

http::response answer_to(const http::request& asked, bool closing) {
    static constexpr http::field allowed{"Allow", "GET, HEAD"};
    http::response r;
    r.connection = http::connection_for(asked, closing);
    r.is_for_head = asked.method() == http::request_method::head;
    r.content_type = "text/plain";
    if (asked.path() != "/") {
        r.code = http::status::not_found;
        r.content = "Not Found";
    } else if (!r.is_for_head && asked.method() != http::request_method::get) {
        r.code = http::status::method_not_allowed;
        r.content = "Method Not Allowed";
        r.fields = std::span(&allowed, 1);
    } else {
        r.content = "Hello, World!";
    }
    return r;
}

/// One client: its bytes, the parser and the answers that are not sent yet.
class connection {
public:
    explicit connection(edo::net::tcp_stream stream) : stream_(std::move(stream)) {}

    edo::task<edo::result<void>> run(edo::sync::cancellation_token stop) {
        auto stopped = stop.cancelled();  // one wait for the whole connection
        edo::instant due = edo::now();
        while (is_open_) {
            if (is_starved_ && parser_.is_between_requests()) {
                // Only here may the end of the server cut in: nothing is half done.
                auto next = co_await edo::select_biased(
                    edo::timeout(idle_limit, stream_.read(room())), stopped);
                if (next.index() == 1) {
                    const auto last = co_await edo::timeout(last_look, stream_.read(room()));
                    if (!keep(last)) co_return {};
                } else if (!keep(std::get<0>(next))) {
                    co_return {};
                }
                due = edo::now() + request_limit;
            } else if (is_starved_) {
                auto more = co_await edo::timeout_at(due, stream_.read(room()));
                if (more.error() == edo::errc::timed_out) refuse(http::status::request_timeout);
                if (is_open_ && !keep(more))
                    co_return more.error() ? more.error()
                                           : std::error_code(edo::errc::unexpected_eof);
            }
            const bool has_answered = is_open_ && answer_what_came(stop.is_cancelled());
            co_await edo::or_return(edo::timeout(write_limit, stream_.write_all(unsent())));
            out_.clear();
            if (has_answered) due = edo::now() + request_limit;  // the next one may have begun
        }
        // However that ends, the connection does too.
        const auto lingered = co_await edo::timeout(linger_limit, let_it_read());
        static_cast<void>(lingered);
        co_return {};
    }

private:
    std::span<std::byte> room() { return std::as_writable_bytes(std::span(in_).subspan(end_)); }

    std::span<const std::byte> unsent() const { return std::as_bytes(std::span(out_)); }

    bool keep(const edo::result<std::size_t>& n) {
        if (!n || *n == 0) return false;
        end_ += *n;
        return true;
    }

    void refuse(http::status why) {
        http::append_error(out_, why);
        is_open_ = false;
    }

    // Returns: true when a request was there to its end.
    bool answer_what_came(bool closing) {
        std::size_t begin = 0;
        bool has_answered = false;
        is_starved_ = false;
        while (is_open_ && !is_starved_ && out_.size() < most_unsent) {
            const auto step = parser_.parse({in_.data() + begin, end_ - begin});
            begin += step.consumed;
            switch (step.what) {
                case http::parse_event::head:
                    answer_ = answer_to(parser_.request(), closing);
                    if (parser_.request().expects_continue()) http::append_continue(out_);
                    break;
                case http::parse_event::content:
                    break;
                case http::parse_event::complete:
                    static_cast<void>(http::append(out_, answer_));  // constants: cannot be refused
                    is_open_ = answer_.connection != http::connection_option::close;
                    has_answered = true;
                    break;
                case http::parse_event::need_more:
                    is_starved_ = true;
                    break;
                case http::parse_event::failed:
                    refuse(parser_.error().code);
                    break;
            }
        }
        std::copy(in_.data() + begin, in_.data() + end_, in_.data());
        end_ -= begin;
        return has_answered;
    }

    // Closing with bytes unread would reset the connection, and the client might never see the
    // answer.
    edo::task<edo::result<void>> let_it_read() {
        co_await edo::or_return(stream_.shutdown(edo::net::shutdown_how::write));
        for (std::size_t n = 1; n != 0;)
            n = co_await edo::or_return(stream_.read(std::as_writable_bytes(std::span(in_))));
        co_return {};
    }

    edo::net::tcp_stream stream_;
    http::request_parser parser_{http::limits::for_buffer(16384)};
    http::response answer_;
    std::string out_;
    std::size_t end_ = 0;  // bytes in in_
    bool is_open_ = true;
    bool is_starved_ = true;  // the parser needs more bytes
    std::array<char, 16384> in_;
};

edo::task<edo::result<void>> talk(edo::net::tcp_stream stream, edo::sync::cancellation_token stop) {
    connection client(std::move(stream));
    co_return co_await client.run(std::move(stop));
}

edo::task<edo::result<void>> serve(edo::net::tcp_listener listener,
                                   edo::sync::cancellation_token stop) {
    return example::serve_clients(std::move(listener), std::move(stop), &talk, 5s);
}

}  // namespace

int main(int argc, char** argv) {
    return example::run_server(argc, argv,
                               {"http_server", "answers GET / with Hello, World!", 8080}, &serve);
}
