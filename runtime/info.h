#pragma once

#include <cstdint>
#include <string>

#include <edo/io/reactor_kind.h>

namespace edo {

/// What a runtime is made of, for a start-up line, and how its workers do.
class runtime_info {
public:
    runtime_info() noexcept {}

    std::string name;
    unsigned workers = 0;
    reactor_kind reactor = reactor_kind::automatic;  ///< what was chosen, never `automatic`
    std::string why;                                 ///< why that reactor

    // How it goes at the moment; with workers only, and while blocked_after() is not zero.

    unsigned active_workers = 0;  ///< that take tasks: `workers`, and spares for blocked ones
    std::uint64_t blocked_polls =
        0;  ///< found since the start; see runtime_builder::blocked_after()
    /// Failed attempts to get a thread, memory or a descriptor for a blocked worker. They are
    /// repeated, so this grows as long as what the worker holds is not served.
    std::uint64_t rescue_failures = 0;
};

}  // namespace edo
