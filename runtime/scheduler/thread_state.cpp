#include <edo/runtime/scheduler/thread_state.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>
#include <sys/syscall.h>
#include <system_error>

#include <edo/base/seam/sys.h>
#include <edo/base/unique_fd.h>

namespace edo::detail {
namespace {

struct call_name {
    long number;
    const char* name;
};

// Those that may take long. Not every machine has the older ones.
constexpr call_name names_of_calls[] = {
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_readv, "readv"},
    {SYS_writev, "writev"},
    {SYS_pread64, "pread64"},
    {SYS_pwrite64, "pwrite64"},
    {SYS_sendfile, "sendfile"},
    {SYS_copy_file_range, "copy_file_range"},
    {SYS_openat, "openat"},
    {SYS_close, "close"},
    {SYS_newfstatat, "newfstatat"},
    {SYS_getdents64, "getdents64"},
    {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_flock, "flock"},
    {SYS_fcntl, "fcntl"},
    {SYS_ioctl, "ioctl"},
    {SYS_connect, "connect"},
    {SYS_accept, "accept"},
    {SYS_accept4, "accept4"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_sendto, "sendto"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_ppoll, "ppoll"},
    {SYS_pselect6, "pselect6"},
    {SYS_epoll_pwait, "epoll_pwait"},
    {SYS_futex, "futex"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait"},
#if defined(SYS_poll)
    {SYS_poll, "poll"},
    {SYS_select, "select"},
    {SYS_epoll_wait, "epoll_wait"},
    {SYS_open, "open"},
    {SYS_stat, "stat"},
    {SYS_pause, "pause"},
#endif
};

/// The beginning of a small file about a thread.
class thread_file {
public:
    thread_file(int thread_id, const char* name) noexcept {
        char path[64];
        std::snprintf(path, sizeof path, "/proc/self/task/%d/%s", thread_id, name);
        const unique_fd file(sys::open(path, O_RDONLY | O_CLOEXEC));
        if (!file) return;
        const ssize_t size = sys::read(file.get(), text_, sizeof text_);
        if (size > 0) size_ = static_cast<std::size_t>(size);
    }

    std::string_view text() const noexcept { return {text_, size_}; }

private:
    char text_[256];
    std::size_t size_ = 0;
};

/// Numbers apart by spaces, some of them hexadecimal with 0x.
class number_reader {
public:
    explicit number_reader(std::string_view text) noexcept : rest_(text) {}

    // Returns: false when there is no further one.
    template <class T>
    bool take(T& number) noexcept {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
        const bool is_hexadecimal = rest_.starts_with("0x");
        if (is_hexadecimal) rest_.remove_prefix(2);
        const auto [end, failed] = std::from_chars(rest_.data(), rest_.data() + rest_.size(),
                                                   number, is_hexadecimal ? 16 : 10);
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return failed == std::errc{};
    }

private:
    std::string_view rest_;
};

}  // namespace

std::string kernel_wait::system_call() const {
    if (call < 0) return {};
    for (const call_name& known : names_of_calls)
        if (known.number == call) return known.name;
    return "number " + std::to_string(call);
}

// The file says "running", or the call with its six arguments, or -1; then both registers.
kernel_wait kernel_wait_of(int thread_id) noexcept {
    const thread_file file(thread_id, "syscall");
    number_reader numbers(file.text());
    kernel_wait found;
    found.is_ready = file.text().starts_with("running");
    if (found.is_ready || !numbers.take(found.call)) return found;
    if (found.call >= 0)
        for (std::uintptr_t& argument : found.arguments)
            if (!numbers.take(argument)) return {};
    if (!numbers.take(found.stack_pointer) || !numbers.take(found.program_counter)) return {};
    found.is_waiting = true;
    return found;
}

processor_time processor_time_of(int thread_id) noexcept {
    const thread_file file(thread_id, "schedstat");  // time that it ran, time that it waited, turns
    number_reader numbers(file.text());
    long ran = 0, waited = 0;
    if (!numbers.take(ran) || !numbers.take(waited)) return {};
    return {true, duration{ran}, duration{waited}};
}

}  // namespace edo::detail
