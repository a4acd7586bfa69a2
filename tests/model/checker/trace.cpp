#include "trace.h"
#include <string_view>

namespace edo_check {
namespace {

std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

// "void edo::detail::local_queue::push(...)" -> "local_queue::push"
std::string short_name(std::string_view name) {
    name = name.substr(0, name.find('('));
    if (const auto space = name.rfind(' '); space != std::string_view::npos)
        name.remove_prefix(space + 1);
    const auto last = name.rfind("::");
    if (last == std::string_view::npos || last == 0) return std::string(name);
    const auto before = name.rfind("::", last - 1);
    return std::string(before == std::string_view::npos ? name : name.substr(before + 2));
}

}  // namespace

void trace::add(unsigned thread,
                const char* operation,
                const std::string& what,
                const std::source_location& at) {
    std::string place;
    if (at.line() != 0) {
        std::string_view file = at.file_name();
        if (const auto slash = file.rfind('/'); slash != std::string_view::npos)
            file.remove_prefix(slash + 1);
        place = std::string(file) + ":" + std::to_string(at.line()) + " " +
                short_name(at.function_name());
    }
    rows_.push_back({thread, operation, what, place});
}

std::string trace::table() const {
    std::string out = "  step  thread  operation        what                              where\n";
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        const row& r = rows_[i];
        // Each thread has a column of its own, so that one sees who acts when.
        out += padded("  " + std::to_string(i + 1), 8);
        out += padded(std::string(r.thread, '.') + std::to_string(r.thread), 8);
        out += padded(r.operation, 17) + padded(r.what, 34) + r.place + "\n";
    }
    return out;
}

}  // namespace edo_check
