#include <edo/timer/now.h>

#include <edo/task/context.h>

namespace edo {

instant now() noexcept {
    const detail::execution* exec = detail::current_execution();
    return exec != nullptr ? exec->read_clock(*exec) : detail::monotonic_clock::read();
}

}  // namespace edo
