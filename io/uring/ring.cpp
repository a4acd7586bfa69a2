#include <edo/io/uring/ring.h>

#include <cerrno>
#include <ctime>

#include <edo/base/seam/tuning.h>

#if defined(__SANITIZE_THREAD__)
#define EDO_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EDO_TSAN 1
#endif
#endif
#if !defined(EDO_TSAN)
#define EDO_TSAN 0
#endif

#if EDO_TSAN
extern "C" void __tsan_acquire(void* at);
extern "C" void __tsan_release(void* at);
#endif

namespace edo::detail {

void ring::given_to_kernel([[maybe_unused]] const void* at) noexcept {
#if EDO_TSAN
    __tsan_release(const_cast<void*>(at));
#endif
}

void ring::seen_by_us([[maybe_unused]] const void* at) noexcept {
#if EDO_TSAN
    __tsan_acquire(const_cast<void*>(at));
#endif
}

namespace {
// A ring's memory may come to lie where another thread's ring has been. The kernel orders the two,
// out of the race detector's sight.
const char ring_memory = 0;
}  // namespace

ring::~ring() {
    given_to_kernel(&ring_memory);
    if (is_open_) io_uring_queue_exit(&ring_);
}

int ring::open() noexcept {
    io_uring_params wanted{};
    wanted.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    wanted.cq_entries = tuning::ring_entries * 16;
    const int failed = io_uring_queue_init_params(tuning::ring_entries, &ring_, &wanted);
    if (failed < 0) return failed;
    is_open_ = true;
    seen_by_us(&ring_memory);
    // Reports are kept when the queue overflows, and a wait takes a timeout: both older than the
    // flags.
    constexpr unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG;
    if ((wanted.features & needed) != needed) return -EINVAL;
    io_uring_ring_dontfork(&ring_);
    io_uring_register_ring_fd(&ring_);  // saves a look-up per call; older kernels say no
    return 0;
}

io_uring_sqe* ring::next_entry() noexcept {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry != nullptr) return entry;
    io_uring_submit(&ring_);
    return io_uring_get_sqe(&ring_);
}

bool ring::poll_add(int fd, std::uint32_t events, void* tag) noexcept {
    io_uring_sqe* entry = next_entry();
    if (entry == nullptr) return false;
    io_uring_prep_poll_multishot(entry, fd, events);
    io_uring_sqe_set_data(entry, tag);
    given_to_kernel(tag);
    return true;
}

bool ring::poll_remove(void* tag) noexcept {
    io_uring_sqe* entry = next_entry();
    if (entry == nullptr) return false;
    // Not POLL_REMOVE: that one gives up (EALREADY) while an event of the poll is being worked out.
    io_uring_prep_cancel(entry, tag, 0);
    io_uring_sqe_set_data(entry, nullptr);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;  // the last report of `tag` tells enough
    return true;
}

int ring::submit_and_look() noexcept {
    const int answer = io_uring_submit_and_get_events(&ring_);
    return answer < 0 ? answer : 0;
}

int ring::submit_and_wait(duration limit) noexcept {
    if (limit == duration::max()) {
        const int answer = io_uring_submit_and_wait(&ring_, 1);
        return answer < 0 ? answer : 0;
    }
    __kernel_timespec at_most{};
    at_most.tv_sec = limit.count() / 1'000'000'000;
    at_most.tv_nsec = limit.count() % 1'000'000'000;
    io_uring_cqe* first = nullptr;
    const int answer = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &at_most, nullptr);
    return answer < 0 ? answer : 0;
}

bool ring::is_behind() const noexcept {
    return (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0;
}

bool ring::has_work() const noexcept {
    constexpr unsigned wants_us = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
    return io_uring_cq_ready(&ring_) != 0 || io_uring_sq_ready(&ring_) != 0 ||
           (IO_URING_READ_ONCE(*ring_.sq.kflags) & wants_us) != 0;
}

}  // namespace edo::detail
