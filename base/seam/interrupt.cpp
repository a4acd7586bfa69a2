#include <edo/base/seam/interrupt.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include <edo/base/seam/atomic.h>
#include <edo/base/seam/futex.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/seam/sanitizer.h>
#include <edo/base/seam/sys.h>

namespace edo::detail {
namespace {

// request: one thread asks another one to stop.
//
//            ask (A)            stop (S)             release (R)
//   idle ─────────────► asked ───────────► stopped ───────────────► idle
//    ▲                    │
//    └─── give up (G) ────┘
//
// registers_ belongs to whom is asked until S, then to the asker until R. Only the thread `wanted_`
// makes S, so that a signal that somebody else sent, or that comes late, stops nobody.
//
//  mark  where    transition          ordering  pairs with
//  A     ask      idle -> asked       release   S: sees who is wanted
//  S     handle   asked -> stopped    acq_rel   A; S', G
//  S'    ask      finds stopped       acquire   S: sees the registers
//  G     ask      asked -> idle       acquire   nothing when it succeeds: nobody has done anything;
//                                               S, as in S', when it finds stopped
//  R     ask      stopped -> idle     release   R'
//  R'    handle   finds it not so     acquire   R: the look is over before the thread goes on
//
// All is static: a handler may begin after the request was given up.
class request {
public:
    bool ask(int thread_id, duration limit, interrupted_look look, void* argument) noexcept {
        wanted_.store(thread_id, relaxed);  // nothing yet: A publishes it
        state_.store(asked, release);       // A
        bool has_stopped = false;
        if (sys::tgkill(sys::getpid(), thread_id, SIGURG) == 0) has_stopped = await_stop(limit);
        std::uint32_t expected = asked;
        // G
        if (!has_stopped && state_.compare_exchange_strong(expected, idle, acquire, acquire))
            return false;
        look(argument, *registers_);
        state_.store(idle, release);  // R
        futex_wake(state_, 1);
        return true;
    }

    /// In the signal handler.
    void handle(const ucontext_t& registers) noexcept {
        if (wanted_.load(relaxed) != sys::kernel::gettid()) return;  // only a hint until S
        if (state_.load(relaxed) != asked) return;                   // only a hint until S
        registers_ = &registers;
        std::uint32_t expected = asked;
        // S; failure: it was given up
        if (!state_.compare_exchange_strong(expected, stopped, acq_rel, relaxed)) return;
        futex_wake(state_, 1);
        while (state_.load(acquire) == stopped)  // R'
            futex_wait(state_, stopped, duration::max());
    }

private:
    bool await_stop(duration limit) noexcept {
        const instant end = saturating_add(monotonic_clock::read(), limit);
        for (instant now = monotonic_clock::read();; now = monotonic_clock::read()) {
            if (state_.load(acquire) == stopped) return true;  // S'
            if (now >= end) return false;
            futex_wait(state_, asked, end - now);
        }
    }

    static constexpr std::uint32_t idle = 0, asked = 1, stopped = 2;

    atomic<std::uint32_t> state_{idle};
    atomic<int> wanted_{0};  // relaxed: see A
    const ucontext_t* registers_ = nullptr;
};

request the_request;
mutex one_at_a_time;

void handle_urgent(int, siginfo_t*, void* registers) {
    const int before = errno;
    the_request.handle(*static_cast<const ucontext_t*>(registers));
    errno = before;
}

bool is_own(const struct sigaction& action) noexcept {
    return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &handle_urgent;
}

bool is_free(const struct sigaction& action) noexcept {
    return (action.sa_flags & SA_SIGINFO) == 0 &&
           (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN);
}

/// Has the signal while it lives, if the program does not use it.
class urgent_signal {
public:
    urgent_signal() noexcept {
        struct sigaction own{};
        own.sa_sigaction = &handle_urgent;
        own.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
        sigfillset(&own.sa_mask);  // nothing of the program's runs while the thread stands still
        if (EDO_THREAD_SANITIZED != 0) return;
        if (sys::sigaction(SIGURG, nullptr, &before_) != 0 || !is_free(before_)) return;
        is_held_ = sys::sigaction(SIGURG, &own, &before_) == 0;
    }

    urgent_signal(const urgent_signal&) = delete;
    urgent_signal& operator=(const urgent_signal&) = delete;

    // Who has set a handler of his own meanwhile keeps it.
    ~urgent_signal() {
        struct sigaction found{};
        if (is_held_ && sys::sigaction(SIGURG, &before_, &found) == 0 && !is_own(found))
            sys::sigaction(SIGURG, &found, nullptr);
    }

    bool is_held() const noexcept { return is_held_; }

private:
    struct sigaction before_{};
    bool is_held_ = false;
};

}  // namespace

bool interrupt(int thread_id, duration limit, interrupted_look look, void* argument) noexcept {
    const mutex_lock guard(one_at_a_time);
    const urgent_signal signal;
    return signal.is_held() && the_request.ask(thread_id, limit, look, argument);
}

}  // namespace edo::detail
