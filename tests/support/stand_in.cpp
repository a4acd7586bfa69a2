#include "stand_in.h"
#include <atomic>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <mutex>
#include <semaphore.h>
#include <ucontext.h>
#include <unistd.h>

#include <edo/base/seam/sys.h>
#include <edo/runtime/native_stack/modules.h>
#include <edo/runtime/scheduler/thread_state.h>

namespace edo::testing {
namespace {

namespace sys = detail::sys;

// Through a pipe: write() refuses what cannot be read, as process_vm_readv() does, and tests ask
// for less than a pipe takes.
ssize_t copy_through_pipe(int, const void* from, void* to, std::size_t size) noexcept {
    int ends[2];
    if (::pipe(ends) != 0) return -errno;
    ssize_t count = sys::answer(::write(ends[1], from, size));
    if (count > 0) count = sys::answer(::read(ends[0], to, static_cast<std::size_t>(count)));
    ::close(ends[0]);
    ::close(ends[1]);
    return count;
}

bool can_read_memory() {
    const int from = 1;
    int to = 0;
    return sys::kernel::read_process_memory(::getpid(), &from, &to, sizeof to) != -ENOSYS;
}

// A thread that reads this file about itself is in that read; so it is told where.
bool is_wait_known() {
    const detail::kernel_wait at = detail::kernel_wait_of(sys::kernel::gettid());
    return !at.is_waiting || detail::modules().is_code(at.program_counter);
}

bool is_emulated = false;
bool waits_by_signal = false;

#if defined(__aarch64__)

/// Asks one thread after the other where it is.
class question {
public:
    question() { ::sem_init(&answered_, 0, 0); }

    question(const question&) = delete;

    /// Returns: the length of the text that the kernel's file would have; negative: no such thread.
    int ask(int thread_id, char* text, std::size_t size) noexcept {
        const std::lock_guard guard(one_at_a_time_);
        asked_ = thread_id;
        if (sys::kernel::tgkill(::getpid(), thread_id, SIGPWR) != 0) return -1;
        // One that ends with all signals blocked gives no answer.
        for (;;) {
            timespec end{};
            ::clock_gettime(CLOCK_REALTIME, &end);
            ++end.tv_sec;
            if (::sem_timedwait(&answered_, &end) == 0) break;
            if (sys::kernel::tgkill(::getpid(), thread_id, 0) != 0) return -1;
        }
        if (!is_in_call_) return std::snprintf(text, size, "running\n");
        return std::snprintf(
            text, size, "%llu 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx\n",
            registers_[8], registers_[0], registers_[1], registers_[2], registers_[3],
            registers_[4], registers_[5], stack_pointer_, program_counter_ + 4);
    }

    /// In the signal handler. A call that is to be repeated is about to be made once more.
    void answer(const ucontext_t& at) noexcept {
        if (asked_ != sys::kernel::gettid()) return;
        constexpr std::uint32_t supervisor_call = 0xD4000001;
        program_counter_ = at.uc_mcontext.pc;
        stack_pointer_ = at.uc_mcontext.sp;
        for (std::size_t i = 0; i < std::size(registers_); ++i)
            registers_[i] = at.uc_mcontext.regs[i];
        const auto* const next = std::bit_cast<const std::uint32_t*>(at.uc_mcontext.pc);
        is_in_call_ = *next == supervisor_call;
        asked_ = 0;
        ::sem_post(&answered_);
    }

private:
    std::mutex one_at_a_time_;
    std::atomic<int> asked_ = 0;
    sem_t answered_;
    unsigned long long registers_[9]{}, stack_pointer_ = 0, program_counter_ = 0;
    bool is_in_call_ = false;
};

question where_are_you;

void answer_question(int, siginfo_t*, void* registers) {
    const int before = errno;
    where_are_you.answer(*static_cast<const ucontext_t*>(registers));
    errno = before;
}

int open_wait_by_signal(const char* path, int flags) noexcept {
    int thread_id = 0, end = 0;
    std::sscanf(path, "/proc/self/task/%d/syscall%n", &thread_id, &end);
    if (end == 0) return sys::kernel::open(path, flags);
    char text[256];
    const int size = where_are_you.ask(thread_id, text, sizeof text);
    int ends[2];
    if (size < 0 || ::pipe2(ends, O_CLOEXEC) != 0) return -ENOENT;
    const ssize_t written = ::write(ends[1], text, static_cast<std::size_t>(size));
    ::close(ends[1]);
    if (written == size) return ends[0];
    ::close(ends[0]);
    return -EIO;
}

void see_waits_by_signal() {
    struct sigaction own{};
    own.sa_sigaction = &answer_question;
    own.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&own.sa_mask);
    ::sigaction(SIGPWR, &own, nullptr);
    sys::current.open = &open_wait_by_signal;
    waits_by_signal = true;
}

#else
void see_waits_by_signal() {}
#endif

}  // namespace

void replace_missing_calls() {
    if (!can_read_memory()) {
        is_emulated = true;
        sys::current.read_process_memory = &copy_through_pipe;
        std::fputs("tests: no process_vm_readv here; a pipe stands in for it\n", stderr);
    }
    if (!is_wait_known()) {
        is_emulated = true;
        see_waits_by_signal();
        std::fputs(waits_by_signal
                       ? "tests: the kernel speaks of an emulator's threads; a signal asks ours\n"
                       : "tests: the kernel speaks of an emulator's threads, not of ours\n",
                   stderr);
    }
}

bool is_wait_seen_by_signal() noexcept {
    return waits_by_signal;
}

const char* emulator_command() noexcept {
#if defined(EDO_EMULATOR)
    if (is_emulated) return EDO_EMULATOR;
#endif
    return "";
}

}  // namespace edo::testing

#if defined(EDO_EMULATOR)
// A death test goes on in a fresh copy of the program, which this machine may not be able to run.
// In the place of libc's, for GoogleTest calls that; between fork and exec it may take no memory.
extern "C" int execv(const char* path, char* const arguments[]) noexcept {
    ::execve(path, arguments, ::environ);
    if (errno != ENOEXEC) return -1;
    constexpr std::size_t most = 100;
    static char words[] = EDO_EMULATOR;
    char* all[most];
    std::size_t count = 0;
    char* rest = nullptr;
    for (char* word = ::strtok_r(words, " ", &rest); word != nullptr && count < most / 2;
         word = ::strtok_r(nullptr, " ", &rest))
        all[count++] = word;
    all[count++] = const_cast<char*>(path);
    for (std::size_t i = 1; arguments[i] != nullptr && count < most - 1; ++i)
        all[count++] = arguments[i];
    all[count] = nullptr;
    return ::execvp(all[0], all);
}
#endif
