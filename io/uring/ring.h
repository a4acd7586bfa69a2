#pragma once

#include <cstdint>

#include <liburing.h>

#include <edo/base/clock.h>

namespace edo::detail {

/// The kernel's two queues, and the only place that speaks to liburing.
///
/// Set up for one thread that submits and waits (SINGLE_ISSUER) and for events that are worked out
/// when that thread asks for them (DEFER_TASKRUN). A ring without these is slower than epoll, so
/// there is none.
///
/// Thread-safe: no; a foreign thread's submission or wait is refused by the kernel (EEXIST).
class ring {
public:
    ring() noexcept = default;
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    /// Any thread.
    ~ring();

    /// Returns: 0, or -errno when the kernel refuses it.
    int open() noexcept;

    /// Requests that `tag` be reported at each change of readiness of `fd`, from the next
    /// submission until poll_remove(tag). Returns: false when the queue is full even after a
    /// submission; nothing happened.
    bool poll_add(int fd, std::uint32_t events, void* tag) noexcept;
    /// Requests the end of that. The last report of `tag` says that it is; it comes in any case.
    /// Returns: false when the queue is full.
    bool poll_remove(void* tag) noexcept;

    /// Submits what is requested and has the kernel work out what has happened, without waiting.
    /// Returns: 0 or -errno.
    int submit_and_look() noexcept;
    /// Submits what is requested and waits for a report, at most for `limit`; max() is no limit.
    /// Returns: 0 or -errno; -ETIME and -EINTR mean that there may be nothing.
    int submit_and_wait(duration limit) noexcept;

    /// True when submit_and_look() or take_reports() would find something to do. No system call.
    bool has_work() const noexcept;

    /// True when the kernel has not worked out everything that has happened: newer ones stop after
    /// a few events in a call that does not wait. No system call.
    bool is_behind() const noexcept;

    /// True when a report can be taken right now.
    bool has_reports() const noexcept { return io_uring_cq_ready(&ring_) != 0; }

    /// True when the kernel keeps reports for which the queue has no room; submit_and_look()
    /// fetches them.
    bool has_overflow() const noexcept { return io_uring_cq_has_overflow(&ring_); }

    /// What the kernel reports.
    struct report {
        void* tag;            ///< null: of a request without one
        std::int32_t answer;  ///< the events, or -errno
        bool is_last;         ///< the kernel has forgotten the tag
    };

    /// Hands the reports that are there, at most `most`, to `take(report)`. Returns: how many.
    template <class Take>
    unsigned take_reports(unsigned most, Take&& take) noexcept {
        unsigned count = 0;
        io_uring_cqe* entry = nullptr;
        // Asked first: peeking into an empty queue may be a system call.
        while (count != most && io_uring_cq_ready(&ring_) != 0 &&
               io_uring_peek_cqe(&ring_, &entry) == 0) {
            const report r{io_uring_cqe_get_data(entry), entry->res,
                           (entry->flags & IORING_CQE_F_MORE) == 0};
            io_uring_cqe_seen(&ring_, entry);
            seen_by_us(r.tag);
            take(r);
            ++count;
        }
        return count;
    }

    /// What one thread did before given_to_kernel(at) has happened before seen_by_us(at) of
    /// another: the kernel orders it, and the thread sanitizer, which does not see inside the
    /// kernel, is told so.
    static void given_to_kernel(const void* at) noexcept;
    static void seen_by_us(const void* at) noexcept;

private:
    io_uring_sqe* next_entry() noexcept;

    io_uring ring_{};
    bool is_open_ = false;
};

}  // namespace edo::detail
