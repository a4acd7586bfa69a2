#pragma once

#include "measurement.h"
#include <utility>

#include <edo/runtime/runtime.h>
#include <edo/task/task.h>

namespace bench {

/// Edo's runtime, with so many workers and otherwise as it comes.
class edo_side {
public:
    static constexpr const char* name = "edo";

    explicit edo_side(unsigned workers)
        : runtime_(edo::runtime::builder().worker_threads(workers).build().value()) {}

    measurement run(edo::task<measurement> body) { return runtime_.block_on(std::move(body)); }

    edo::runtime& runtime() { return runtime_; }

private:
    edo::runtime runtime_;
};

}  // namespace bench
