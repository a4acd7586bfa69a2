#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>

namespace edo::testing {

/// How many files the process has open; one of them is the list itself.
/// Thread-safe: yes, but exact only when nothing is going on.
inline std::ptrdiff_t count_open_files() {
    using listing = std::filesystem::directory_iterator;
    return std::distance(listing("/proc/self/fd"), listing());
}

}  // namespace edo::testing
