#pragma once

#include <string>

#include <edo/io/reactor_kind.h>

namespace edo {

/// What a runtime is made of; for a start-up line.
class runtime_info {
public:
    runtime_info() noexcept {}

    std::string name;
    unsigned workers = 0;
    reactor_kind reactor = reactor_kind::automatic;  ///< what was chosen, never `automatic`
    std::string why;                                 ///< why that reactor
};

}  // namespace edo
