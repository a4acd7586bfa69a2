#include <edo/io/notifier/notifier.h>

#include <cstdint>

#include <edo/base/seam/sys.h>

namespace edo::detail {

int notifier::open() noexcept {
    const int fd = sys::eventfd(0U, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) return fd;
    fd_.reset(fd);
    return 0;
}

void notifier::notify() noexcept {
    const std::uint64_t one = 1;
    // Interrupted before anything was written: again. The counter cannot overflow in a lifetime.
    while (sys::write(fd_.get(), &one, sizeof one) == -EINTR) {
    }
}

}  // namespace edo::detail
