#include "choices.h"
#include <cstring>

namespace edo_check {
namespace {
constexpr char digits[] = "0123456789abcdefghijklmnopqrstuv";
}

choices::choices() {
    path_.reserve(1 << 16);  // more than a run has: it must not grow in the middle of one
}

void choices::search_all() {
    mode_ = mode::depth_first;
    path_.clear();
}

void choices::search_at_random(std::uint64_t seed) {
    mode_ = mode::random;
    path_.clear();
    draws_ = draws(seed);
}

void choices::replay(std::string_view text) {
    mode_ = mode::replay;
    path_.clear();
    std::size_t zeros = 0;
    unsigned shift = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char* const digit = std::strchr(digits, text[i]);
        if (digit == nullptr || *digit == 0) break;
        const auto value = static_cast<std::size_t>(digit - digits);
        zeros |= (value & 15) << shift;
        shift += 4;
        if ((value & 16) != 0) continue;  // the number goes on
        path_.insert(path_.end(), zeros, decision{0, 0});
        if (++i == text.size()) break;
        const char* const picked = std::strchr(digits, text[i]);
        if (picked == nullptr) break;
        path_.push_back({static_cast<std::uint8_t>(picked - digits), 0});
        zeros = shift = 0;
    }
}

unsigned choices::pick(unsigned count, bool likely_first) {
    if (mode_ != mode::random && at_ < path_.size()) {
        decision& d = path_[at_++];
        d.count = static_cast<std::uint8_t>(count);
        // A string for another program than this one: go on with anything that exists.
        if (d.picked >= count) d.picked = 0;
        return d.picked;
    }
    unsigned picked = 0;
    if (mode_ == mode::random) {
        const std::uint64_t bits = draws_.next();
        const bool first = (bits & 3) < (likely_first ? 3U : 2U);
        if (!first) picked = static_cast<unsigned>(1 + (bits >> 8) % (count - 1));
    }
    return take(picked, count);
}

unsigned choices::take(unsigned picked, unsigned count) {
    if (mode_ == mode::random && at_ == 0) path_.clear();
    path_.push_back({static_cast<std::uint8_t>(picked), static_cast<std::uint8_t>(count)});
    ++at_;
    return picked;
}

bool choices::next_run() {
    if (mode_ == mode::random) return true;
    if (mode_ == mode::replay) return false;
    path_.resize(at_);
    while (!path_.empty() && path_.back().picked + 1 >= path_.back().count)
        path_.pop_back();
    if (path_.empty()) return false;
    ++path_.back().picked;
    return true;
}

std::string choices::text() const {
    std::string out;
    std::size_t zeros = 0;
    for (std::size_t i = 0; i < at_; ++i) {
        const decision& d = path_[i];
        if (d.picked == 0) {
            ++zeros;
            continue;
        }
        while (zeros > 15) {
            out += digits[(zeros & 15) | 16];
            zeros >>= 4;
        }
        out += digits[zeros];
        out += digits[d.picked & 31];
        zeros = 0;
    }
    return out;
}

}  // namespace edo_check
