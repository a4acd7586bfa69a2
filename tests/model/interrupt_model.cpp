// A thread that asks another one to stand still for a look at its registers
// (base/seam/interrupt_request.h), down to the futex. The thread itself calls the handler, between
// two steps of what it computes. The kernel keeps signals under a lock, so the handler sees what
// was done before the signal was sent, by whoever has sent it.

#include "model_test.h"
#include <edo_check/channel.h>
#include <memory>

#include <gtest/gtest.h>

#include <edo/base/seam/interrupt_request.h>
#include <edo/base/seam/mutex.h>

namespace {

using edo::duration;
using edo::detail::interrupt_request;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::exploration;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

constexpr duration no_limit = duration::max();

/// A thread that computes and takes signals.
class target {
public:
    target(interrupt_request& request, int id) noexcept : request_(request), id_(id) {}

    target(const target&) = delete;
    target& operator=(const target&) = delete;

    /// Its body.
    void compute() noexcept {
        registers.uc_flags = computing;
        while (signals_.take() != nullptr) {
            registers.uc_flags = interrupted;
            request_.handle(id_, registers);
            registers.uc_flags = computing;
        }
    }

    void raise() noexcept { signals_.put(&registers); }

    /// When the signals that are on their way have come.
    void stop() noexcept { signals_.close(); }

    static constexpr unsigned long computing = 1, interrupted = 2;
    ucontext_t registers{};  // plain

private:
    interrupt_request& request_;
    const int id_;
    edo_check::channel signals_;
};

struct world {
    interrupt_request request;
    edo::detail::mutex one_at_a_time;
    target first{request, 1};
    target second{request, 2};
    bool refuses = false;  // the system: to send a signal

    world() noexcept { the_one = this; }

    world(const world&) = delete;
    world& operator=(const world&) = delete;

    bool look_at(target& whom, int id, duration limit = no_limit) noexcept {
        const edo::detail::mutex_lock guard(one_at_a_time);
        return request.ask(id, limit, &send, &look, &whom);
    }

    static bool send(int id) noexcept {
        if (the_one->refuses) return false;
        (id == 1 ? the_one->first : the_one->second).raise();
        return true;
    }

    static void look(void* whom, const ucontext_t& registers) noexcept {
        expect(&registers == &static_cast<target*>(whom)->registers, "another thread's registers");
        expect(registers.uc_flags == target::interrupted, "the thread does not stand still");
    }

    static inline world* the_one = nullptr;
};

void look_at_a_thread() {
    const auto w = std::make_unique<world>();
    run_threads([&] { w->first.compute(); },
                [&] {
                    expect(w->look_at(w->first, 1), "not stopped");
                    w->first.stop();
                });
}

void two_looks() {
    const auto w = std::make_unique<world>();
    run_threads([&] { w->first.compute(); },
                [&] {
                    expect(w->look_at(w->first, 1), "not stopped");
                    expect(w->look_at(w->first, 1), "not stopped again");
                    w->first.stop();
                });
}

// The limit may pass at any moment; and the signal then come to a thread that nobody asks.
void limit_beside_the_signal() {
    const auto w = std::make_unique<world>();
    run_threads([&] { w->first.compute(); },
                [&] {
                    w->look_at(w->first, 1, duration(10));
                    w->first.stop();
                });
}

void late_signal_beside_the_next_look() {
    const auto w = std::make_unique<world>();
    run_threads([&] { w->first.compute(); }, [&] { w->second.compute(); },
                [&] {
                    w->look_at(w->first, 1, duration(10));
                    expect(w->look_at(w->second, 2), "not stopped");
                    w->first.stop();
                    w->second.stop();
                });
}

// Which registers are meant is read before the second thread may write it, even if it is told by a
// signal of somebody else.
void one_thread_after_the_other() {
    const auto w = std::make_unique<world>();
    run_threads([&] { w->first.compute(); }, [&] { w->second.compute(); },
                [&] { w->second.raise(); },
                [&] {
                    expect(w->look_at(w->first, 1), "not stopped");
                    expect(w->look_at(w->second, 2), "not stopped");
                    w->first.stop();
                    w->second.stop();
                });
}

void two_askers() {
    const auto w = std::make_unique<world>();
    run_threads([&] { w->first.compute(); },
                [&] {
                    run_threads([&] { w->look_at(w->first, 1); },
                                [&] { w->look_at(w->first, 1, duration(10)); });
                    w->first.stop();
                });
}

// Somebody else sends the same signal, at any moment; even in the place of one that is refused.
void signal_of_a_stranger() {
    const auto w = std::make_unique<world>();
    w->refuses = true;
    run_threads([&] { w->first.compute(); }, [&] { w->first.raise(); },
                [&] {
                    w->look_at(w->first, 1, duration(10));
                    w->refuses = false;
                    expect(w->look_at(w->first, 1), "not stopped");
                    w->first.stop();
                });
}

exploration of_many_threads() {
    exploration how;
    how.bound = 1;
    how.extra_runs = 0;
    how.random_runs = 50'000;
    how.limits.spurious_wakes = 0;  // they are in the smaller scenarios
    return how;
}

const scenario look_s{"interrupt.look_at_a_thread", look_at_a_thread};
const scenario again_s{"interrupt.two_looks", two_looks};
const scenario limit_s{"interrupt.limit_beside_the_signal", limit_beside_the_signal};
const scenario late_s{"interrupt.late_signal_beside_the_next_look",
                      late_signal_beside_the_next_look, of_many_threads()};
const scenario both_s{"interrupt.one_thread_after_the_other", one_thread_after_the_other,
                      of_many_threads()};
const scenario askers_s{"interrupt.two_askers", two_askers, of_many_threads()};
const scenario stranger_s{"interrupt.signal_of_a_stranger", signal_of_a_stranger};

TEST(interrupt_model, thread_stands_still_during_the_look) {
    expect_holds(look_s);
}

TEST(interrupt_model, thread_may_be_asked_again_at_once) {
    expect_holds(again_s);
}

TEST(interrupt_model, limit_may_pass_at_any_moment) {
    expect_holds(limit_s);
}

TEST(interrupt_model, late_signal_stops_nobody) {
    expect_holds(late_s);
}

TEST(interrupt_model, registers_are_those_of_who_is_asked) {
    expect_holds(both_s);
}

TEST(interrupt_model, askers_take_turns) {
    expect_holds(askers_s);
}

TEST(interrupt_model, signal_of_a_stranger_does_no_harm) {
    expect_holds(stranger_s);
}

void caught(const char* name, const char* line, mutant::kind what) {
    const mutant bug{
        .name = name, .file = "base/seam/interrupt_request.h", .line = line, .what = what};
    expect_caught(bug, {look_s, again_s, limit_s, both_s, late_s, askers_s, stranger_s});
}

constexpr auto weaken = mutant::kind::weaken;
constexpr auto skip = mutant::kind::skip;
constexpr auto tear = mutant::kind::tear;

TEST(interrupt_mutants, request_does_not_publish_the_end_of_the_last_look) {
    caught("interrupt A relaxed", "state_.store(word(asked, thread_id), release);  // A", weaken);
}

TEST(interrupt_mutants, turn_in_does_not_see_the_end_of_the_last_look) {
    caught("interrupt T relaxed", "// T; failure", weaken);
}

TEST(interrupt_mutants, turn_in_is_torn) {
    caught("interrupt T torn", "// T; failure", tear);
}

TEST(interrupt_mutants, stop_does_not_publish_the_registers) {
    caught("interrupt S relaxed", "state_.store(stopped_here, release);  // S", weaken);
}

TEST(interrupt_mutants, stop_is_not_said) {
    caught("interrupt S skipped", "state_.store(stopped_here, release);  // S", skip);
}

TEST(interrupt_mutants, look_does_not_see_the_registers) {
    caught("interrupt S' relaxed", "state_.load(acquire);  // S'", weaken);
}

TEST(interrupt_mutants, giving_up_is_torn) {
    caught("interrupt G torn", "// G", tear);
}

TEST(interrupt_mutants, release_does_not_publish_the_end_of_the_look) {
    caught("interrupt R relaxed", "state_.store(idle, release);  // R", weaken);
}

TEST(interrupt_mutants, thread_goes_on_before_the_end_of_the_look) {
    caught("interrupt R' relaxed", "state_.load(acquire) == stopped_here)  // R'", weaken);
}

}  // namespace
