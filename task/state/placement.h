#pragma once

#include <cstdint>

namespace edo {

/// How urgent a task is; see spawn_options::priority().
enum class priority : std::uint8_t {
    latency,  ///< somebody waits for it: it has its turn as soon as it is woken. The default
    batch,    ///< it computes: it takes the time that is left, and at least a ninth of it
};

namespace detail {

/// Where and when a task is to run, as its spawner wants it.
struct placement {
    static constexpr unsigned any_worker = ~0U;
    static constexpr unsigned this_worker = ~0U - 1;  ///< the one that runs the spawner

    unsigned worker = any_worker;
    edo::priority priority = edo::priority::latency;
};

}  // namespace detail
}  // namespace edo
