#pragma once
// What has to be known of fork(), and done around it.

#include <edo/base/seam/atomic.h>

namespace edo::detail {

#if defined(EDO_MODEL)
// A model has one process.
inline bool call_around_fork(void (*)() noexcept, void (*)() noexcept) noexcept {
    return true;
}

inline void watch_forks() noexcept {}

inline unsigned fork_count() noexcept {
    return 0;
}
#else
/// Has `before` called on the thread that forks, before there are two processes, and `after` in
/// both of them: for locks that the child needs, because who holds one at that moment is no thread
/// of the child and never gives it back there. Of several, who registered first is called last
/// before a fork, and first after it. It ends when the library is unloaded.
/// Returns: false when there is no memory for it.
bool call_around_fork(void (*before)() noexcept, void (*after)() noexcept) noexcept;

// One more in each child. Relaxed: at that moment the child has no other thread.
extern atomic<unsigned> forks_behind;

/// Has forks counted from now on. Those that go past libc are not.
void watch_forks() noexcept;

/// How many of the process's ancestors have forked since it was watched: another number is another
/// process.
inline unsigned fork_count() noexcept {
    return forks_behind.load(relaxed);  // see forks_behind
}
#endif

}  // namespace edo::detail
