// The smallest server: sends back what it receives, for ever. The program of the README.
//   build/release/bin/example_echo            then, elsewhere: nc 127.0.0.1 7000
// Expect each line to come back. See echo_server.cpp for one with options that ends cleanly.
#include <edo/edo.h>

edo::task<edo::result<void>> echo(edo::net::tcp_stream stream) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
        // an error ends this coroutine with it
        std::size_t n = co_await edo::or_return(stream.read(buffer));
        if (n == 0) co_return {};  // the peer closed
        co_await edo::or_return(stream.write_all(std::span(buffer).first(n)));
    }
}

edo::task<edo::result<void>> serve(edo::net::socket_addr addr) {
    auto listener = co_await edo::or_return(edo::net::tcp_listener::bind(addr));
    // owns its tasks, none outlives it; one's failure is its own affair
    edo::task_group clients(edo::independent);
    for (;;) {
        auto accepted = co_await edo::or_return(listener.accept());  // {stream, peer}
        // callable and arguments are moved into the task
        clients.spawn(echo, std::move(accepted.stream));
    }
}

int main() {
    // error -> printed, exit code 1
    return edo::run(serve(edo::net::socket_addr::parse("127.0.0.1:7000").value()));
}
