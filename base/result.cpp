#include <edo/base/result.h>

#include <cstdlib>
#include <string>

#include <edo/base/check.h>

namespace edo::detail {

void throw_system_error(std::error_code code) {
    throw std::system_error(code);
}

void fail_on_missing_value(std::error_code code) noexcept {
    if (!code) fail("a result was made from an error code that holds no error");
    const std::string message =
        "the value of a result was used, but it holds the error: " + code.message() +
        "; test it with `if (!r)` first, or call value() to throw";
    fail(message.c_str());
}

}  // namespace edo::detail
