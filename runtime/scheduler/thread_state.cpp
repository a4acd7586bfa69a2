#include <edo/runtime/scheduler/thread_state.h>

#include <charconv>
#include <cstdio>
#include <string_view>
#include <sys/syscall.h>

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
    char text_[128];
    std::size_t size_ = 0;
};

// Returns: false when the text does not begin with a number.
bool parse(std::string_view text, long& number) noexcept {
    return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{};
}

}  // namespace

std::string system_call_of(int thread_id) {
    const thread_file file(thread_id, "syscall");
    long number = -1;
    if (!parse(file.text(), number) || number < 0) return {};  // "running", or stopped elsewhere
    for (const call_name& known : names_of_calls)
        if (known.number == number) return known.name;
    return "number " + std::to_string(number);
}

duration waited_for_processor(int thread_id) noexcept {
    const thread_file file(thread_id, "schedstat");  // time that it ran, time that it waited, turns
    const std::string_view text = file.text();
    const std::size_t gap = text.find(' ');
    long nanoseconds = 0;
    if (gap == std::string_view::npos || !parse(text.substr(gap + 1), nanoseconds)) return {};
    return duration{nanoseconds};
}

}  // namespace edo::detail
