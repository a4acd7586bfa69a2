#include "server_process.h"
#include "socket.h"
#include <fstream>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace bench {

namespace {

std::chrono::nanoseconds read_clock(clockid_t clock) {
    timespec time{};
    if (::clock_gettime(clock, &time) != 0) throw_last_error("cannot read CPU time of the server");
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace

// The process clock instead of /proc/PID/stat, which counts in steps of 10 ms, and instead of
// /proc/PID/task/*/schedstat, which forgets threads that have ended.
server_process::server_process(pid_t pid) : pid_(pid) {
    if (::clock_getcpuclockid(pid, &clock_) != 0)
        throw std::runtime_error{"no process " + std::to_string(pid) + " to watch (--server-pid)"};
}

std::chrono::nanoseconds server_process::cpu_time() const {
    return read_clock(clock_);
}

std::uint64_t server_process::resident_bytes() const {
    std::ifstream statm{"/proc/" + std::to_string(pid_) + "/statm"};
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    statm >> size >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::chrono::nanoseconds own_cpu_time() {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

}  // namespace bench
