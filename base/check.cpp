#include <edo/base/check.h>

#include <cstdio>
#include <cstdlib>

namespace edo::detail {

void fail(const char* what, std::source_location at) noexcept {
    std::fprintf(stderr, "edo: %s (at %s:%u)\n", what, at.file_name(),
                 static_cast<unsigned>(at.line()));
    std::fflush(stderr);
    std::abort();
}

}  // namespace edo::detail
