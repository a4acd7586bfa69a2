#include "mutant.h"
#include <algorithm>
#include <fstream>
#include <string_view>

namespace edo_check {
namespace {

std::string_view code_of(const std::string& line) {
    std::string_view text = line;
    text = text.substr(0, text.find("//"));
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

bool ends_statement(const std::string& line) {
    const std::string_view code = code_of(line);
    return code.empty() || code.ends_with(';') || code.ends_with('{') || code.ends_with('}') ||
           code.ends_with(':');
}

}  // namespace

mutation::mutation(const mutant& m) : file_(m.file), in_(m.in), what_(m.what), order_(m.order) {
    std::ifstream in(std::string(EDO_MODEL_SOURCES) + "/" + m.file);
    std::vector<std::string> text;
    for (std::string line; std::getline(in, line);)
        text.push_back(line);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i].find(m.line) == std::string::npos) continue;
        std::size_t first = i;
        if (code_of(text[i]).find_first_not_of(' ') == std::string_view::npos) {
            // A comment of its own speaks of the line below; a row of a table of none.
            if (i + 1 == text.size() || code_of(text[i + 1]).empty()) continue;
            first = i + 1;
        }
        std::size_t last = first;
        while (first > 0 && !ends_statement(text[first - 1]))
            --first;
        while (last + 1 < text.size() && !ends_statement(text[last]))
            ++last;
        for (std::size_t at = first; at <= last; ++at)
            lines_.push_back(static_cast<unsigned>(at + 1));
    }
}

bool mutation::hits(const std::source_location& at) const noexcept {
    if (std::find(lines_.begin(), lines_.end(), at.line()) == lines_.end()) return false;
    return std::string_view(at.file_name()).ends_with(file_) &&
           std::string_view(at.function_name()).find(in_) != std::string_view::npos;
}

}  // namespace edo_check
