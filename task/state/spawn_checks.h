#pragma once

// What a spawned callable may take. The new task outlives the expression that spawns it, so a
// reference or view parameter would refer to something that is gone; where the compiler can see the
// parameters, such a call does not compile. It sees those of functions, of lambdas, and of lambdas
// all of whose parameters are generic; not those of overloaded and of partly generic callables.

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <edo/task/task.h>

namespace std {
template <class T>
class reference_wrapper;
}

namespace edo::detail {

template <class... P>
struct parameter_list {};

/// The parameters of a callable, or void where they cannot be seen.
template <class F>
struct parameters_of {
    using type = void;
};

template <class R, class... P>
struct parameters_of<R (*)(P...)> {
    using type = parameter_list<P...>;
};

template <class R, class... P>
struct parameters_of<R (*)(P...) noexcept> {
    using type = parameter_list<P...>;
};

template <class M>
struct member_parameters {
    using type = void;
};

template <class R, class C, class... P>
struct member_parameters<R (C::*)(P...)> {
    using type = parameter_list<P...>;
};

template <class R, class C, class... P>
struct member_parameters<R (C::*)(P...) const> {
    using type = parameter_list<P...>;
};

template <class R, class C, class... P>
struct member_parameters<R (C::*)(P...) noexcept> {
    using type = parameter_list<P...>;
};

template <class R, class C, class... P>
struct member_parameters<R (C::*)(P...) const noexcept> {
    using type = parameter_list<P...>;
};

template <class Object, class List>
struct with_object {
    using type = void;
};

template <class Object, class... P>
struct with_object<Object, parameter_list<P...>> {
    using type = parameter_list<Object*, P...>;
};

template <class M, class C>
struct parameters_of<M C::*> {
    using type = typename with_object<C, typename member_parameters<M C::*>::type>::type;
};

template <class F>
    requires requires { &F::operator(); }
struct parameters_of<F> {
    using type = typename member_parameters<decltype(&F::operator())>::type;
};

/// The parameters of `F` when it is called with values of the types `Args`.
template <class F, class... Args>
struct parameters_with : parameters_of<F> {};

// A template, so with no address of its own: `auto&&` and `const auto&` are references here too.
template <class F, class... Args>
    requires(
        !requires { &F::operator(); } && requires { &F::template operator()<Args...>; })
struct parameters_with<F, Args...> : member_parameters<decltype(&F::template operator()<Args...>)> {
};

template <class T>
inline constexpr bool is_reference_wrapper_v = false;
template <class T>
inline constexpr bool is_reference_wrapper_v<std::reference_wrapper<T>> = true;

template <class T>
inline constexpr bool is_view_v = false;
template <class C, class Traits>
inline constexpr bool is_view_v<std::basic_string_view<C, Traits>> = true;
template <class T, std::size_t N>
inline constexpr bool is_view_v<std::span<T, N>> = true;

// A std::ref argument becomes the reference that the parameter is; a parameter that refers to the
// wrapper itself refers to a temporary like any other.
template <class P, class Arg>
inline constexpr bool outlives_call_v =
    (is_reference_wrapper_v<std::decay_t<Arg>> &&
     !is_reference_wrapper_v<std::remove_cvref_t<P>>) ||
    (!std::is_reference_v<P> && !is_view_v<std::remove_cvref_t<P>>);

template <class List, class... Args>
struct parameters_outlive_call : std::true_type {};  // cannot be seen

template <class... P, class... Args>
    requires(sizeof...(P) == sizeof...(Args))
struct parameters_outlive_call<parameter_list<P...>, Args...>
    : std::bool_constant<(outlives_call_v<P, Args> && ...)> {};

template <class F, class... Args>
inline constexpr bool is_safe_to_spawn_v =
    parameters_outlive_call<typename parameters_with<std::decay_t<F>, std::decay_t<Args>...>::type,
                            Args...>::value;

/// In place of an argument that was not given. Functions with arguments for a coroutine declare
/// each with this as default: their last parameter is the place of the call, which can only be a
/// default argument, and one of those cannot follow a parameter pack.
struct not_given {
    constexpr not_given() noexcept {}
};

/// What a call with more comes to, so that the compiler's message names it. Put the rest into a
/// struct, or capture it in a lambda.
struct five_arguments_at_most;

// `Left` arguments are yet to be looked at; each goes to the end of the line, or away.
template <std::size_t Left, class Use, class First, class... Rest>
decltype(auto) sift_given(const Use& use, First&& first, Rest&&... rest) {
    if constexpr (Left == 0) {
        return use(std::forward<First>(first), std::forward<Rest>(rest)...);
    } else if constexpr (std::is_same_v<std::remove_cvref_t<First>, not_given>) {
        return sift_given<Left - 1>(use, std::forward<Rest>(rest)...);
    } else {
        return sift_given<Left - 1>(use, std::forward<Rest>(rest)..., std::forward<First>(first));
    }
}

/// Calls use(fn, args...) without the arguments that were not given.
template <class Use, class F, class... Args>
decltype(auto) with_given(const Use& use, F&& fn, Args&&... args) {
    return sift_given<1 + sizeof...(Args)>(use, std::forward<F>(fn), std::forward<Args>(args)...);
}

/// The task type that calling `F` with `Args` yields.
template <class F, class... Args>
struct spawned {
    using task_type =
        std::remove_cvref_t<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>;
    static_assert(is_task_v<task_type>, "spawn needs a callable that returns an edo::task");
    using type = typename task_type::value_type;
};
template <class F, class... Args>
using spawned_t = typename spawned<F, Args...>::type;

}  // namespace edo::detail
