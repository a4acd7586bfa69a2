#pragma once

#include <edo/base/clock.h>

namespace edo {

/// What time it is: on a thread of a runtime its clock, which is virtual in a paused runtime;
/// elsewhere the machine's monotonic clock, which all runtimes that are not paused share.
///
///     const edo::instant begin = edo::now();
///     co_await work();
///     report(edo::now() - begin);
///
/// Thread-safe: yes.
/// Cost:        reads the clock, about 30 ns.
instant now() noexcept;

}  // namespace edo
