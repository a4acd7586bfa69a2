#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <sys/types.h>

namespace bench {

/// Watches what a process costs, from outside and to the nanosecond.
class server_process {
public:
    /// Errors: std::runtime_error  there is no such process
    explicit server_process(pid_t pid);

    /// CPU time of all threads of the process since its start, ended threads and the kernel's own
    /// workers for its rings included.
    std::chrono::nanoseconds cpu_time() const;

    std::uint64_t resident_bytes() const;

private:
    pid_t pid_;
    clockid_t clock_{};
};

/// CPU time of the calling process.
std::chrono::nanoseconds own_cpu_time();

}  // namespace bench
