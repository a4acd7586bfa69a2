#pragma once
// The interleaving of one run, as a table for people.

#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace edo_check {

class trace {
public:
    /// `at` default-constructed: nowhere in particular.
    void add(unsigned thread,
             const char* operation,
             const std::string& what,
             const std::source_location& at);

    /// One line a step: thread, operation, values, place.
    std::string table() const;

private:
    struct row {
        unsigned thread;
        std::string operation;
        std::string what;
        std::string place;
    };

    std::vector<row> rows_;
};

}  // namespace edo_check
