#pragma once
// Whether what the threads of a run asked of an object can be told one after the other.

#include "engine.h"
#include "thread.h"
#include <cstdint>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace edo_check {

/// What was asked of an object, what it answered, and what was over by then.
///
///     const unsigned number = seen.invoke();
///     const int got = queue.pop();
///     seen.respond(number, {.what = call::pop, .value = got});
///
/// An operation precedes another if it has responded before the other was invoked, in the order in
/// which steps are executed. That asks more than C++ promises: only what is seq_cst, or under one
/// lock, has such an order. What need not have it is to be left out of the scenario.
///
/// `Operation`: what was called, with its arguments and results; text() is that for the table.
template <class Operation>
class history {
public:
    static constexpr unsigned capacity = 8;

    /// A step: what others do before it precedes. Returns: the number of the operation.
    unsigned invoke(std::source_location at = std::source_location::current()) noexcept {
        engine& e = engine::get();
        if (engine::is_inside()) e.step();
        const engine::outside here;  // nothing here is memory of the model
        if (count_ == capacity) e.fail("more operations than a history has room for");
        entry& mine = entries_[count_];
        mine.preceded_by = responded_;
        // Memory does not show who was first, but the search must not take the two for one state.
        mine.log = e.print().saw(e.current(), responded_log_);
        note("invokes", std::to_string(count_), at);
        return count_++;
    }

    void respond(unsigned number,
                 const Operation& operation,
                 std::source_location at = std::source_location::current()) noexcept {
        const engine::outside here;
        entries_[number].operation = operation;
        responded_ |= 1U << number;
        responded_log_ += fingerprint::mixed(entries_[number].log, 0);
        note("responds", std::to_string(number) + ": " + operation.text(), at);
    }

    /// Whether there is an order that keeps to what precedes what, and in which `initial` gives
    /// each operation the answer that it got. Requires: all have responded.
    ///
    /// `Object`: the object of a single thread, a value with ==. Its apply(operation) does what was
    /// called; false if the answer would be another. It is not used any more then.
    ///
    /// Source: Wing, Gong, "Testing and Verifying Concurrent Objects", JPDC 1993; that a state is
    /// tried once is from Lowe, "Testing for Linearizability", 2017.
    template <class Object>
    bool is_linearizable(const Object& initial) const {
        const engine::outside here;
        if (responded_ != all()) engine::get().fail("an operation has not responded");
        std::vector<std::pair<unsigned, Object>> dead_ends;
        return can_go_on(0, initial, dead_ends);
    }

private:
    struct entry {
        Operation operation;
        unsigned preceded_by = 0;
        std::uint64_t log = 0;
    };

    unsigned all() const noexcept { return (1U << count_) - 1; }

    // The operations in `done` have led to `object`.
    template <class Object>
    bool can_go_on(unsigned done,
                   const Object& object,
                   std::vector<std::pair<unsigned, Object>>& dead_ends) const {
        if (done == all()) return true;
        for (const auto& [then, state] : dead_ends)
            if (then == done && state == object) return false;
        for (unsigned i = 0; i < count_; ++i) {
            if ((done >> i & 1) != 0 || (entries_[i].preceded_by & ~done) != 0) continue;
            Object next = object;
            if (next.apply(entries_[i].operation) && can_go_on(done | 1U << i, next, dead_ends))
                return true;
        }
        dead_ends.emplace_back(done, object);
        return false;
    }

    static void note(const char* what, const std::string& text, const std::source_location& at) {
        engine& e = engine::get();
        if (e.tracer() != nullptr) e.tracer()->add(e.current(), what, text, at);
    }

    entry entries_[capacity] = {};
    unsigned count_ = 0;
    unsigned responded_ = 0;  // a bit for each operation, as in preceded_by
    std::uint64_t responded_log_ = 0;
};

/// Ends the run as failed unless what was `seen` is what a single thread could have seen.
template <class Operation, class Object>
void expect_linearizable(const history<Operation>& seen, const Object& initial) noexcept {
    expect(seen.is_linearizable(initial),
           "not linearizable: no order of the operations explains "
           "what they have answered");
}

}  // namespace edo_check
