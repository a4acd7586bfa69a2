#pragma once

#include <type_traits>
#include <utility>

namespace edo {
namespace detail {

/// See or_return(). Holds a temporary by value, refers to anything else.
template <class A>
class [[nodiscard]] or_return_of {
public:
    using inner_type = std::remove_cvref_t<A>;
    static constexpr bool is_reference = std::is_lvalue_reference_v<A>;

    explicit or_return_of(A&& inner) noexcept(std::is_nothrow_constructible_v<A, A&&>)
        : inner_(std::forward<A>(inner)) {}

    inner_type& inner() noexcept { return inner_; }

private:
    A inner_;  // A is `X&` for an lvalue X
};

}  // namespace detail

/// Awaits `awaitable` and yields its value; an error ends the awaiting coroutine with that error.
///
///     std::size_t n = co_await edo::or_return(stream.read(buffer));
///
/// is short for: await, test, `co_return n.error()`. The locals of the coroutine are destroyed
/// before its caller goes on, nothing is thrown, and an exception thrown by the operand passes as
/// usual. `awaitable` is a task or operation that yields a result, or a result that is there
/// already. The coroutine must yield a result itself.
/// Cost: that of the `if`.
template <class A>
detail::or_return_of<A> or_return(A&& awaitable) noexcept(
    std::is_nothrow_constructible_v<detail::or_return_of<A>, A&&>) {
    return detail::or_return_of<A>(std::forward<A>(awaitable));
}

}  // namespace edo
