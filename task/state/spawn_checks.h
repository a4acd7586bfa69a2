#pragma once

// What a spawned callable may take. The new task outlives the expression that spawns it, so a
// reference
// or view parameter would refer to something that is gone; where the compiler can see the
// parameters,
// such a call does not compile.

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

/// The parameters of a callable, or void where they cannot be seen (templates, overloads).
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

template <class P, class Arg>
inline constexpr bool outlives_call_v =
    is_reference_wrapper_v<std::decay_t<Arg>> ||
    (!std::is_reference_v<P> && !is_view_v<std::remove_cvref_t<P>>);

template <class List, class... Args>
struct parameters_outlive_call : std::true_type {};  // cannot be seen

template <class... P, class... Args>
    requires(sizeof...(P) == sizeof...(Args))
struct parameters_outlive_call<parameter_list<P...>, Args...>
    : std::bool_constant<(outlives_call_v<P, Args> && ...)> {};

template <class F, class... Args>
inline constexpr bool is_safe_to_spawn_v =
    parameters_outlive_call<typename parameters_of<std::decay_t<F>>::type, Args...>::value;

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
