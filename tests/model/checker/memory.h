#pragma once
// The memory model: what an atomic operation may see.

#include "clock.h"
#include "fingerprint.h"
#include <atomic>
#include <cstdint>

namespace edo_check {

/// One entry of a location's modification order.
struct stored {
    std::uint64_t value;
    view released;         ///< what an acquire load of it learns
    vector_clock read_by;  ///< for each thread, the step in which it first read this; 0: never
    std::uint32_t sc =
        0;  ///< place in the order of seq_cst operations of the first that touched it
    std::uint16_t step = 0;
    std::uint8_t writer = 0;
    bool is_rmw = false;
};

/// An atomic object: its stores, oldest first.
struct location {
    static constexpr unsigned capacity = 24;
    const void* object = nullptr;
    unsigned count = 0;
    bool is_dead = false;
    bool has_first = true;  ///< stores[0] is still that of the construction
    vector_clock used_by;   ///< last step of each thread that touched it
    // The same, and that of each write, of all that engine::step() was told of.
    vector_clock steps;
    vector_clock writes;
    std::uint64_t log = 0;  ///< for the fingerprint: what was stored, and where in the order
    stored stores[capacity];

    stored& newest() noexcept { return stores[count - 1]; }
};

/// The C++20 memory model as a machine.
///
/// Each location keeps its stores in modification order. A load may take any of them unless a newer
/// one is known: written or read by what happens before the load (coherence), or through a seq_cst
/// fence, or, if the load itself is seq_cst, by any earlier seq_cst operation on the location. A
/// store goes to the end or, if that is to be tried, before stores that its thread does not know.
/// The order of seq_cst operations is the order in which they are executed.
///
/// Not produced: results that need a load to see a store that is executed later (load buffering).
/// See tests/model/README.md.
class memory_model {
public:
    static constexpr unsigned most_locations = 256;

    struct limits {
        unsigned stale_window = 4;    ///< how many of the newest stores a load may take
        bool reorders_stores = true;  ///< whether a store may be older than one executed before
    };

    void reset(const limits& with) noexcept;

    location& create(const void* object, std::uint64_t value, unsigned thread) noexcept;

    std::uint64_t load(location& at, unsigned thread, std::memory_order order) noexcept;
    void store(location& at,
               unsigned thread,
               std::uint64_t value,
               std::memory_order order) noexcept;
    /// Replaces the newest value. Returns: it.
    std::uint64_t exchange(location& at,
                           unsigned thread,
                           std::uint64_t value,
                           std::memory_order order) noexcept;
    /// How a compare-exchange ends is a decision too: it may fail on an older value, and a weak one
    /// (`may_fail`) for no reason.
    bool compare_exchange(location& at,
                          unsigned thread,
                          std::uint64_t& expected,
                          std::uint64_t desired,
                          bool may_fail,
                          std::memory_order success,
                          std::memory_order failure) noexcept;
    void fence(unsigned thread, std::memory_order order) noexcept;
    /// The two sides of an asymmetric fence: a seq_cst fence whose one kind is ordered with the
    /// other kind and not with its own. A light one orders nothing but that.
    void light_fence(unsigned thread) noexcept;
    void heavy_fence(unsigned thread) noexcept;

    /// Every store becomes visible some day: called where a thread waits in a loop.
    void catch_up(unsigned thread) noexcept;

    void start_thread(unsigned parent, unsigned child) noexcept;
    void join_thread(unsigned parent, unsigned child) noexcept;
    /// What locks do: publish(), and later learn() by another thread.
    void publish(unsigned thread, view& to) noexcept;
    void learn(unsigned thread, const view& from) noexcept;

    const vector_clock& known_to(unsigned thread) const noexcept {
        return threads_[thread].now.clock;
    }

    location* find(std::uint32_t id, const void* object) noexcept {
        return id < used_ && locations_[id].object == object ? &locations_[id] : nullptr;
    }

    unsigned locations() const noexcept { return used_; }

    /// Notes that `thread` is about to use a location.
    /// Returns: whether a use by another thread, one of the two being a write, does not happen
    ///          before: then either may come first.
    bool is_unordered(std::uint32_t id, unsigned thread, bool writes) noexcept;

    /// For whatever else threads can tell their order by.
    fingerprint& print() noexcept { return print_; }

    /// The state of the run, as far as memory goes.
    std::uint64_t state() const noexcept {
        return has_fences_ ? fingerprint::mixed(print_.of_all(), sc_log_) : print_.of_all();
    }

    /// Whether a seq_cst fence was ever used: then the order of seq_cst operations is part of the
    /// state.
    bool has_fences() const noexcept { return has_fences_; }

    void forget_fences() noexcept { has_fences_ = false; }

    std::uint32_t id_of(const location& at) const noexcept {
        return static_cast<std::uint32_t>(&at - locations_);
    }

private:
    struct knowledge {
        view now;      ///< what happens before the next step
        view pending;  ///< what an acquire fence would add
        view fenced;   ///< what the last release fence has left for relaxed stores
    };

    struct snapshot {
        vector_clock clock;    ///< what happens before this seq_cst fence or an earlier one
        std::uint32_t sc = 0;  ///< its place in the order of seq_cst operations
    };

    std::uint32_t next_sc(unsigned thread) noexcept;
    void make_snapshot(unsigned thread, const vector_clock& more) noexcept;
    std::uint16_t next_step(location& at, unsigned thread) noexcept;
    bool is_known(const stored& s, unsigned thread, bool by_sc) const noexcept;
    unsigned visible(const location& at, unsigned thread, bool by_sc) const noexcept;
    std::uint64_t take(location& at, stored& s, unsigned thread, std::memory_order order) noexcept;
    void insert(location& at, unsigned position, const stored& s) noexcept;
    stored make(unsigned thread, std::uint64_t value, std::memory_order order) noexcept;

    static constexpr unsigned most_fences = 1024;
    limits limits_;
    unsigned used_ = 0;
    unsigned fences_ = 0;
    std::uint32_t sc_ = 0;
    std::uint16_t last_heavy_ = 0;  // its snapshot
    vector_clock light_;            // what happens before the light fences so far
    bool has_fences_ = false;
    std::uint64_t sc_log_ = 0;
    std::uint64_t light_log_ = 0;
    fingerprint print_;
    knowledge threads_[max_threads];
    snapshot snapshots_[most_fences];
    location locations_[most_locations];
};

}  // namespace edo_check
