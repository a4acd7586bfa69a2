#pragma once
// Counts what is alive, per kind, in builds with EDO_SEAMS: every test ends with a census of zero.
// In production the macros are empty; runtime::dump() lists live tasks there.

#if defined(EDO_SEAMS)
namespace edo::detail {

enum class census_kind { task, frame, descriptor, timer, operation, thread };
inline constexpr int census_kinds = 6;

void census_add(census_kind kind, long change) noexcept;
/// How many of `kind` are alive. Thread-safe: yes, but exact only when nothing is going on.
long census_of(census_kind kind) noexcept;
const char* census_name(census_kind kind) noexcept;

}  // namespace edo::detail

#define EDO_CENSUS(kind, change) \
    ::edo::detail::census_add(::edo::detail::census_kind::kind, (change))
#else
#define EDO_CENSUS(kind, change) void(0)
#endif
