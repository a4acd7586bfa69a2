// A user's program, outside the repository: a task, a timer and a socket from the installed
// library.
#include <chrono>
#include <cstdio>

#include <edo/edo.h>

using namespace std::chrono_literals;

namespace {

edo::task<int> half(int whole) {
    co_await edo::sleep(1ms);
    co_return whole / 2;
}

edo::task<edo::result<void>> work() {
    auto address = edo::net::socket_addr::parse("127.0.0.1:0");
    if (!address) co_return address.error();
    auto listener = co_await edo::or_return(edo::net::tcp_listener::bind(*address));

    edo::join_handle<int> child = edo::spawn(half, 84);
    const int answer = co_await std::move(child).join();

    std::printf("consumer: the answer is %d\n", answer);
    co_return edo::result<void>{};
}

}  // namespace

int main() {
    return edo::run(work());
}
