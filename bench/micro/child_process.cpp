#include "child_process.h"
#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace bench {
namespace {

constexpr char go = 'g';

// Ends when the parent closes its end. noexcept, because an exception would come out in a second
// copy of the caller.
[[noreturn]] void serve(int channel,
                        const std::function<child_process::measure()>& prepare) noexcept {
    const child_process::measure measure = prepare();
    char request = 0;
    while (read(channel, &request, 1) == 1) {
        const measurement found = measure();
        if (write(channel, &found, sizeof found) != ssize_t{sizeof found}) break;
    }
    std::_Exit(0);
}

}  // namespace

child_process::child_process(const std::function<measure()>& prepare) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throw std::system_error(errno, std::system_category(), "socketpair");
    process_ = fork();
    if (process_ == 0) {
        close(ends[0]);
        serve(ends[1], prepare);
    }
    const int error = errno;
    close(ends[1]);
    channel_ = ends[0];
    if (process_ < 0) {
        close(channel_);
        throw std::system_error(error, std::system_category(), "fork");
    }
}

child_process::~child_process() {
    close(channel_);
    waitpid(process_, nullptr, 0);
}

measurement child_process::request() {
    measurement found;
    // MSG_NOSIGNAL: a process that has crashed is an error of its case, not the end of this one.
    if (send(channel_, &go, 1, MSG_NOSIGNAL) != 1 ||
        read(channel_, &found, sizeof found) != ssize_t{sizeof found})
        throw std::runtime_error("the measuring process has ended early");
    return found;
}

}  // namespace bench
