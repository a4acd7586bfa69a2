#pragma once
// How models are written down as tests.

#include <edo_check/atomic.h>
#include <edo_check/explore.h>
#include <edo_check/lock.h>
#include <edo_check/thread.h>
#include <initializer_list>
#include <string>

namespace edo_check {

/// A situation: some threads, a few operations each, and what has to hold.
struct scenario {
    const char* name;
    void (*body)();
    exploration how = {};
};

/// Explores `s` and expects that no run fails, and that enough was seen: all runs with two
/// preemptions, or two million.
void expect_holds(const scenario& s);

/// Plants `bug` and expects that a run of one of the scenarios fails, and says `what`.
void expect_caught(const mutant& bug,
                   std::initializer_list<scenario> family,
                   const std::string& what = "");

}  // namespace edo_check
