#pragma once

#include "measurement.h"
#include <functional>
#include <sys/types.h>

namespace bench {

/// Measures in a process of its own.
///
/// What one case leaves behind in the allocator changes the figures of the next, up to four times.
/// So each begins with the memory of a program that has just started.
class child_process {
public:
    using measure = std::function<measurement()>;

    /// Starts the process, where `prepare` is called once and what it returns for each request.
    /// Requires: this process has no other threads.
    /// Errors:   throws std::system_error; what is thrown in the other process ends it.
    explicit child_process(const std::function<measure()>& prepare);
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;
    /// Ends the process as it stands, without the destructors of what it has prepared.
    ~child_process();

    /// Errors: throws std::runtime_error when the process has ended.
    measurement request();

private:
    int channel_ = -1;
    pid_t process_ = -1;
};

}  // namespace bench
