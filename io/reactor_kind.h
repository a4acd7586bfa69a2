#pragma once

namespace edo {

/// How a runtime learns from the kernel that a descriptor is ready.
enum class reactor_kind {
    automatic,  ///< what works here: io_uring (Linux 6.1 or later, not forbidden), else epoll
    io_uring,   ///< one ring per worker; an error where the kernel refuses it
    epoll,      ///< edge-triggered epoll; every Linux
    kqueue,     ///< the BSDs; an error on Linux
};

/// The name of a kind, as flags and messages spell it: "automatic", "io_uring", "epoll", "kqueue".
constexpr const char* name_of(reactor_kind kind) noexcept {
    switch (kind) {
        case reactor_kind::automatic:
            return "automatic";
        case reactor_kind::io_uring:
            return "io_uring";
        case reactor_kind::epoll:
            return "epoll";
        case reactor_kind::kqueue:
            return "kqueue";
    }
    return "?";
}

}  // namespace edo
