#pragma once
// The system calls of the library, in one place. In production each is an inline call; in a build
// with EDO_SEAMS each goes through a table whose entries a test can replace, to inject an errno, a
// short transfer or the n-th failure. Apart from it stand only the clock (base/clock.cpp), sleeping
// and joining (futex.cpp, thread.cpp) and io/uring/ring.*, because liburing issues its calls
// itself.
//
// Every function answers as the kernel does: a value >= 0, or -errno.

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <edo/base/seam/sanitizer.h>

#if defined(EDO_MODEL)
#include <edo_check/atomic.h>
#endif

namespace edo::detail::sys {

/// The kernel's answer in kernel form: -errno instead of -1.
template <class T>
inline T answer(T value) noexcept {
    return value >= 0 ? value : static_cast<T>(-errno);
}

namespace kernel {

inline int socket(int domain, int type, int protocol) noexcept {
    return answer(::socket(domain, type, protocol));
}

inline int bind(int fd, const sockaddr* addr, socklen_t length) noexcept {
    return answer(::bind(fd, addr, length));
}

inline int listen(int fd, int backlog) noexcept {
    return answer(::listen(fd, backlog));
}

inline int accept4(int fd, sockaddr* addr, socklen_t* length, int flags) noexcept {
    return answer(::accept4(fd, addr, length, flags));
}

inline int connect(int fd, const sockaddr* addr, socklen_t length) noexcept {
    return answer(::connect(fd, addr, length));
}

inline int getsockname(int fd, sockaddr* addr, socklen_t* length) noexcept {
    return answer(::getsockname(fd, addr, length));
}

inline int getpeername(int fd, sockaddr* addr, socklen_t* length) noexcept {
    return answer(::getpeername(fd, addr, length));
}

inline int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
    return answer(::getsockopt(fd, level, name, value, length));
}

inline int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
    return answer(::setsockopt(fd, level, name, value, length));
}

inline int shutdown(int fd, int how) noexcept {
    return answer(::shutdown(fd, how));
}

// The two calls that a server makes most go past glibc's wrappers: in a process with more than one
// thread those make each call a cancellation point, for four locked instructions a request.
inline ssize_t recv(int fd, void* data, std::size_t size, int flags) noexcept {
#if defined(SYS_recvfrom) && !EDO_SANITIZED
    return answer(::syscall(SYS_recvfrom, fd, data, size, flags, nullptr, nullptr));
#else
    return answer(::recv(fd, data, size, flags));
#endif
}

inline ssize_t send(int fd, const void* data, std::size_t size, int flags) noexcept {
#if defined(SYS_sendto) && !EDO_SANITIZED
    return answer(::syscall(SYS_sendto, fd, data, size, flags, nullptr, 0));
#else
    return answer(::send(fd, data, size, flags));
#endif
}

inline ssize_t recvmsg(int fd, msghdr* message, int flags) noexcept {
    return answer(::recvmsg(fd, message, flags));
}

inline ssize_t sendmsg(int fd, const msghdr* message, int flags) noexcept {
    return answer(::sendmsg(fd, message, flags));
}

inline ssize_t write(int fd, const void* data, std::size_t size) noexcept {
    return answer(::write(fd, data, size));
}

/// Never repeated on EINTR: on Linux the descriptor is gone whatever close says.
inline int close(int fd) noexcept {
    return answer(::close(fd));
}

inline int fcntl(int fd, int command, int argument) noexcept {
    return answer(::fcntl(fd, command, argument));
}

inline int eventfd(unsigned initial, int flags) noexcept {
    return answer(::eventfd(initial, flags));
}

inline int epoll_create1(int flags) noexcept {
    return answer(::epoll_create1(flags));
}

inline int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
    return answer(::epoll_ctl(epoll, operation, fd, event));
}

inline int epoll_wait(int epoll, epoll_event* events, int capacity, int timeout_ms) noexcept {
    return answer(::epoll_wait(epoll, events, capacity, timeout_ms));
}

/// `timeout` null waits for ever. -ENOSYS before Linux 5.11 and under some emulators.
inline int epoll_pwait2(int epoll,
                        epoll_event* events,
                        int capacity,
                        const timespec* timeout) noexcept {
    return answer(::epoll_pwait2(epoll, events, capacity, timeout, nullptr));
}

inline int timerfd_create(int clock, int flags) noexcept {
    return answer(::timerfd_create(clock, flags));
}

inline int timerfd_settime(int fd, const itimerspec* at) noexcept {
    return answer(::timerfd_settime(fd, 0, at, nullptr));
}

/// Smallest timer slack, so that a wait of this thread ends when asked and not 50 us later.
inline int set_timer_slack(unsigned long nanoseconds) noexcept {
    return answer(::prctl(PR_SET_TIMERSLACK, nanoseconds, 0UL, 0UL, 0UL));
}

inline int sched_getaffinity(std::size_t size, cpu_set_t* set) noexcept {
    return answer(::sched_getaffinity(0, size, set));
}

inline int getpid() noexcept {
    return ::getpid();
}

inline int gettid() noexcept {
    return static_cast<int>(::syscall(SYS_gettid));
}

inline ssize_t read(int fd, void* data, std::size_t size) noexcept {
    return answer(::read(fd, data, size));
}

inline ssize_t pread(int fd, void* data, std::size_t size, off_t from) noexcept {
    return answer(::pread(fd, data, size, from));
}

inline int open(const char* path, int flags) noexcept {
    return answer(::open(path, flags));
}

/// Copies `size` bytes of a process's memory. Of the own one it can also copy what other threads
/// write or unmap meanwhile: what is not there is an error, and no fault.
inline ssize_t read_process_memory(int pid, const void* from, void* to, std::size_t size) noexcept {
    const iovec local{to, size};
    const iovec remote{const_cast<void*>(from), size};
    return answer(::process_vm_readv(pid, &local, 1, &remote, 1, 0));
}

inline int tgkill(int pid, int thread_id, int signal) noexcept {
    return answer(static_cast<int>(::syscall(SYS_tgkill, pid, thread_id, signal)));
}

inline int sigaction(int signal,
                     const struct ::sigaction* action,
                     struct ::sigaction* before) noexcept {
    return answer(::sigaction(signal, action, before));
}

/// A full barrier on every thread of the process that runs, and on the caller. Only after the
/// process has registered for it.
#if defined(EDO_MODEL)
using edo_check::membarrier;
#else
inline int membarrier(int command) noexcept {
    return answer(static_cast<int>(::syscall(SYS_membarrier, command, 0U, 0)));
}
#endif

inline int pthread_create(pthread_t* thread,
                          const pthread_attr_t* attributes,
                          void* (*body)(void*),
                          void* argument) noexcept {
    return -::pthread_create(thread, attributes, body, argument);
}

/// Fresh zeroed pages. Returns: their address, or -errno in `error` and null.
inline void* map_pages(std::size_t bytes, int& error) noexcept {
    void* const pages =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    error = pages == MAP_FAILED ? -errno : 0;
    return pages == MAP_FAILED ? nullptr : pages;
}

inline int unmap_pages(void* pages, std::size_t bytes) noexcept {
    return answer(::munmap(pages, bytes));
}

}  // namespace kernel

// clang-format off
#define EDO_SYSTEM_CALLS(X)                                                             \
    X(socket) X(bind) X(listen) X(accept4) X(connect) X(getsockname) X(getpeername)     \
    X(getsockopt) X(setsockopt) X(shutdown) X(recv) X(send) X(recvmsg) X(sendmsg)       \
    X(read) X(write) X(close) X(fcntl) X(eventfd)                                       \
    X(epoll_create1) X(epoll_ctl) X(epoll_wait) X(epoll_pwait2)                         \
    X(timerfd_create) X(timerfd_settime) X(set_timer_slack) X(sched_getaffinity)        \
    X(pthread_create) X(map_pages) X(unmap_pages) X(getpid) X(gettid) X(open) X(membarrier) \
    X(pread) X(read_process_memory) X(tgkill) X(sigaction)
// clang-format on

#if defined(EDO_SEAMS)
/// What the library calls. A test swaps single entries.
struct table {
#define EDO_ENTRY(name) decltype(&kernel::name) name = &kernel::name;
    EDO_SYSTEM_CALLS(EDO_ENTRY)
#undef EDO_ENTRY
};

extern table current;
#define EDO_FORWARD(name)                                  \
    template <class... Args>                               \
    inline auto name(Args&&... args) noexcept {            \
        return current.name(static_cast<Args&&>(args)...); \
    }
EDO_SYSTEM_CALLS(EDO_FORWARD)
#undef EDO_FORWARD
#else
#define EDO_USE(name) using kernel::name;
EDO_SYSTEM_CALLS(EDO_USE)
#undef EDO_USE
#endif

}  // namespace edo::detail::sys
