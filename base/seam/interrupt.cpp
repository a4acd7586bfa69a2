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

// request: one thread asks another one to stop. The word says how far that is, and who is asked.
//
//            ask (A)            turn in (T)           stop (S)            release (R)
//   idle ─────────────► asked ─────────────► coming ───────────► stopped ──────────────► idle
//    ▲                    │
//    └─── give up (G) ────┘
//
// registers_ belongs to whom is asked from T to S, then to the asker until R. Only the thread that
// the word names makes T, so that a signal that somebody else sent, or that comes late, stops
// nobody and touches nothing.
//
//  mark  where    transition          ordering  pairs with
//  A     ask      idle -> asked       release   T: the look before this one is over
//  T     handle   asked -> coming     acquire   A
//  S     handle   coming -> stopped   release   S': sees the registers
//  S'    ask      finds stopped       acquire   S
//  G     ask      asked -> idle       relaxed   nothing: nobody has done anything; where it fails
//                                               S' follows
//  R     ask      stopped -> idle     release   R'
//  R'    handle   finds it not so     acquire   R: the look is over before the thread goes on
//
// All is static: a handler may begin after the request was given up.
class request {
public:
    bool ask(int thread_id, duration limit, interrupted_look look, void* argument) noexcept {
        state_.store(word(asked, thread_id), release);  // A
        bool has_stopped = false;
        if (sys::tgkill(sys::getpid(), thread_id, SIGURG) == 0)
            has_stopped = await_stop(thread_id, limit);
        std::uint32_t expected = word(asked, thread_id);
        // G
        if (!has_stopped && state_.compare_exchange_strong(expected, idle, relaxed, relaxed))
            return false;
        if (!has_stopped) await_stop(thread_id, duration::max());  // it is coming
        look(argument, *registers_);
        state_.store(idle, release);  // R
        futex_wake(state_, 1);
        return true;
    }

    /// In the signal handler.
    void handle(const ucontext_t& registers) noexcept {
        const int own_id = sys::kernel::gettid();
        std::uint32_t expected = word(asked, own_id);
        // T; failure: it was given up, or another one is asked
        if (!state_.compare_exchange_strong(expected, word(coming, own_id), acquire, relaxed))
            return;
        registers_ = &registers;
        const std::uint32_t stopped_here = word(stopped, own_id);
        state_.store(stopped_here, release);  // S
        futex_wake(state_, 1);
        while (state_.load(acquire) == stopped_here)  // R'
            futex_wait(state_, stopped_here, duration::max());
    }

private:
    bool await_stop(int thread_id, duration limit) noexcept {
        const instant end = saturating_add(monotonic_clock::read(), limit);
        for (instant now = monotonic_clock::read();; now = monotonic_clock::read()) {
            const std::uint32_t found = state_.load(acquire);  // S'
            if (found == word(stopped, thread_id)) return true;
            if (now >= end) return false;
            futex_wait(state_, found, end - now);
        }
    }

    static constexpr std::uint32_t idle = 0, asked = 1, coming = 2, stopped = 3;

    // Linux has no thread ids above 2^22.
    static constexpr std::uint32_t word(std::uint32_t state, int thread_id) noexcept {
        return static_cast<std::uint32_t>(thread_id) << 2U | state;
    }

    atomic<std::uint32_t> state_{idle};
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
