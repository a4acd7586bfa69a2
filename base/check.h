#pragma once

#include <source_location>

namespace edo::detail {

/// Prints "edo: <what> (at file:line)" and aborts: a programming error, in every build.
[[noreturn]] void fail(const char* what,
                       std::source_location at = std::source_location::current()) noexcept;

}  // namespace edo::detail

/// Aborts with a message unless `cond` holds, in every build. For breaches of a `Requires:` line:
/// the message says what was expected, what was found and how to mend it.
#define EDO_CHECK(cond, message) ((cond) ? void() : ::edo::detail::fail(message))

/// Checks an invariant of the library in debug builds.
#if defined(NDEBUG)
#define EDO_ASSERT(cond) void(0)
#else
#define EDO_ASSERT(cond) ((cond) ? void() : ::edo::detail::fail("broken invariant: " #cond))
#endif
