#pragma once
// One run of a scenario: its threads, and who goes on at each step.

#include "arena.h"
#include "choices.h"
#include "fiber.h"
#include "memory.h"
#include "mutant.h"
#include "trace.h"
#include <cstdint>
#include <source_location>
#include <string>

namespace edo_check {

/// What a run may do.
struct run_limits {
    unsigned preemptions = 2;  ///< switches away from a thread that could have gone on
    memory_model::limits memory;
    unsigned spurious_wakes = 1;  ///< futex waits that end for no reason
    unsigned timeouts = 1;        ///< bounded waits that end by time while others can still run
    unsigned steps = 3000;        ///< a run that takes more makes no progress
};

/// Why a wait ended.
enum class wake_reason : std::uint8_t { ready, timeout, spurious };

class engine {
public:
    static engine& get() noexcept;

    /// Runs `body(argument)` once, as thread 0, with the decisions of `decisions`.
    /// Returns: whether it ended without a failure; else failure() says what went wrong.
    bool run(void (*body)(void*), void* argument, const run_limits& limits, choices& decisions);

    const std::string& failure() const noexcept { return failure_; }

    /// True if some step had more alternatives than the bound on preemptions let it try.
    bool was_bounded() const noexcept { return was_bounded_; }

    void set_trace(trace* to) noexcept { trace_ = to; }

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

    unsigned decide(unsigned count) noexcept { return decisions_->pick(count, false); }

    unsigned current() const noexcept { return current_; }

    memory_model& shared() noexcept { return memory_; }

    arena& heap() noexcept { return heap_; }

    std::uint32_t run_number() const noexcept { return run_number_; }

    /// Before each operation that others can see: another thread may come first.
    void step() noexcept;
    /// The thread cannot go on by itself: any other may come now, at no price.
    void yield() noexcept;

    struct wait {
        bool (*is_ready)(const void* on, unsigned thread) noexcept = nullptr;
        const void* on = nullptr;
        const char* name = "";  ///< for the report of a deadlock
        bool has_limit = false;
        bool may_end_early = false;
    };

    wake_reason wait_until(const wait& for_what) noexcept;

    /// Starts a thread. Returns: its number.
    unsigned start(void (*body)(void*), void* argument) noexcept;
    void join(unsigned thread) noexcept;

    bool has_ended(unsigned thread) const noexcept { return threads_[thread].has_ended; }

    const mutation* mutation_at(const std::source_location& at) const noexcept {
        return mutation_ == nullptr || !mutation_->hits(at) ? nullptr : mutation_;
    }

    /// Once per run and place: whether a weak compare-exchange at `at` may fail for no reason.
    bool may_fail_at(const std::source_location& at) noexcept;

    trace* tracer() noexcept { return trace_; }

    std::uint64_t now = 1;  ///< the clock of the run, in nanoseconds; each timeout moves it on

private:
    struct simulated {
        void (*body)(void*) = nullptr;
        void* argument = nullptr;
        wait waits;  // is_ready null: it can go on
        wake_reason reason = wake_reason::ready;
        bool has_ended = false;
    };

    struct option {
        std::uint8_t thread;
        wake_reason reason;
    };

    static void enter() noexcept;
    bool can_run(unsigned thread) const noexcept;
    unsigned others(option* to) const noexcept;
    void go(option to) noexcept;
    void leave() noexcept;

    static constinit inline bool inside_ = false;

    run_limits limits_;
    choices* decisions_ = nullptr;
    const mutation* mutation_ = nullptr;
    trace* trace_ = nullptr;
    memory_model memory_;
    arena heap_;
    unsigned current_ = 0;
    unsigned count_ = 0;
    unsigned steps_ = 0;
    unsigned preemptions_ = 0;
    unsigned spurious_wakes_ = 0;
    unsigned timeouts_ = 0;
    bool was_bounded_ = false;
    bool has_failed_ = false;
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
