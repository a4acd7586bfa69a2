#pragma once

#include "http/request.h"
#include <cstddef>
#include <optional>
#include <string_view>

namespace http::detail {

/// What a request target says, as positions within it.
struct target_parts {
    target_form form = target_form::origin;
    std::size_t authority_begin = 0;  ///< absolute and authority form only
    std::size_t authority_size = 0;
};

/// Reads a request target in the form that its method calls for.
///
/// Requires: every byte of `target` is in byte_class::target.
/// Returns:  nothing for a target of no form, of the wrong form for the method, with a broken %XX,
///           or of a scheme other than http and https.
std::optional<target_parts> parse_target(std::string_view target, request_method method) noexcept;

/// Whether `value` may stand in a Host field: a name or address, then perhaps a port; or nothing.
bool is_valid_host(std::string_view value) noexcept;

}  // namespace http::detail
