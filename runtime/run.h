#pragma once

#include <exception>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

#include <edo/base/result.h>
#include <edo/runtime/runtime.h>

namespace edo {
namespace detail {

/// Writes one line about why a program ends; returns its exit code, 1.
int report_failure(std::error_code error) noexcept;
int report_failure(std::exception_ptr thrown) noexcept;

template <class T>
int exit_code_of(T&& ended) noexcept {
    using value = std::remove_cvref_t<T>;
    if constexpr (is_result_v<value>) {
        if (!ended) return report_failure(ended.error());
        if constexpr (std::is_same_v<typename value::value_type, int>) return *ended;
        return 0;
    } else {
        static_assert(std::is_same_v<value, int>,
                      "edo::run takes a task that yields void, int, result<void> or result<int>");
        return ended;
    }
}

}  // namespace detail

/// Runs the main task of a program on a new runtime, and returns the program's exit code.
///
///     int main() { return edo::run(serve()); }
///
/// The main task is a task, an operation, or a callable that returns a task, as for
/// runtime::block_on(). The runtime has the defaults of runtime_builder, or is built by the one
/// passed. When the main task has ended, what it has left running is dropped (see
/// runtime::shutdown).
///
/// Returns: 0, or the number that the task yields; 1 when it yields an error, throws, or the
///          runtime cannot be built; then a line on the standard error output says why.
template <class Main>
    requires requires(runtime& rt, Main&& main) { rt.block_on(std::forward<Main>(main)); }
int run(Main&& main,
        runtime_builder builder,
        std::source_location site = std::source_location::current()) {
    try {
        result<runtime> rt = builder.build();
        if (!rt) return detail::report_failure(rt.error());
        if constexpr (std::is_void_v<decltype(rt->block_on(std::forward<Main>(main), site))>) {
            rt->block_on(std::forward<Main>(main), site);
            return 0;
        } else {
            return detail::exit_code_of(rt->block_on(std::forward<Main>(main), site));
        }
    } catch (...) {
        return detail::report_failure(std::current_exception());
    }
}

template <class Main>
    requires requires(runtime& rt, Main&& main) { rt.block_on(std::forward<Main>(main)); }
int run(Main&& main, std::source_location site = std::source_location::current()) {
    return run(std::forward<Main>(main), runtime::builder(site), site);
}

}  // namespace edo
