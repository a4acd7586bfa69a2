#pragma once

#include <cstddef>
#include <new>

namespace edo::detail {

/// The one object of type T, made at the first call and never destroyed: for what is asked as late
/// as in the destructors of statics. It is not allocated: the first question may come because there
/// is no memory.
/// Thread-safe: yes.
template <class T>
const T& undying() noexcept {
    alignas(T) static std::byte room[sizeof(T)];
    static const T& the_one = *::new (room) T;
    return the_one;
}

}  // namespace edo::detail
