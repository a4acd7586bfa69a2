#pragma once

#include <utility>

namespace edo::testing {

/// Makes a call when it is destroyed, once, wherever it was moved to.
template <class F>
class at_end {
public:
    explicit at_end(F call) noexcept : call_(std::move(call)) {}

    at_end(at_end&& other) noexcept
        : call_(std::move(other.call_)), is_armed_(std::exchange(other.is_armed_, false)) {}

    at_end& operator=(at_end&&) = delete;

    ~at_end() {
        if (is_armed_) call_();
    }

private:
    F call_;
    bool is_armed_ = true;
};

}  // namespace edo::testing
