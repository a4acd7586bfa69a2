#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

namespace bench {

/// Reads `--name value` pairs from a command line; whatever is wrong with them ends the program
/// with one line that names the flag, the value and what was expected (exit code 2).
///
///     bench::flags flags{argc, argv, "usage: ..."};
///     auto threads = flags.number("threads", 1, 1, 1024);
///     flags.finish();
///
/// `--help` prints the usage text and exits with code 0.
class flags {
public:
    flags(int argc, char** argv, std::string_view usage);

    std::string text(const std::string& name, std::string_view fallback);

    std::uint64_t number(const std::string& name,
                         std::uint64_t fallback,
                         std::uint64_t lowest,
                         std::uint64_t highest);

    double decimal(const std::string& name, double fallback, double lowest, double highest);

    /// The fallback is the first choice.
    std::string choice(const std::string& name, std::initializer_list<std::string_view> choices);

    bool is_given(const std::string& name) const { return values_.contains(name); }

    /// Rejects every flag that none of the calls above has asked for.
    void finish() const;

    /// Ends the program because of a flag: prints the message, exit code 2.
    [[noreturn]] static void reject(const std::string& message);

private:
    struct value {
        std::string text;
        bool is_used = false;
    };

    std::map<std::string, value> values_;
};

}  // namespace bench
