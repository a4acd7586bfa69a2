#include <edo/timer/sleep.h>

#include <edo/base/error.h>
#include <edo/base/result.h>
#include <edo/timer/now.h>

namespace edo {

sleep_operation::sleep_operation(duration span) noexcept : alarm_(span) {
    if (const detail::execution* exec = detail::current_execution()) alarm_.resolve(*exec);
}

void sleep_operation::take() {
    if (!alarm_.is_elapsed()) detail::throw_system_error(errc::runtime_shutdown);
}

instant sleep_operation::deadline() const noexcept {
    return alarm_.is_relative() ? saturating_add(now(), alarm_.span()) : alarm_.deadline();
}

bool sleep_operation::is_elapsed() const noexcept {
    if (alarm_.is_elapsed()) return true;
    return deadline() <= now() && deadline() != instant::max();
}

}  // namespace edo
