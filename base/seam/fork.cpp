#include <edo/base/seam/fork.h>

#include <pthread.h>

namespace edo::detail {

// Linked into each library that calls it, so the C library knows whose handlers these are, and
// forgets them when it is unloaded.
bool call_around_fork(void (*before)() noexcept, void (*after)() noexcept) noexcept {
    return ::pthread_atfork(before, after, after) == 0;
}

}  // namespace edo::detail
