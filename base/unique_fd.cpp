#include <edo/base/unique_fd.h>

#include <edo/base/seam/sys.h>

namespace edo {

void unique_fd::reset(int fd) noexcept {
    if (fd_ >= 0) detail::sys::close(fd_);
    fd_ = fd;
}

}  // namespace edo
