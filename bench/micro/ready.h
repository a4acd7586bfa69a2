#pragma once

#include <cstddef>

#include <edo/task/context.h>

namespace bench {

/// An operation that never has to wait.
class ready {
public:
    explicit ready(std::size_t value) noexcept : value_(value) {}

    bool poll(edo::context&) noexcept { return true; }

    std::size_t take() noexcept { return value_; }

private:
    std::size_t value_;
};

}  // namespace bench
