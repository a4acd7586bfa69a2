#include <edo/base/seam/disconnect.h>

#include <cerrno>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace edo::detail::sys {

int disconnect(int fd) noexcept {
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    return ::syscall(SYS_connect, fd, &nobody, socklen_t{sizeof nobody}) == 0 ? 0 : -errno;
}

}  // namespace edo::detail::sys
