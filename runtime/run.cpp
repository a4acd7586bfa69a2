#include <edo/runtime/run.h>

#include <cstdio>
#include <string>

namespace edo::detail {

int report_failure(std::error_code error) noexcept {
    const std::string message = error.message();
    std::fprintf(stderr, "error: %s\n", message.c_str());
    return 1;
}

int report_failure(std::exception_ptr thrown) noexcept {
    try {
        std::rethrow_exception(std::move(thrown));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "error: %s\n", e.what());
    } catch (...) {
        std::fputs("error: something was thrown that is no std::exception\n", stderr);
    }
    return 1;
}

}  // namespace edo::detail
