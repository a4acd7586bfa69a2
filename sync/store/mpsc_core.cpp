#include <edo/sync/store/mpsc_core.h>

namespace edo::detail {

std::error_code error_of(send_answer answer) noexcept {
    switch (answer) {
        case send_answer::closed:
            return make_error_code(errc::closed);
        case send_answer::no_memory:
            return std::make_error_code(std::errc::not_enough_memory);
        case send_answer::waits:
        case send_answer::done:
        case send_answer::needs_block:
            break;
    }
    return make_error_code(errc::queue_full);
}

}  // namespace edo::detail
