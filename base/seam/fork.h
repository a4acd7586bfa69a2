#pragma once

namespace edo::detail {

#if defined(EDO_MODEL)
// A model has one process.
inline bool call_around_fork(void (*)() noexcept, void (*)() noexcept) noexcept {
    return true;
}
#else
/// Has `before` called on the thread that forks, before there are two processes, and `after` in
/// both of them: for locks that the child needs, because who holds one at that moment is no thread
/// of the child and never gives it back there. Of several, who registered first is called last
/// before a fork, and first after it. It ends when the library is unloaded.
/// Returns: false when there is no memory for it.
bool call_around_fork(void (*before)() noexcept, void (*after)() noexcept) noexcept;
#endif

}  // namespace edo::detail
