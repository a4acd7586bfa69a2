// The smallest server: sends back what it receives, for ever. The program of the README.
//   build/release/bin/example_echo            then, elsewhere: nc 127.0.0.1 7000
// Expect each line to come back. See echo_server.cpp for one with options that ends cleanly.
#include <edo/edo.h>

edo::task<edo::result<void>> echo(edo::net::tcp_stream stream) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
        std::size_t n = co_await edo::or_return(stream.read(buffer));  // an error ends this coroutine with it
        if (n == 0) co_return {};                                     // the peer closed
        co_await edo::or_return(stream.write_all(std::span(buffer).first(n)));
    }
}

edo::task<edo::result<void>> serve(edo::net::socket_addr addr) {
    auto listener = co_await edo::or_return(edo::net::tcp_listener::bind(addr));
    edo::task_group clients(edo::independent);  // owns its tasks, none outlives it; one's failure is its own affair
    for (;;) {
        auto accepted = co_await edo::or_return(listener.accept());  // {stream, peer}
        clients.spawn(echo, std::move(accepted.stream));             // callable and arguments are moved into the task
    }
}

int main() {
    return edo::run(serve(edo::net::socket_addr::parse("127.0.0.1:7000").value()));  // error -> printed, exit code 1
}
