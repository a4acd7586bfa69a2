#pragma once

#include <cstddef>

namespace edo::soak {

/// What the process has at a moment.
struct process_sample {
    std::size_t resident_bytes;
    std::ptrdiff_t descriptors;
    std::ptrdiff_t threads;
};

process_sample sample_process();

}  // namespace edo::soak
