#pragma once

#include <type_traits>
#include <utility>

namespace edo {
namespace detail {

/// See or_return(). Refers to its operand, also to a temporary: that lives as long as the await,
/// and a second copy of it would take room in every frame.
template <class A>
class [[nodiscard]] or_return_of {
public:
    using inner_type = std::remove_cvref_t<A>;
    static constexpr bool is_reference = std::is_lvalue_reference_v<A>;

    explicit or_return_of(A&& inner) noexcept : inner_(inner) {}

    or_return_of(const or_return_of&) = delete;
    or_return_of& operator=(const or_return_of&) = delete;

    inner_type& inner() noexcept { return inner_; }

private:
    inner_type& inner_;
};

}  // namespace detail

/// Awaits `awaitable` and yields its value; an error ends the awaiting coroutine with that error.
///
///     std::size_t n = co_await edo::or_return(stream.read(buffer));
///
/// is short for: await, test, `co_return n.error()`. The locals of the coroutine are destroyed
/// before its caller goes on, nothing is thrown, and an exception thrown by the operand passes as
/// usual. `awaitable` is a task or operation that yields a result, or a result that is there
/// already. The coroutine must yield a result itself. To be awaited where it is written: it refers
/// to its operand.
/// Cost: that of the `if`.
template <class A>
detail::or_return_of<A> or_return(A&& awaitable) noexcept {
    return detail::or_return_of<A>(std::forward<A>(awaitable));
}

}  // namespace edo
