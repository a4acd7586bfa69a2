#include "flags.h"
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <system_error>

namespace bench {

namespace {

template <class T>
T parse(const std::string& name, const std::string& text, T lowest, T highest) {
    T parsed{};
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, parsed);
    if (error != std::errc{} || rest != end || parsed < lowest || parsed > highest) {
        std::ostringstream range;
        range << lowest << " to " << highest;
        flags::reject("bad value for --" + name + ": '" + text + "'; expected a number from " +
                      range.str());
    }
    return parsed;
}

}  // namespace

flags::flags(int argc, char** argv, std::string_view usage) {
    for (int i = 1; i < argc; i += 2) {
        const std::string_view name = argv[i];
        if (name == "--help") {
            std::fwrite(usage.data(), 1, usage.size(), stdout);
            std::exit(0);
        }
        if (!name.starts_with("--"))
            reject("unexpected argument '" + std::string{name} + "'; try --help");
        if (i + 1 == argc) reject("no value after " + std::string{name} + "; try --help");
        values_[std::string{name.substr(2)}].text = argv[i + 1];
    }
}

std::string flags::text(const std::string& name, std::string_view fallback) {
    const auto found = values_.find(name);
    if (found == values_.end()) return std::string{fallback};
    found->second.is_used = true;
    return found->second.text;
}

std::uint64_t flags::number(const std::string& name,
                            std::uint64_t fallback,
                            std::uint64_t lowest,
                            std::uint64_t highest) {
    return is_given(name) ? parse(name, text(name, ""), lowest, highest) : fallback;
}

double flags::decimal(const std::string& name, double fallback, double lowest, double highest) {
    return is_given(name) ? parse(name, text(name, ""), lowest, highest) : fallback;
}

std::string flags::choice(const std::string& name,
                          std::initializer_list<std::string_view> choices) {
    const std::string chosen = text(name, *choices.begin());
    std::string all;
    for (const std::string_view each : choices) {
        if (each == chosen) return chosen;
        all += (all.empty() ? "" : ", ") + std::string{each};
    }
    reject("bad value for --" + name + ": '" + chosen + "'; expected one of " + all);
}

void flags::finish() const {
    for (const auto& [name, given] : values_)
        if (!given.is_used) reject("unknown flag --" + name + "; try --help");
}

void flags::reject(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(2);
}

}  // namespace bench
