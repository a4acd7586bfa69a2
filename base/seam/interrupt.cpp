#include <edo/base/seam/interrupt.h>

#include <cerrno>
#include <csignal>

#include <edo/base/seam/interrupt_request.h>
#include <edo/base/seam/mutex.h>
#include <edo/base/seam/sanitizer.h>
#include <edo/base/seam/sys.h>

namespace edo::detail {
namespace {

// Static: a handler may begin after the request was given up.
interrupt_request the_request;
mutex one_at_a_time;

void handle_urgent(int, siginfo_t*, void* registers) {
    const int before = errno;
    the_request.handle(sys::kernel::gettid(), *static_cast<const ucontext_t*>(registers));
    errno = before;
}

bool send_urgent(int thread_id) noexcept {
    return sys::tgkill(sys::getpid(), thread_id, SIGURG) == 0;
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
    return signal.is_held() && the_request.ask(thread_id, limit, &send_urgent, look, argument);
}

}  // namespace edo::detail
