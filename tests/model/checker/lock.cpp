#include "engine.h"
#include "lock.h"
#include <algorithm>

namespace edo_check {
namespace {

void note(const char* operation, const std::source_location& at) {
    engine& e = engine::get();
    if (e.tracer() == nullptr) return;
    const engine::outside here;
    e.tracer()->add(e.current(), operation, "", at);
}

std::uint64_t limit_of(std::chrono::nanoseconds limit) noexcept {
    if (limit == std::chrono::nanoseconds::max()) return engine::no_limit;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(limit.count(), 0));
}

// Who sleeps on which word. Plain memory of the checker: the kernel is not part of the model.
struct sleeper {
    const void* word;
    bool is_woken;
    std::uint32_t run;
};

sleeper sleepers[max_threads];

}  // namespace

void mutex::start_run() noexcept {
    if (run_ == engine::get().run_number()) return;
    run_ = engine::get().run_number();
    holder_ = nobody;
    run_skips_ = 0;
    log_ = 0;
    released_ = {};
    memory_model& m = engine::get().shared();
    id_ = m.id_of(m.create(this, 0, 0));
}

void mutex::step() noexcept {
    start_run();
    engine::get().step(id_, true);
}

void mutex::destroy() noexcept {
    if (engine::is_inside() && run_ == engine::get().run_number() && holder_ != nobody)
        engine::get().fail("a mutex is destroyed while it is held");
}

void mutex::lock(place at) noexcept {
    if (!engine::is_inside()) return;
    engine& e = engine::get();
    step();
    if (e.heap().contains(this) && e.heap().is_freed(this)) e.fail("a lock in freed memory");
    if (const mutation* bug = e.mutation_at(at);
        bug != nullptr && bug->what() == mutant::kind::skip) {
        ++run_skips_;
        return;
    }
    e.wait_until({.is_ready =
                      [](const void* on, unsigned) noexcept {
                          return static_cast<const mutex*>(on)->holder_ == nobody;
                      },
                  .on = this,
                  .name = "a mutex"});
    holder_ = static_cast<std::uint8_t>(e.current());
    e.print().saw(e.current(), log_);
    e.shared().learn(e.current(), released_);
    note("lock", at);
}

bool mutex::try_lock(place at) noexcept {
    if (!engine::is_inside()) return true;
    engine& e = engine::get();
    step();
    const bool is_free = holder_ == nobody;
    note(is_free ? "try_lock" : "try_lock (no)", at);
    if (!is_free) {
        e.print().saw(e.current(), holder_);
        return false;
    }
    holder_ = static_cast<std::uint8_t>(e.current());
    e.print().saw(e.current(), log_);
    e.shared().learn(e.current(), released_);
    return true;
}

void mutex::unlock(place at) noexcept {
    if (!engine::is_inside()) return;
    engine& e = engine::get();
    start_run();
    if (holder_ != e.current()) {
        if (run_skips_ == 0) e.fail("a mutex is unlocked by who does not hold it");
        --run_skips_;
        return;
    }
    e.shared().publish(e.current(), released_);
    log_ = e.print().saw(e.current(), 0);
    holder_ = nobody;
    note("unlock", at);
}

void parker::start_run() noexcept {
    if (run_ == engine::get().run_number()) return;
    run_ = engine::get().run_number();
    has_permit_ = false;
    log_ = 0;
    released_ = {};
}

bool parker::park(std::chrono::nanoseconds limit, place at) noexcept {
    engine& e = engine::get();
    start_run();
    e.step();
    note("park", at);
    const wake_reason why = e.wait_until(
        {.is_ready = [](const void* on,
                        unsigned) noexcept { return static_cast<const parker*>(on)->has_permit_; },
         .on = this,
         .name = "a permit (parker)",
         .limit = limit_of(limit)});
    if (why == wake_reason::timeout) {
        e.print().saw(e.current(), 1);
        if (!has_permit_) return false;
    }
    has_permit_ = false;
    e.print().saw(e.current(), log_);
    e.shared().learn(e.current(), released_);
    return true;
}

void parker::unpark(place at) noexcept {
    engine& e = engine::get();
    start_run();
    e.step();
    if (e.heap().contains(this) && e.heap().is_freed(this)) e.fail("unpark() of a freed parker");
    if (const mutation* bug = e.mutation_at(at);
        bug != nullptr && bug->what() == mutant::kind::skip)
        return;
    log_ += fingerprint::mixed(e.print().saw(e.current(), 0), 0);
    view mine;
    e.shared().publish(e.current(), mine);
    released_.join(mine);  // of all who gave the permit that will be taken
    has_permit_ = true;
    note("unpark", at);
}

bool futex_wait(const void* word,
                bool (*is_expected)(const void* word, std::uint32_t expected) noexcept,
                std::uint32_t expected,
                std::chrono::nanoseconds limit) noexcept {
    engine& e = engine::get();
    if (limit.count() <= 0) return false;
    if (!is_expected(word, expected)) return true;  // a step, at whose end the sleep begins
    const unsigned me = e.current();
    sleepers[me] = {word, false, e.run_number()};
    const wake_reason why = e.wait_until(
        {.is_ready = [](const void*,
                        unsigned thread) noexcept { return sleepers[thread].is_woken; },
         .on = nullptr,
         .name = "a wake (futex)",
         .limit = limit_of(limit),
         .may_end_early = true});
    sleepers[me].word = nullptr;
    e.print().saw(me, static_cast<std::uint64_t>(why));
    return why != wake_reason::timeout;
}

void spin_until(bool (*is_free)(const void* word, unsigned thread) noexcept,
                const void* word) noexcept {
    if (!engine::is_inside()) return;
    engine& e = engine::get();
    e.wait_until({.is_ready = is_free, .on = word, .name = "a lock in a word"});
    e.shared().catch_up(e.current());
}

void futex_wake(const void* word, int count) noexcept {
    engine& e = engine::get();
    e.step();
    note("futex_wake", {});
    e.print().saw(e.current(), e.print().of_all());  // who sleeps now
    for (unsigned i = 0; i < max_threads && count > 0; ++i) {
        sleeper& s = sleepers[i];
        if (s.word != word || s.run != e.run_number() || s.is_woken) continue;
        s.is_woken = true;
        --count;
    }
}

std::uint64_t read_clock() noexcept {
    if (!engine::is_inside()) return 1;
    engine& e = engine::get();
    e.print().saw(e.current(), e.now);
    return e.now;
}

}  // namespace edo_check
