#include "engine.h"
#include <algorithm>

namespace edo_check {

engine& engine::make() noexcept {
    the_one_ = new engine;  // large, and used until the process ends
    return *the_one_;
}

bool engine::run(void (*body)(void*),
                 void* argument,
                 const run_limits& limits,
                 choices& decisions) {
    limits_ = limits;
    decisions_ = &decisions;
    decisions.start_run();
    if (pct_ != nullptr) pct_->start_run(limits.spurious_wakes + limits.timeouts);
    memory_.reset(limits.memory);
    ++run_number_;
    heap_.start_run(run_number_);
    count_ = steps_ = preemptions_ = oddities_ = joined_ = 0;
    spurious_wakes_ = timeouts_ = failed_places_ = refused_starts_ = 0;
    is_solo_ = true;
    stopped_ = 0;
    failed_places_log_ = 0;
    was_bounded_ = has_failed_ = is_known_ = is_calm_ = false;
    failure_.clear();
    now = 1;
    start(body, argument);
    current_ = 0;

    inside_ = true;
    fiber::change(host_, fibers_[0]);
    inside_ = false;

    if (!has_failed_ && heap_.live_blocks() != 0) {
        has_failed_ = true;
        failure_ = "leak: " + heap_.describe_leaks();
    }
    return !has_failed_;
}

void engine::fail(const char* what) noexcept {
    inside_ = false;
    has_failed_ = true;
    failure_ = what;
    if (trace_ != nullptr) trace_->add(current_, "FAILS", what, {});
    fiber::change(fibers_[current_], host_);  // for good: the run is abandoned
    __builtin_unreachable();
}

// Everything that what comes may depend on, besides what is left to spend.
std::uint64_t engine::state_at(point where) const noexcept {
    std::uint64_t state = memory_.state();
    for (const std::uint64_t part :
         {std::uint64_t{stopped_}, failed_places_log_, now,
          std::uint64_t{spurious_wakes_} << 32 | timeouts_,
          // Who cannot go on has no say in who does.
          where == point::wait ? std::uint64_t{max_threads} : std::uint64_t{current_} << 8,
          static_cast<std::uint64_t>(where)})
        state = fingerprint::mixed(state, part);
    return state;
}

void engine::enter_state(point where) noexcept {
    if (visited_ == nullptr || is_known_ || !decisions_->is_new()) return;
    const outside here;
    is_known_ = !visited_->enter(state_at(where), preemptions_, oddities_);
}

unsigned engine::pick(unsigned count, bool likely_first, point where) noexcept {
    if (is_calm_) return 0;
    enter_state(where);
    // From here on there is nothing to choose. But the run is made to its end: what it has taken
    // from static objects must come back.
    return is_known_ ? 0 : decisions_->pick(count, likely_first);
}

// Returns: which of `to`, from 0; before a step from 1, and 0 is that the current thread goes on.
unsigned engine::pick_thread(const option* to, unsigned n, point where) noexcept {
    const bool may_stay = where == point::step;
    const unsigned count = may_stay ? n + 1 : n;
    if (count == 1) return 0;
    if (pct_ == nullptr) return pick(count, may_stay, where);
    return decisions_->take(highest_of(to, n, may_stay), count);
}

unsigned engine::highest_of(const option* to, unsigned n, bool may_stay) noexcept {
    const unsigned first = may_stay ? 1 : 0;
    constexpr unsigned none = 2 * max_threads + 1;
    unsigned highest = may_stay ? 0 : none;
    int priority = may_stay ? pct_->priority(current_) : 0;
    unsigned early[2 * max_threads];
    unsigned early_count = 0;
    for (unsigned i = 0; i < n; ++i) {
        if (to[i].reason != wake_reason::ready) {
            early[early_count++] = i + first;
        } else if (highest == none || pct_->priority(to[i].thread) > priority) {
            highest = i + first;
            priority = pct_->priority(to[i].thread);
        }
    }
    const bool is_early = early_count != 0 && (highest == none || pct_->ends_wait_early());
    return is_early ? early[pct_->draw_below(early_count)] : highest;
}

// The first function on each stack.
void engine::enter() noexcept {
    engine& e = get();
    simulated& me = e.threads_[e.current_];
    me.body(me.argument);
    me.has_ended = true;
    if (e.current_ == 0) {
        for (unsigned i = 1; i < e.count_; ++i)
            if (!e.threads_[i].has_ended) e.fail("the scenario ended before its threads did");
        fiber::change(e.fibers_[0], e.host_);
    }
    e.leave();
    __builtin_unreachable();
}

bool engine::is_start_refused() noexcept {
    if (refused_starts_ == 0) return false;
    print().saw(current_, refused_starts_--);
    return true;
}

unsigned engine::start(void (*body)(void*), void* argument) noexcept {
    if (count_ == max_threads) fail("more threads than the checker has room for");
    const unsigned number = count_++;
    threads_[number] = {};
    threads_[number].body = body;
    threads_[number].argument = argument;
    fibers_[number].prepare(&enter);
    if (hook_ != nullptr) hook_(number, number);
    if (number != 0) {
        memory_.start_thread(current_, number);
        is_solo_ = false;
    }
    return number;
}

void engine::join(unsigned other) noexcept {
    wait_until(
        {.is_ready = [](const void* on,
                        unsigned) noexcept { return static_cast<const simulated*>(on)->has_ended; },
         .on = &threads_[other],
         .name = "the end of a thread"});
    memory_.join_thread(current_, other);
    is_solo_ = current_ == 0 && ++joined_ + 1 == count_;
}

void engine::end_calm() noexcept {
    if (is_calm_) await_rest();
    is_calm_ = false;
}

void engine::await_rest() noexcept {
    const auto do_others_wait = [](const void* on, unsigned thread) noexcept {
        const auto& e = *static_cast<const engine*>(on);
        for (unsigned i = 0; i < e.count_; ++i)
            if (i != thread && e.can_run(i)) return false;
        return true;
    };
    wait_until({.is_ready = do_others_wait, .on = this, .name = "rest"});
}

bool engine::can_run(unsigned number) const noexcept {
    const simulated& t = threads_[number];
    return !t.has_ended && (t.waits.is_ready == nullptr || t.waits.is_ready(t.waits.on, number));
}

// What can happen instead of the current thread's next step.
unsigned engine::others(option* to) const noexcept {
    unsigned n = 0;
    for (unsigned i = 0; i < count_; ++i) {
        if (i == current_) continue;
        const auto number = static_cast<std::uint8_t>(i);
        if (can_run(i)) {
            to[n++] = {number, wake_reason::ready};
        } else if (!threads_[i].has_ended) {
            const wait& w = threads_[i].waits;
            if (w.may_end_early && spurious_wakes_ < limits_.spurious_wakes)
                to[n++] = {number, wake_reason::spurious};
            if (w.has_limit() && timeouts_ < limits_.timeouts)
                to[n++] = {number, wake_reason::timeout};
        }
    }
    return n;
}

void engine::count_step() noexcept {
    if (++steps_ > limits_.steps) fail("no progress: the run does not end (a livelock?)");
}

void engine::step() noexcept {
    count_step();
    if (is_known_) return;
    if (!is_solo_) let_others_come_first();
    print().saw(current_, 0);  // that it is past this
}

void engine::let_others_come_first() noexcept {
    if (is_calm_) return;
    option to[2 * max_threads];
    const unsigned n = others(to);
    if (n == 0) return;
    if (preemptions_ == limits_.preemptions) {
        was_bounded_ = true;
        enter_state(point::step);  // nothing to choose, but perhaps it was here before
        return;
    }
    if (pct_ != nullptr) pct_->count_step(current_);
    const unsigned picked = pick_thread(to, n, point::step);
    if (picked == 0) return;
    ++preemptions_;
    const unsigned me = 1U << current_;
    stopped_ |= me;
    go(to[picked - 1]);
    stopped_ &= ~me;
}

void engine::step(std::uint32_t object, bool writes) noexcept {
    count_step();
    if (is_known_) return;
    if (!is_solo_) {
        if (is_shared_[object]) {
            let_others_come_first();
        } else if (memory_.is_unordered(object, current_, writes)) {
            learned_[object] = true;
        }
    }
    print().saw(current_, 0);
}

void engine::forget_sharing() noexcept {
    for (unsigned i = 0; i < memory_model::most_locations; ++i)
        learned_[i] = is_shared_[i] = false;
    memory_.forget_fences();
    knew_fences_ = false;
}

bool engine::learn_sharing() noexcept {
    bool grew = memory_.has_fences() && !knew_fences_;
    knew_fences_ = memory_.has_fences();
    for (unsigned i = 0; i < memory_.locations(); ++i) {
        if (is_shared_[i] || !learned_[i]) continue;
        is_shared_[i] = grew = true;
    }
    return grew;
}

std::string engine::sharing_text() const {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < memory_model::most_locations; i += 4) {
        unsigned four = 0;
        for (unsigned j = 0; j < 4; ++j)
            four |= (is_shared_[i + j] ? 1U : 0U) << j;
        text += digits[four];
    }
    text.erase(text.find_last_not_of('0') + 1);
    return text;
}

void engine::set_sharing(std::string_view text) noexcept {
    forget_sharing();
    for (unsigned i = 0; i < text.size() && 4 * i < memory_model::most_locations; ++i) {
        const auto four =
            static_cast<unsigned>(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
        for (unsigned j = 0; j < 4; ++j)
            is_shared_[4 * i + j] = (four >> j & 1) != 0;
    }
}

unsigned engine::decide(unsigned count) noexcept {
    if (is_calm_ || is_known_) return 0;
    if (oddities_ == limits_.oddities) {
        was_bounded_ = true;
        return 0;
    }
    const unsigned picked = pick(count, false, point::memory);
    if (picked != 0) ++oddities_;
    return picked;
}

void engine::yield() noexcept {
    count_step();
    option to[2 * max_threads];
    const unsigned n = others(to);
    memory_.catch_up(current_);
    if (n == 0) return;
    if (pct_ != nullptr) pct_->fall_below_all(current_);
    go(to[pick_thread(to, n, point::yield)]);
}

wake_reason engine::wait_until(const wait& for_what) noexcept {
    if (for_what.is_ready(for_what.on, current_)) return wake_reason::ready;
    simulated& me = threads_[current_];
    me.waits = for_what;
    me.due = no_limit;
    if (for_what.has_limit()) {
        me.due = now + std::min(for_what.limit, no_limit - now);
        if (!is_known_) print().saw(current_, me.due);
    }
    me.reason = wake_reason::ready;
    leave();
    me.waits = {};
    if (me.reason == wake_reason::timeout) now = std::max(now, me.due);
    return me.reason;
}

// The current thread cannot go on.
void engine::leave() noexcept {
    count_step();
    option to[2 * max_threads];
    unsigned n = others(to);
    const simulated& me = threads_[current_];
    if (!me.has_ended) {
        // It may as well be itself whom time or chance wakes.
        const auto number = static_cast<std::uint8_t>(current_);
        if (me.waits.may_end_early && spurious_wakes_ < limits_.spurious_wakes)
            to[n++] = {number, wake_reason::spurious};
        if (me.waits.has_limit() && timeouts_ < limits_.timeouts)
            to[n++] = {number, wake_reason::timeout};
    }
    bool somebody_runs = false;
    for (unsigned i = 0; i < n; ++i)
        somebody_runs |= to[i].reason == wake_reason::ready;
    if (!somebody_runs) {
        // Nothing happens but that time passes. Chance must not be needed to go on.
        n = 0;
        std::uint64_t first = no_limit;
        for (unsigned i = 0; i < count_; ++i) {
            const simulated& t = threads_[i];
            if (t.has_ended || !t.waits.has_limit() || t.due > first) continue;
            if (t.due < first) n = 0;
            first = t.due;
            to[n++] = {static_cast<std::uint8_t>(i), wake_reason::timeout};
        }
    }
    if (n == 0) {
        const outside here;
        std::string text = "deadlock:";
        for (unsigned i = 0; i < count_; ++i)
            if (!threads_[i].has_ended)
                text +=
                    " thread " + std::to_string(i) + " waits for " + threads_[i].waits.name + ";";
        fail(text.c_str());
    }
    if (is_calm_) {
        // Time passes only where nothing else can happen.
        unsigned first = 0;
        while (first + 1 < n && somebody_runs && to[first].reason != wake_reason::ready)
            ++first;
        go(to[first]);
        return;
    }
    go(to[pick_thread(to, n, point::wait)]);
}

void engine::go(option to) noexcept {
    simulated& next = threads_[to.thread];
    next.reason = to.reason;
    if (to.reason == wake_reason::spurious) ++spurious_wakes_;
    if (to.reason == wake_reason::timeout) ++timeouts_;
    if (to.thread == current_) return;
    const unsigned from = current_;
    current_ = to.thread;
    if (hook_ != nullptr) hook_(from, to.thread);
    fiber::change(fibers_[from], fibers_[to.thread]);
}

bool engine::may_fail_at(const std::source_location& at) noexcept {
    for (unsigned i = 0; i < failed_places_; ++i)
        if (places_[i].line() == at.line() && places_[i].column() == at.column() &&
            places_[i].file_name() == at.file_name())
            return false;
    if (failed_places_ == most_places) return false;
    places_[failed_places_++] = at;
    failed_places_log_ += fingerprint::mixed(at.line(), at.column());
    return true;
}

}  // namespace edo_check
