#pragma once

#include <cstddef>
#include <type_traits>

namespace edo::detail {

/// Refuses message types that a channel cannot carry safely, with the cure.
template <class T>
constexpr void check_message_type() noexcept {
    static_assert(
        std::is_object_v<T> && !std::is_const_v<T>,
        "a channel carries values: send a pointer instead of a reference, and no const type");
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "a message moves from task to task at moments when nobody could catch an "
                  "exception, so its move "
                  "must be noexcept; send a std::unique_ptr to it instead");
    static_assert(alignof(T) <= alignof(std::max_align_t),
                  "compilers do not align coroutine frames beyond 16 bytes, so a message must not "
                  "need it; send a "
                  "std::unique_ptr to it instead");
}

}  // namespace edo::detail
