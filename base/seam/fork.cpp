#include <edo/base/seam/fork.h>

#include <pthread.h>

namespace edo::detail {

// Linked into each library that calls it, so the C library knows whose handlers these are, and
// forgets them when it is unloaded.
bool call_around_fork(void (*before)() noexcept, void (*after)() noexcept) noexcept {
    return ::pthread_atfork(before, after, after) == 0;
}

atomic<unsigned> forks_behind{0};

void watch_forks() noexcept {
    // Without the memory for it a child is not found out, and all else goes on.
    [[maybe_unused]] static const int watched = ::pthread_atfork(nullptr, nullptr, [] {
        forks_behind.fetch_add(1, relaxed);  // see forks_behind
    });
}

}  // namespace edo::detail
