#pragma once

#include <edo_check/mutant.h>
#include <ostream>

#include <gtest/gtest.h>

namespace edo::model {

/// One way to spoil what all that wait under a lock_word share: the word, or how a node of the list
/// is fired.
struct lock_word_mutant {
    const char* test;  ///< in a test's name
    edo_check::mutant bug;

    friend void PrintTo(const lock_word_mutant& m, std::ostream* to) { *to << m.bug.name; }
};

inline auto all_lock_word_mutants() {
    using kind = edo_check::mutant::kind;
    constexpr auto word = "sync/wait/lock_word.h";
    constexpr auto list = "sync/wait/wait_list.h";
    const auto bug = [](const char* name, const char* file, const char* line, kind what) {
        return edo_check::mutant{.name = name, .file = file, .line = line, .what = what};
    };
    return ::testing::Values(
        lock_word_mutant{"change_relaxed", bug("F relaxed", word, "// F, G", kind::weaken)},
        lock_word_mutant{"change_torn", bug("F torn", word, "// F, G", kind::tear)},
        lock_word_mutant{"lock_relaxed", bug("L relaxed", word, "// L", kind::weaken)},
        lock_word_mutant{"lock_torn", bug("L torn", word, "// L", kind::tear)},
        lock_word_mutant{"unlock_relaxed", bug("U relaxed", word, "// U", kind::weaken)},
        lock_word_mutant{"get_relaxed", bug("G relaxed", word, "// G", kind::weaken)},
        lock_word_mutant{"fire_relaxed", bug("fired relaxed", list, "// F", kind::weaken)},
        lock_word_mutant{"fire_skipped", bug("fired not said", list, "// F", kind::skip)},
        lock_word_mutant{"fired_read_relaxed",
                         bug("fired read relaxed", "sync/wait/wait_list.h", "// Q", kind::weaken)});
}

inline const char* name_of_mutant(const ::testing::TestParamInfo<lock_word_mutant>& info) {
    return info.param.test;
}

}  // namespace edo::model
