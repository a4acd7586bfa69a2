#pragma once
// One run of a scenario: its threads, and who goes on at each step.

#include "arena.h"
#include "choices.h"
#include "fiber.h"
#include "memory.h"
#include "mutant.h"
#include "pct.h"
#include "trace.h"
#include "visited.h"
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

namespace edo_check {

/// What a run may do.
struct run_limits {
    unsigned preemptions = 2;  ///< switches away from a thread that could have gone on
    unsigned oddities = 2;     ///< old values read, stores put before others, weak failures
    memory_model::limits memory;
    unsigned spurious_wakes = 1;  ///< futex waits that end for no reason
    unsigned timeouts = 1;        ///< bounded waits that end by time while others can still run
    unsigned steps = 3000;        ///< a run that takes more makes no progress
    bool keeps_calm = true;       ///< nothing is chosen where the scenario wants that
};

/// Why a wait ended.
enum class wake_reason : std::uint8_t { ready, timeout, spurious };

class engine {
public:
    static engine& get() noexcept { return the_one_ != nullptr ? *the_one_ : make(); }

    /// Runs `body(argument)` once, as thread 0, with the decisions of `decisions`.
    /// Returns: whether it ended without a failure; else failure() says what went wrong.
    bool run(void (*body)(void*), void* argument, const run_limits& limits, choices& decisions);

    const std::string& failure() const noexcept { return failure_; }

    /// True if some step had more alternatives than the bounds let it try.
    bool was_bounded() const noexcept { return was_bounded_; }

    void set_trace(trace* to) noexcept { trace_ = to; }

    /// The states from which nothing new can come; null: every run counts as new.
    void set_visited(visited* states) noexcept { visited_ = states; }

    /// Who decides which thread goes on; null: the decisions do, like everything else.
    void set_pct(pct* priorities) noexcept { pct_ = priorities; }

    /// True if the last run came to a state that was known.
    bool was_known() const noexcept { return is_known_; }

    void set_mutation(const mutation* m) noexcept { mutation_ = m; }

    // For what models use, on the fibers of a run.

    static bool is_inside() noexcept { return inside_; }

    /// Code of the checker that may allocate for itself.
    class outside {
    public:
        outside() noexcept : was_(inside_) { inside_ = false; }

        outside(const outside&) = delete;
        outside& operator=(const outside&) = delete;

        ~outside() { inside_ = was_; }

    private:
        bool was_;
    };

    [[noreturn]] void fail(const char* what) noexcept;

    /// Decides what memory answers; 0 is what a machine of another time would have done.
    unsigned decide(unsigned count) noexcept;

    unsigned current() const noexcept { return current_; }

    memory_model& shared() noexcept { return memory_; }

    arena& heap() noexcept { return heap_; }

    fingerprint& print() noexcept { return memory_.print(); }

    std::uint32_t run_number() const noexcept { return run_number_; }

    /// Before each operation that others can see: another thread may come first.
    void step() noexcept;
    /// The same for an operation on an atomic object. Where the order of all that uses an object is
    /// settled by other objects, or nobody writes it, nobody can come in between and make a
    /// difference; see forget_sharing().
    void step(std::uint32_t object, bool writes) noexcept;

    /// True while thread 0 is alone and knows all that the others have done: nothing can race.
    bool is_solo() const noexcept { return is_solo_; }

    /// True from where the run has come to a known state: all that can follow was watched before,
    /// so what is left is done without being watched.
    bool is_known() const noexcept { return is_known_; }

    /// While it is on, nothing is chosen: each thread goes on until it waits, and memory answers
    /// with the newest. For what leads up to the situation of a scenario; see class calm.
    void begin_calm() noexcept { is_calm_ = limits_.keeps_calm; }

    void end_calm() noexcept;

    /// Waits until nobody else can go on, unless time passes.
    void await_rest() noexcept;

    /// The thread cannot go on by itself: any other may come now, at no price.
    void yield() noexcept;

    struct wait {
        bool (*is_ready)(const void* on, unsigned thread) noexcept = nullptr;
        const void* on = nullptr;
        const char* name = "";  ///< for the report of a deadlock
        std::uint64_t limit = no_limit;
        bool may_end_early = false;

        bool has_limit() const noexcept { return limit != no_limit; }
    };

    static constexpr std::uint64_t no_limit = ~std::uint64_t{0};

    /// Where time has to pass before anybody can go on, the wait that is due first ends.
    wake_reason wait_until(const wait& for_what) noexcept;

    void refuse_starts(unsigned count) noexcept { refused_starts_ = count; }

    /// Whether a thread that is about to be started is one of those refused.
    bool is_start_refused() noexcept;
    /// Starts a thread. Returns: its number.
    unsigned start(void (*body)(void*), void* argument) noexcept;
    void join(unsigned thread) noexcept;

    bool has_ended(unsigned thread) const noexcept { return threads_[thread].has_ended; }

    const mutation* mutation_at(const std::source_location& at) const noexcept {
        return mutation_ == nullptr || !mutation_->hits(at) ? nullptr : mutation_;
    }

    /// Once per run and place: whether a weak compare-exchange at `at` may fail for no reason.
    bool may_fail_at(const std::source_location& at) noexcept;

    /// Which objects are shared, that is used in ways of which neither happens before the other, is
    /// learned from the runs, by the order in which objects are made.
    /// It holds for all runs of a search, so a search in which it has grown() has to begin again.
    void forget_sharing() noexcept;
    /// Takes what was learned in the last run. Returns: whether there was anything new.
    bool learn_sharing() noexcept;
    /// The objects known to be shared, four a digit, for replays.
    std::string sharing_text() const;
    void set_sharing(std::string_view text) noexcept;

    /// Called at each change of threads: carries over what the code under test keeps in variables
    /// of the thread, of which there is only one. And with a number twice when that thread begins.
    void on_change(void (*hook)(unsigned from, unsigned to) noexcept) noexcept { hook_ = hook; }

    trace* tracer() noexcept { return trace_; }

    std::uint64_t now = 1;  ///< the clock of the run, in nanoseconds; timeouts move it on

private:
    struct simulated {
        void (*body)(void*) = nullptr;
        void* argument = nullptr;
        wait waits;  // is_ready null: it can go on
        std::uint64_t due = no_limit;
        wake_reason reason = wake_reason::ready;
        bool has_ended = false;
    };

    struct option {
        std::uint8_t thread;
        wake_reason reason;
    };

    /// Where a decision is taken.
    enum class point : std::uint8_t { step, memory, yield, wait };

    static engine& make() noexcept;
    void count_step() noexcept;
    void let_others_come_first() noexcept;
    void enter_state(point where) noexcept;
    unsigned pick(unsigned count, bool likely_first, point where) noexcept;
    unsigned pick_thread(const option* to, unsigned n, point where) noexcept;
    unsigned highest_of(const option* to, unsigned n, bool may_stay) noexcept;
    std::uint64_t state_at(point where) const noexcept;
    static void enter() noexcept;
    bool can_run(unsigned thread) const noexcept;
    unsigned others(option* to) const noexcept;
    void go(option to) noexcept;
    void leave() noexcept;

    static constinit inline bool inside_ = false;
    static constinit inline engine* the_one_ = nullptr;

    run_limits limits_;
    choices* decisions_ = nullptr;
    const mutation* mutation_ = nullptr;
    trace* trace_ = nullptr;
    void (*hook_)(unsigned from, unsigned to) noexcept = nullptr;
    memory_model memory_;
    arena heap_;
    unsigned current_ = 0;
    unsigned count_ = 0;
    unsigned steps_ = 0;
    unsigned preemptions_ = 0;
    unsigned oddities_ = 0;
    unsigned joined_ = 0;
    unsigned spurious_wakes_ = 0;
    unsigned timeouts_ = 0;
    unsigned refused_starts_ = 0;  // still to come
    bool is_solo_ = true;
    bool is_calm_ = false;
    bool learned_[memory_model::most_locations] = {};
    bool is_shared_[memory_model::most_locations] = {};
    bool was_bounded_ = false;
    bool has_failed_ = false;
    bool is_known_ = false;
    bool knew_fences_ = false;
    unsigned stopped_ = 0;  // a bit for each thread that stopped before a step
    std::uint64_t failed_places_log_ = 0;
    visited* visited_ = nullptr;
    pct* pct_ = nullptr;
    std::uint32_t run_number_ = 0;
    simulated threads_[max_threads];
    static constexpr unsigned most_places = 64;
    unsigned failed_places_ = 0;
    std::source_location places_[most_places];
    std::string failure_;
    fiber host_;
    fiber fibers_[max_threads];
};

}  // namespace edo_check
