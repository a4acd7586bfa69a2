#include <edo/io/reactor/reactor.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <edo/base/storage/undying.h>
#include <edo/io/epoll/reactor.h>
#if defined(EDO_HAS_URING)
#include <edo/io/uring/reactor.h>
#endif

namespace edo::detail {
namespace {

/// Why io_uring cannot be had, in words; the numbers are the kernel's.
std::string reason_for(int error_number) {
    switch (error_number) {
        case EPERM:
        case EACCES:
            return "io_uring is blocked here (EPERM: a seccomp filter, as in most containers, or "
                   "kernel.io_uring_disabled)";
        case ENOSYS:
            return "this kernel has no io_uring (ENOSYS)";
        case EINVAL:
            return "this kernel's io_uring is too old (EINVAL: SINGLE_ISSUER and DEFER_TASKRUN "
                   "need "
                   "Linux 6.1)";
        case ENOMEM:
            return "no memory for io_uring (ENOMEM: RLIMIT_MEMLOCK or RLIMIT_AS)";
        case EMFILE:
        case ENFILE:
            return "no descriptor is left for io_uring (EMFILE: RLIMIT_NOFILE)";
        case EOPNOTSUPP:
            return "this build of edo has no io_uring (EDO_URING is off)";
        default:
            return "io_uring failed: " + std::system_category().message(error_number);
    }
}

/// Errors of choosing a reactor: the numbers of the system with messages that name the way out.
class reactor_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "edo.reactor"; }

    std::string message(int code) const override {
        if (code == ENOTSUP)
            return "kqueue belongs to the BSDs; choose automatic, io_uring or epoll";
        return reason_for(code) + "; allow it, or choose reactor_kind::epoll or automatic";
    }

    std::error_condition default_error_condition(int code) const noexcept override {
        return std::generic_category().default_error_condition(code);
    }
};

std::error_code refusal(int error_number) noexcept {
    return {error_number, undying<reactor_category>()};
}

result<std::unique_ptr<reactor>> make_uring() {
#if defined(EDO_HAS_URING)
    return uring_reactor::create();
#else
    return std::error_code(EOPNOTSUPP, std::system_category());
#endif
}

result<reactor_choice> make_epoll(std::string why) {
    auto made = epoll_reactor::create();
    if (!made) return made.error();
    return reactor_choice{std::move(*made), reactor_kind::epoll, std::move(why)};
}

}  // namespace

result<reactor_choice> make_reactor(reactor_kind wanted) {
    if (wanted == reactor_kind::epoll) return make_epoll("epoll, as asked for");
    if (wanted == reactor_kind::kqueue) return refusal(ENOTSUP);
    auto ring = make_uring();
    if (ring) {
        return reactor_choice{
            std::move(*ring), reactor_kind::io_uring,
            wanted == reactor_kind::automatic ? "io_uring works here" : "io_uring, as asked for"};
    }
    const int cause = ring.error().value();
    if (wanted == reactor_kind::io_uring) return refusal(cause);
    return make_epoll(reason_for(cause) + "; using epoll");
}

}  // namespace edo::detail
