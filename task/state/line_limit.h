#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include <edo/base/clock.h>

namespace edo::detail {

/// Decides who may write a line where many might want to at once: ten in a second.
/// Thread-safe: no.
class line_limit {
public:
    static constexpr unsigned lines = 10;
    static constexpr duration span = std::chrono::seconds(1);

    struct answer {
        bool yes;
        std::uint64_t left_out;  ///< to be told first: how many got a no since the last such answer
    };

    answer ask(instant now) noexcept {
        if (now >= end_of_span_) {
            end_of_span_ = now + span;
            written_ = 0;
        }
        if (written_ == lines) {
            ++left_out_;
            return {false, 0};
        }
        ++written_;
        return {true, std::exchange(left_out_, 0)};
    }

private:
    instant end_of_span_ = instant::min();
    unsigned written_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace edo::detail
