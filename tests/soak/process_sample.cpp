#include "process_sample.h"
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace edo::soak {
namespace {

std::ptrdiff_t count_entries(const char* folder) {
    using listing = std::filesystem::directory_iterator;
    return std::distance(listing(folder), listing());
}

}  // namespace

process_sample sample_process() {
    std::size_t mapped = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> mapped >> resident;
    // One descriptor is that of the list itself.
    return {resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)),
            count_entries("/proc/self/fd") - 1, count_entries("/proc/self/task")};
}

}  // namespace edo::soak
