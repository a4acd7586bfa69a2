#pragma once

#include <cstdint>
#include <exception>
#include <source_location>
#include <string_view>
#include <system_error>

namespace edo {

/// A failure that nobody will look at: of a detached task or of one whose handle is gone. Of a
/// child in an independent group only an exception counts, not an error that it returns; and
/// errc::cancelled is never a failure.
struct unobserved_failure {
    std::uint64_t task_id;
    std::source_location spawned_at;
    std::error_code error;         ///< set when the task returned a result that holds an error
    std::exception_ptr exception;  ///< set when it threw
    std::string_view task_name{};  ///< as given by named(); empty: none
};

/// Called for each unobserved failure, on the thread that finds out. Must not throw or block.
using unobserved_failure_hook = void (*)(const unobserved_failure& failure) noexcept;

/// Replaces the hook of the process and returns the one that was set. The default writes one line
/// to the standard error output, ten in a second at most, and then says how many it left out. Null
/// restores the default.
/// Thread-safe: yes.
unobserved_failure_hook set_unobserved_failure_hook(unobserved_failure_hook hook) noexcept;

namespace detail {
void report_unobserved(const unobserved_failure& failure) noexcept;
}

}  // namespace edo
