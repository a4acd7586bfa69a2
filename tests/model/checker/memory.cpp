#include "engine.h"
#include "memory.h"
#include <algorithm>
#include <utility>

namespace edo_check {
namespace {

bool acquires(std::memory_order order) noexcept {
    return order == std::memory_order_acquire || order == std::memory_order_consume ||
           order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}

bool releases(std::memory_order order) noexcept {
    return order == std::memory_order_release || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}

bool is_sc(std::memory_order order) noexcept {
    return order == std::memory_order_seq_cst;
}

// A step of a thread, for the fingerprint.
constexpr std::uint64_t name_of(unsigned thread, unsigned step) noexcept {
    return std::uint64_t{thread + 1} << 16 | step;
}

}  // namespace

void memory_model::reset(const limits& with) noexcept {
    limits_ = with;
    used_ = 0;
    fences_ = 0;
    sc_ = 0;
    last_heavy_ = 0;
    light_ = {};
    sc_log_ = light_log_ = 0;
    print_.start_run();
    snapshots_[0] = {};
    for (knowledge& k : threads_)
        k = {};
}

location& memory_model::create(const void* object, std::uint64_t value, unsigned thread) noexcept {
    if (used_ == most_locations)
        engine::get().fail("more atomic objects than the checker has room for");
    location& at = locations_[used_++];
    at.object = object;
    at.count = 1;
    at.is_dead = false;
    at.has_first = true;
    at.used_by = at.steps = at.writes = {};
    at.log = 0;
    stored& first = at.stores[0];
    first = {};
    first.value = value;
    first.writer = static_cast<std::uint8_t>(thread);
    // Belongs to the step to come, as a plain write does: construction is one.
    first.step = static_cast<std::uint16_t>(threads_[thread].now.clock.at[thread] + 1);
    return at;
}

bool memory_model::is_unordered(std::uint32_t id, unsigned thread, bool writes) noexcept {
    location& at = locations_[id];
    const vector_clock& known = threads_[thread].now.clock;
    const auto step = static_cast<std::uint16_t>(known.at[thread] + 1);
    at.steps.at[thread] = step;
    if (writes) at.writes.at[thread] = step;
    vector_clock others = writes ? at.steps : at.writes;
    others.at[thread] = 0;
    return !others.is_within(known);
}

std::uint16_t memory_model::next_step(location& at, unsigned thread) noexcept {
    const std::uint16_t step = ++threads_[thread].now.clock.at[thread];
    at.used_by.at[thread] = step;
    return step;
}

// A store is known if it, or a read of it, happens before: then nothing older can be read.
bool memory_model::is_known(const stored& s, unsigned thread, bool by_sc) const noexcept {
    const view& now = threads_[thread].now;
    const snapshot& past = snapshots_[by_sc ? fences_ : now.fence];
    if (s.step <= std::max(now.clock.at[s.writer], past.clock.at[s.writer])) return true;
    for (unsigned i = 0; i < max_threads; ++i)
        if (s.read_by.at[i] != 0 && s.read_by.at[i] <= std::max(now.clock.at[i], past.clock.at[i]))
            return true;
    return s.sc != 0 && (by_sc || s.sc <= past.sc);
}

// Returns: how many of the newest stores a load may take.
unsigned memory_model::visible(const location& at, unsigned thread, bool by_sc) const noexcept {
    const unsigned most = std::min(at.count, limits_.stale_window);
    unsigned seen = 1;
    while (seen < most && !is_known(at.stores[at.count - seen], thread, by_sc))
        ++seen;
    return seen;
}

std::uint64_t memory_model::take(location& at,
                                 stored& s,
                                 unsigned thread,
                                 std::memory_order order) noexcept {
    knowledge& k = threads_[thread];
    print_.saw(thread, name_of(s.writer, s.step));
    if (s.read_by.at[thread] == 0) s.read_by.at[thread] = at.used_by.at[thread];
    if (is_sc(order)) {
        next_sc(thread);
        if (s.sc == 0) s.sc = sc_;
    }
    (acquires(order) ? k.now : k.pending).join(s.released);
    return s.value;
}

std::uint64_t memory_model::load(location& at, unsigned thread, std::memory_order order) noexcept {
    if (engine::get().is_known()) return at.newest().value;
    next_step(at, thread);
    const unsigned seen = visible(at, thread, is_sc(order));
    const unsigned back = seen > 1 ? engine::get().decide(seen) : 0;
    return take(at, at.stores[at.count - 1 - back], thread, order);
}

stored memory_model::make(unsigned thread, std::uint64_t value, std::memory_order order) noexcept {
    const knowledge& k = threads_[thread];
    stored s{};
    s.value = value;
    s.released = releases(order) ? k.now : k.fenced;
    s.step = k.now.clock.at[thread];
    s.writer = static_cast<std::uint8_t>(thread);
    if (is_sc(order)) s.sc = next_sc(thread);
    return s;
}

std::uint32_t memory_model::next_sc(unsigned thread) noexcept {
    sc_log_ = fingerprint::mixed(sc_log_, name_of(thread, threads_[thread].now.clock.at[thread]));
    return ++sc_;
}

void memory_model::insert(location& at, unsigned position, const stored& s) noexcept {
    print_.changed(at.log, fingerprint::mixed(name_of(s.writer, s.step), at.count - position));
    if (at.count == location::capacity) {
        // Far older than any window: forgotten.
        constexpr unsigned kept = location::capacity / 2;
        if (position < at.count - kept) position = at.count - kept;
        position -= at.count - kept;
        std::copy(at.stores + at.count - kept, at.stores + at.count, at.stores);
        at.count = kept;
        at.has_first = false;
    }
    std::copy_backward(at.stores + position, at.stores + at.count, at.stores + at.count + 1);
    at.stores[position] = s;
    ++at.count;
}

void memory_model::store(location& at,
                         unsigned thread,
                         std::uint64_t value,
                         std::memory_order order) noexcept {
    if (engine::get().is_known()) {
        at.newest().value = value;
        return;
    }
    next_step(at, thread);
    unsigned position = at.count;
    if (limits_.reorders_stores && at.count > 1) {
        // Places before stores that this thread does not know; never between a read-modify-write
        // and what it has read.
        unsigned places[location::capacity];
        unsigned count = 0;
        for (unsigned i = at.count; i > 1; --i) {
            const stored& later = at.stores[i - 1];
            if (at.count - i + 1 >= limits_.stale_window || is_known(later, thread, is_sc(order)))
                break;
            if (!later.is_rmw) places[count++] = i - 1;
        }
        if (count > 0) {
            const unsigned picked = engine::get().decide(count + 1);
            if (picked > 0) position = places[picked - 1];
        }
    }
    insert(at, position, make(thread, value, order));
}

// Continues the release sequence of what it replaces.
std::uint64_t memory_model::exchange(location& at,
                                     unsigned thread,
                                     std::uint64_t value,
                                     std::memory_order order) noexcept {
    if (engine::get().is_known()) return std::exchange(at.newest().value, value);
    next_step(at, thread);
    stored& last = at.newest();
    const view continued = last.released;
    const std::uint64_t old = take(at, last, thread, order);
    stored s = make(thread, value, order);
    s.released.join(continued);
    s.is_rmw = true;
    insert(at, at.count, s);
    return old;
}

bool memory_model::compare_exchange(location& at,
                                    unsigned thread,
                                    std::uint64_t& expected,
                                    std::uint64_t desired,
                                    bool may_fail,
                                    std::memory_order success,
                                    std::memory_order failure) noexcept {
    const bool can_succeed = at.newest().value == expected;
    if (engine::get().is_known()) {
        if (can_succeed) {
            at.newest().value = desired;
        } else {
            expected = at.newest().value;
        }
        return can_succeed;
    }
    // A failure is a load, which may take any visible value but the expected one.
    stored* others[location::capacity];
    unsigned count = 0;
    ++threads_[thread].now.clock.at[thread];
    const unsigned seen = visible(at, thread, is_sc(failure));
    --threads_[thread].now.clock.at[thread];
    for (unsigned back = 0; back < seen; ++back) {
        stored& s = at.stores[at.count - 1 - back];
        if (s.value != expected || (may_fail && back == 0)) others[count++] = &s;
    }
    const unsigned ways = count + (can_succeed ? 1 : 0);
    unsigned picked = ways > 1 ? engine::get().decide(ways) : 0;
    if (can_succeed && picked == 0) {
        exchange(at, thread, desired, success);
        return true;
    }
    if (can_succeed) --picked;
    next_step(at, thread);
    expected = take(at, *others[picked], thread, failure);
    return false;
}

void memory_model::fence(unsigned thread, std::memory_order order) noexcept {
    if (engine::get().is_known()) return;
    knowledge& k = threads_[thread];
    ++k.now.clock.at[thread];
    if (acquires(order)) k.now.join(k.pending);
    if (is_sc(order)) make_snapshot(thread, {});
    if (releases(order)) k.fenced = k.now;
}

void memory_model::make_snapshot(unsigned thread, const vector_clock& more) noexcept {
    if (fences_ + 1 == most_fences) engine::get().fail("more fences than the checker has room for");
    knowledge& k = threads_[thread];
    snapshot& mine = snapshots_[fences_ + 1];
    mine = snapshots_[fences_];
    mine.clock.join(k.now.clock);
    mine.clock.join(more);
    mine.sc = next_sc(thread);
    k.now.fence = static_cast<std::uint16_t>(++fences_);
    has_fences_ = true;
    print_.saw(thread, sc_log_);
}

void memory_model::light_fence(unsigned thread) noexcept {
    if (engine::get().is_known()) return;
    knowledge& k = threads_[thread];
    ++k.now.clock.at[thread];
    light_.join(k.now.clock);
    light_log_ += fingerprint::mixed(print_.saw(thread, last_heavy_), 0);
    k.now.fence = std::max(k.now.fence, last_heavy_);
}

void memory_model::heavy_fence(unsigned thread) noexcept {
    if (engine::get().is_known()) return;
    knowledge& k = threads_[thread];
    ++k.now.clock.at[thread];
    k.now.join(k.pending);
    print_.saw(thread, light_log_);
    make_snapshot(thread, light_);
    last_heavy_ = k.now.fence;
    k.fenced = k.now;
}

void memory_model::catch_up(unsigned thread) noexcept {
    if (engine::get().is_known()) return;
    print_.saw(thread, print_.of_memory());
    const std::uint16_t step = ++threads_[thread].now.clock.at[thread];
    for (unsigned i = 0; i < used_; ++i) {
        stored& s = locations_[i].newest();
        if (s.read_by.at[thread] == 0) s.read_by.at[thread] = step;
    }
}

void memory_model::start_thread(unsigned parent, unsigned child) noexcept {
    ++threads_[parent].now.clock.at[parent];
    print_.saw(parent, child);
    print_.saw(child, print_.saw(parent, child));
    threads_[child] = {};
    threads_[child].now = threads_[parent].now;
}

void memory_model::join_thread(unsigned parent, unsigned child) noexcept {
    ++threads_[child].now.clock.at[child];  // what it did last without an atomic step
    print_.saw(parent, child);
    threads_[parent].now.join(threads_[child].now);
}

void memory_model::publish(unsigned thread, view& to) noexcept {
    if (engine::get().is_known()) return;
    ++threads_[thread].now.clock.at[thread];
    to = threads_[thread].now;
}

void memory_model::learn(unsigned thread, const view& from) noexcept {
    if (engine::get().is_known()) return;
    ++threads_[thread].now.clock.at[thread];
    threads_[thread].now.join(from);
}

}  // namespace edo_check
