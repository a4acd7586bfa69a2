#include "http/request.h"
#include <algorithm>

namespace http {

namespace {

constexpr char to_lower(char byte) noexcept {
    return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + ('a' - 'A')) : byte;
}

bool equal_in_any_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return to_lower(x) == to_lower(y); });
}

}  // namespace

std::optional<std::string_view> request::find(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < field_count_; ++i) {
        if (equal_in_any_case(view(fields_[i].name), name)) return view(fields_[i].value);
    }
    return std::nullopt;
}

}  // namespace http
