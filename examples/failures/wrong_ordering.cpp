// A relaxed flag publishes a value: that works on x86 for months; cured by release/acquire.
//   build/release/bin/failure_wrong_ordering
// Expect the checker to find "flag seen, value not" on a weak machine, and never with the cure.
//
//   writer                            reader
//     value = 1            (A)          if (flag == 1)       (C)
//     flag  = 1            (B)              use(value)       (D)
//
// On paper: C has read what B wrote, and D must read what A wrote. That follows only if A comes
// before B and C before D for everybody. Relaxed promises neither: they concern different
// variables, so compiler and processor may exchange them. `release` keeps A before B, `acquire`
// keeps D after C; one of the two alone leaves the other pair free. x86 only lets a load overtake
// an earlier store, which occurs in neither thread: a test there finds nothing, as the measurement
// in the last line shows. So the checker tries each order that a machine allows.
#include <array>
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

namespace {

enum class order { relaxed, release, acquire };
enum class machine { x86, weak };

enum variable : unsigned { value, flag };

struct access {
    bool is_store;
    variable at;
    order how;
};

using thread_code = std::array<access, 2>;

/// May `later` take effect before `earlier`, which stands before it in the same thread?
bool may_overtake(machine on, const access& later, const access& earlier) {
    if (later.at == earlier.at) return false;
    if (!earlier.is_store && earlier.how == order::acquire) return false;
    if (later.is_store && later.how == order::release) return false;
    return on == machine::weak || (earlier.is_store && !later.is_store);
}

/// Runs two threads in every order that a machine allows, and counts what the reader has seen.
class checker {
public:
    checker(machine on, order store, order load)
        : on_(on),
          code_{{{{{true, value, order::relaxed}, {true, flag, store}}},
                 {{{false, flag, load}, {false, value, order::relaxed}}}}} {
        explore(0, {}, {});
    }

    /// Executions in which the flag was seen and the value was not.
    int torn() const { return torn_; }

    int all() const { return all_; }

private:
    using cells = std::array<int, 2>;  // one per variable

    void explore(unsigned done, cells memory, cells seen) {
        for (unsigned t = 0; t < 2; ++t) {
            for (unsigned i = 0; i < 2; ++i) {
                const unsigned bit = 1U << (2 * t + i);
                const bool first_is_due = i == 1 && (done & (1U << (2 * t))) == 0;
                if ((done & bit) != 0) continue;
                if (first_is_due && !may_overtake(on_, code_[t][1], code_[t][0])) continue;
                cells after = memory;
                cells read = seen;
                const access& step = code_[t][i];
                (step.is_store ? after[step.at] : read[step.at]) =
                    step.is_store ? 1 : memory[step.at];
                explore(done | bit, after, read);
            }
        }
        if (done != 0b1111) return;
        ++all_;
        if (seen[flag] == 1 && seen[value] == 0) ++torn_;
    }

    machine on_;
    std::array<thread_code, 2> code_;
    int torn_ = 0;
    int all_ = 0;
};

int torn_with(const char* name, order store, order load) {
    const checker x86(machine::x86, store, load);
    const checker weak(machine::weak, store, load);
    std::printf("%-20s wrong in %d of %d orders on x86, in %d of %2d on a weak machine\n", name,
                x86.torn(), x86.all(), weak.torn(), weak.all());
    return weak.torn();
}

/// The broken form on this very machine, on real threads. Returns how often it went wrong.
int torn_here(std::size_t rounds) {
    std::vector<std::atomic<int>> values(rounds);
    std::vector<std::atomic<int>> flags(rounds);
    std::thread writer([&] {
        for (std::size_t i = 0; i < rounds; ++i) {
            values[i].store(1, std::memory_order_relaxed);
            flags[i].store(1, std::memory_order_relaxed);  // the mistake; release is right
        }
    });
    int torn = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
        while (flags[i].load(std::memory_order_relaxed) == 0)  // the mistake; acquire is right
            std::this_thread::yield();
        torn += values[i].load(std::memory_order_relaxed) == 0;
    }
    writer.join();
    return torn;
}

}  // namespace

int main() {
    const int broken = torn_with("broken, relaxed", order::relaxed, order::relaxed);
    const int half = torn_with("half, release only", order::release, order::relaxed);
    const int other_half = torn_with("half, acquire only", order::relaxed, order::acquire);
    const int cured = torn_with("cured, both", order::release, order::acquire);
    std::printf("broken, tried on this machine: wrong %d times in 200000\n", torn_here(200'000));
    const bool is_cured = broken > 0 && half > 0 && other_half > 0 && cured == 0;
    std::puts(is_cured ? "the cure works" : "the cure does not work");
    return is_cured ? 0 : 1;
}
