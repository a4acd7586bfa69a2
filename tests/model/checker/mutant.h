#pragma once
// Bugs planted for the time of a test, to see that the models would find them.

#include <atomic>
#include <source_location>
#include <string>
#include <vector>

namespace edo_check {

/// Says which operation is spoilt, and how. The production sources know nothing of it: operations
/// are found by the line of source they stand on, and lines by what is written there.
struct mutant {
    enum class kind {
        weaken,  ///< the ordering becomes `order` (that of a failed compare-exchange: relaxed)
        skip,    ///< a store, a wake, a fence is left out; a lock is not taken
        tear,    ///< a read-modify-write is a load and, a step later, a store
    };

    std::string name;  ///< in words, for messages
    std::string file;  ///< as in an #include, without edo/
    /// Part of the line, its comment included: the mark of the protocol's table is the natural one.
    /// A statement that spans lines is found by any of them.
    std::string line;
    kind what = kind::weaken;
    std::memory_order order = std::memory_order_relaxed;
    std::string in = {};  ///< part of the function's name, where lines are alike
};

/// A mutant whose lines were found.
class mutation {
public:
    /// Reads the source file. A mutant whose line is not there any more hits nothing: has_lines()
    /// tells.
    explicit mutation(const mutant& m);

    bool has_lines() const noexcept { return !lines_.empty(); }

    bool hits(const std::source_location& at) const noexcept;

    mutant::kind what() const noexcept { return what_; }

    std::memory_order order() const noexcept { return order_; }

private:
    std::string file_;
    std::string in_;
    std::vector<unsigned> lines_;
    mutant::kind what_;
    std::memory_order order_;
};

}  // namespace edo_check
