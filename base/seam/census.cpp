#include <edo/base/seam/census.h>

#if defined(EDO_SEAMS)
#include <edo/base/seam/atomic.h>

namespace edo::detail {
namespace {
atomic<long> counts[census_kinds];
}

void census_add(census_kind kind, long change) noexcept {
    // release: pairs with census_of, so that a test that has seen the zero also sees everything
    // that was done before the objects of the kind went away. Not acquire: that would order all
    // threads that make or free a task, and hide missing order from the thread sanitizer.
    counts[static_cast<int>(kind)].fetch_add(change, release);
}

long census_of(census_kind kind) noexcept {
    return counts[static_cast<int>(kind)].load(acquire);  // pairs with census_add
}

const char* census_name(census_kind kind) noexcept {
    switch (kind) {
        case census_kind::task:
            return "tasks";
        case census_kind::frame:
            return "frames";
        case census_kind::descriptor:
            return "descriptors";
        case census_kind::timer:
            return "timers";
        case census_kind::operation:
            return "operations";
        case census_kind::thread:
            return "threads";
    }
    return "?";
}

}  // namespace edo::detail
#endif
